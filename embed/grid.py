"""Where the voxels of a view's grid lie on the scan's own: positions in mm, crops and padding. Numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..store.errors import ViewError
from ..store.scan import ScanHeader, Volume
from .shear import Shear

_NAMES = "zyx"
_EVEN = 1e-3
_ROUNDING = 1e-3
"""In voxels. Spacings come from positions and affines, which NIfTI holds in float32: 47.999998 voxels are 48."""
_MOST_ALONG = 1 << 16
"""Voxels of a resampled axis: more is a spacing that is not what it says."""


@dataclass(frozen=True)
class Axis:
    """A resampled axis: between which voxels of the source its own lie."""

    source_mm: NDArray[np.float64]
    """(n,) centres of the source's voxels along the axis, increasing."""
    centres_mm: NDArray[np.float64]
    """(m,) centres of the resampled ones, in the same frame."""
    step_mm: float
    """Between two of them: at most one part in m over what was asked."""
    lower: NDArray[np.int64]
    """(m,) the source voxel at or below each, or the first."""
    upper: NDArray[np.int64]
    """(m,) the source voxel above each, or the last."""
    weight: NDArray[np.float32]
    """(m,) of the upper one, 0..1."""

    def __getitem__(self, part: slice) -> Axis:
        """The same for a part of the resampled voxels."""
        return Axis(self.source_mm, self.centres_mm[part], self.step_mm, self.lower[part], self.upper[part], self.weight[part])

    @property
    def nearest(self) -> Axis:
        """The same with the nearer voxel of the source alone; of two equally near the lower."""
        return Axis(self.source_mm, self.centres_mm, self.step_mm, self.lower, self.upper, (self.weight > 0.5).astype(np.float32))

    def carried(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(m,) a coordinate in mm known at the source's centres (n,), at the resampled ones; it goes on straight beyond the outer ones."""
        at, source = self.centres_mm, self.source_mm
        if len(source) == 1:
            return values[0] + (at - source[0])
        left = np.clip(self.lower, 0, len(source) - 2)
        slope = np.diff(values) / np.diff(source)
        return values[left] + (at - source[left]) * slope[left]


@dataclass(frozen=True)
class Span:
    """What is taken of an axis, and where it goes in one of `length` voxels; the rest is padding."""

    taken: slice
    filled: slice
    length: int

    @property
    def padded(self) -> bool:
        return self.filled != slice(0, self.length)


def centre_span(count: int, wanted: int | None) -> Span:
    """The central `wanted` of `count` voxels, padded evenly where there are fewer; all of them for None."""
    length = count if wanted is None else wanted
    skipped, before, taken = max(0, (count - length) // 2), max(0, (length - count) // 2), min(count, length)
    return Span(slice(skipped, skipped + taken), slice(before, before + taken), length)


def spacing_unknown(scan: Volume | ScanHeader) -> bool:
    """Whether a scan cannot be resampled to mm. A lone slice needs no distance to the next: it becomes one plane."""
    if isinstance(scan, Volume):
        axis, slices = scan.slice_axis, scan.voxels.shape[scan.slice_axis]
    else:
        axis, slices = 0, len(scan.slices)
    return any(step is None for a, step in enumerate(scan.spacing_mm) if a != axis or slices > 1)


def resampled_axes(volume: Volume, spacing_mm: tuple[float, float, float], shear: Shear | None = None) -> tuple[Axis, Axis, Axis]:
    """The three axes (z, y, x) of a scan, resampled to a spacing (z, y, x) in mm; of an upright box around the whole of a leaning one.

    Raises:
        ViewError: the scan's spacing is unknown.
    """
    beside, steps = [0.0, 0.0, 0.0], list(volume.spacing_mm)
    if shear is not None:
        slices, rows, columns = shear.order
        start, stop = _extent(_source_centres(volume, slices, volume.spacing_mm[slices]), volume.spacing_mm[slices])
        beside[rows], beside[columns] = shear.beside_mm(float(stop - start), volume.voxels.shape[rows])
        steps[rows], steps[columns] = shear.step_mm
    z, y, x = (resampled_axis(_source_centres(volume, a, steps[a]), steps[a], spacing_mm[a], beside[a]) for a in range(3))
    return z, y, x


def resampled_axis(centres: NDArray[np.float64], width_mm: float | None, spacing_mm: float, beside_mm: float = 0.0) -> Axis:
    """Voxels of `spacing_mm` over the extent of the source's voxels at `centres` (increasing, mm), and `beside_mm` more at either end.

    The extent runs from half a gap before the first centre to half a gap behind the last, where a single voxel is
    `width_mm` wide. It holds floor(extent / spacing) voxels, at least one, which share it evenly. On even centres
    this is torch.nn.functional.interpolate(size=..., align_corners=False) without antialiasing, as in CT-CLIP's
    published preprocessing; beyond the outer centres the outer value holds.

    Raises:
        ViewError: that would be more voxels than any scan has.
    """
    start, stop = _extent(centres, spacing_mm if width_mm is None else width_mm)
    start, stop = start - beside_mm, stop + beside_mm
    if not (stop - start) / spacing_mm < _MOST_ALONG:
        raise ViewError(
            f"view resamples to {spacing_mm:g} mm, of which the scan's {stop - start:g} mm along an axis are more than {_MOST_ALONG}: "
            "the spacing that the scan says it has is wrong, or that of the view"
        )
    count = max(1, int((stop - start) / spacing_mm + _ROUNDING))
    step = float(stop - start) / count
    at = start + (np.arange(count) + 0.5) * step
    lower = np.clip(np.searchsorted(centres, at, side="right") - 1, 0, len(centres) - 1)
    upper = np.minimum(lower + 1, len(centres) - 1)
    gap = np.where(upper > lower, centres[upper] - centres[lower], 1.0)
    weight = np.clip((at - centres[lower]) / gap, 0, 1).astype(np.float32)
    return Axis(centres, at, step, lower, upper, weight)


def _extent(centres: NDArray[np.float64], width_mm: float | None) -> tuple[np.float64, np.float64]:
    if len(centres) > 1:
        return centres[0] - (centres[1] - centres[0]) / 2, centres[-1] + (centres[-1] - centres[-2]) / 2
    half = (width_mm or 0.0) / 2
    return centres[0] - half, centres[0] + half


def source_z(volume: Volume) -> NDArray[np.float64]:
    """(Z,) mm along the superior axis of the centre of each plane Z of the canonical array; NaN where unknown."""
    if volume.slice_axis == 0:
        return volume.z_mm
    depth, height, width = volume.voxels.shape
    superior = volume.affine[2]
    return superior[0] * (width - 1) / 2 + superior[1] * (height - 1) / 2 + superior[2] * np.arange(depth) + superior[3]


def _source_centres(volume: Volume, axis: int, step: float | None) -> NDArray[np.float64]:
    """(n,) mm along an axis of its voxels: the true positions for slices, even steps otherwise."""
    if axis == volume.slice_axis and np.isfinite(volume.positions_mm).all():
        return volume.positions_mm
    if step is None:
        raise ViewError(f"view resamples to a spacing in mm; the scan's spacing along {_NAMES[axis]} is unknown: leave the spacing out")
    return np.arange(volume.voxels.shape[axis]) * float(step)


def plane_places(volume: Volume) -> NDArray[np.float64]:
    """(slices,) the place of each plane along the slice axis, in steps of the affine: 0, 1, 2, ... where they are even."""
    step = volume.spacing_mm[volume.slice_axis]
    if step is None or len(volume.positions_mm) < 2:
        return np.arange(len(volume.positions_mm), dtype=np.float64)
    return (volume.positions_mm - volume.positions_mm[0]) / step


def unevenness(volume: Volume) -> float:
    """The furthest that a plane lies from its even place, in steps; 0 where that is rounding."""
    places = plane_places(volume)
    furthest = float(np.abs(places - np.arange(len(places))).max())
    return furthest if np.isfinite(furthest) and furthest > _EVEN else 0.0
