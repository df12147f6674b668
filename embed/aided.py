"""A scan on a view's grid with what takes more than the scan itself: a mask, or a reference that it is aligned to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from ..store.errors import ScanbankError, ViewError
from ..store.scan import Volume
from ..store.specs import ViewSpec
from .gridded import Gridded, fitted, gridded, placed, source_planes
from .orientation import oriented
from .windowing import BELOW_ALL

if TYPE_CHECKING:
    from .align import Reference

_AIR_HU = -1024.0


@final
@dataclass(frozen=True)
class Aids:
    """What views may ask for beside the scan."""

    masks: Mapping[str, Volume | ScanbankError] = field(default_factory=dict[str, "Volume | ScanbankError"])
    """Finding to the scan's mask, or why it cannot be read."""
    reference: Reference | None = None

    def mask(self, finding: str) -> Volume:
        """Raises ViewError where the scan has no mask of a finding, or what kept it from being read."""
        found = self.masks.get(finding)
        if found is None:
            raise ViewError(f"the scan has no mask of {finding}; ingest one with `scanbank ingest --masks`")
        if isinstance(found, ScanbankError):
            raise ViewError(f"the mask of {finding}: {found}")
        return found


NO_AIDS = Aids()


def whole(volume: Volume, geometry: ViewSpec, device: str = "", aids: Aids = NO_AIDS) -> Gridded:
    """The whole scan on the grid of a view, as `gridded`, masked and aligned where the view says so.

    Under alignment planes lie in the reference's frame; `z_mm` is where a plane's middle lies along the patient's superior axis.

    Raises:
        ViewError: there is nothing to keep, no mask of the user's, or the scan does not fit the reference.
    """
    scan, mask = _masked(volume, geometry, aids, planes=False)
    plain = replace(geometry, mask="")
    make = _aligner(volume, plain, device, aids) if geometry.align else lambda one, view: gridded(one, view, device)
    found = make(scan, plain)
    if mask is None:
        return found
    kept = make(replace(scan, voxels=mask.astype(np.int16)), _mask_view(plain))
    return Gridded(_kept(found.values, kept.values), found.z_mm)


@final
class Planes:
    """A scan's own planes under a view with a mask, which is looked for once."""

    def __init__(self, volume: Volume, geometry: ViewSpec, device: str = "", aids: Aids = NO_AIDS) -> None:
        """Raises ViewError as `whole`."""
        self._scan, mask = _masked(volume, geometry, aids, planes=True)
        self._geometry = replace(geometry, mask="")
        self._mask = None if mask is None else replace(self._scan, voxels=mask.astype(np.int16))
        self._device = device

    def at(self, indices: NDArray[np.int64]) -> Any:
        """(n, Y, X), as `source_planes`."""
        values = source_planes(self._scan, self._geometry, indices, self._device)
        if self._mask is None:
            return values
        return _kept(values, source_planes(self._mask, _mask_view(self._geometry), indices, self._device))


def _masked(volume: Volume, geometry: ViewSpec, aids: Aids, *, planes: bool) -> tuple[Volume, NDArray[np.bool_] | None]:
    """The scan, or the part that a crop keeps, and the voxels that are kept of it. Planes of the scan's own all stay."""
    if not geometry.mask:
        return volume, None
    from .mask_rule import parse_mask
    from .masks import bounding_box, cropped, mask_of

    rule = parse_mask(geometry.mask)
    if rule.crop and geometry.align:
        raise ViewError("view is aligned to a reference and cropped to a mask; leave one of them out, or keep the mask without :crop")
    mask = mask_of(rule, volume, aids.mask)
    if not rule.crop:
        return volume, mask
    box = list(bounding_box(mask))
    if planes:
        box[volume.slice_axis] = slice(0, volume.voxels.shape[volume.slice_axis])
    return cropped(volume, (box[0], box[1], box[2])), None


def _aligner(volume: Volume, geometry: ViewSpec, device: str, aids: Aids):
    """What puts the scan, or its mask, on the view's grid in the reference's frame."""
    from .align import rigid_to_reference
    from .rigid import resample_rigid, target_grid

    reference = aids.reference
    if reference is None or reference.digest != geometry.align:
        raise ViewError(f"view is aligned to reference {geometry.align[:8]}, which is not at hand or not what it was; give it with --align")
    rigid = rigid_to_reference(volume, reference)
    grid = target_grid(oriented(reference.volume, geometry.orientation), geometry.spacing_mm, geometry.shape)
    centres = grid.plane_centres @ rigid.matrix[:3, :3].T + rigid.matrix[:3, 3]

    def make(scan: Volume, view: ViewSpec) -> Gridded:
        values: Any = resample_rigid(scan, rigid.matrix, grid, device or "cpu", nearest=view.interpolation == "nearest")
        outside = values == BELOW_ALL
        if view.clip is not None:
            values = values.clamp_(*view.clip).masked_fill_(outside, BELOW_ALL)
        if view.size is not None:
            steps = (grid.spacing_mm[1], grid.spacing_mm[2])
            seen = fitted((~outside).float(), steps, _mask_view(view), device)
            values = fitted(values.masked_fill_(outside, _AIR_HU), steps, view, device).masked_fill(seen <= 0, BELOW_ALL)
        return Gridded(placed(values, device), centres[:, 2])

    return make


def _mask_view(geometry: ViewSpec) -> ViewSpec:
    return replace(geometry, interpolation="nearest", clip=None)


def _kept(values: Any, mask: Any) -> Any:
    from .masks import mask_out

    return mask_out(values, mask > 0)
