"""Scans of a bank as an encoder is trained on them: decoded once, put into a view, kept in a local cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from ...store.digests import spec_digest
from ...store.errors import ReadError, ScanbankError, UsageError
from ...store.progress import Progress, Silent
from ...store.readers import import_loaders
from ...store.specs import ViewSpec
from ...store.voxel_cache import DEFAULT_BYTES, VoxelCache, voxel_folder
from ..decode_pool import DecodePool
from ..decoding import Beside, Decoded, Job, Prepared, Request, decode_for, run_job
from ..plan import Work, masks_by_volume
from ..wanted import is_resampled
from ..windowing import apply_windows, value_windows
from .errors import AdaptError

if TYPE_CHECKING:
    from ...store.bank import Bank


_SHOWN = 5
"""Reasons in an error."""


@final
@dataclass(frozen=True)
class Wanted:
    """What is needed of one scan."""

    work: Work
    planes: tuple[int, ...] | None = None
    """The scan's own planes, 0-based; None for the whole scan on the view's grid."""

    @property
    def name(self) -> str:
        """Of its array in a cache: voxels that changed have another ordinal."""
        planes = "" if self.planes is None else f"-{spec_digest(list(self.planes))[:12]}"
        return f"{self.work.volume}-{self.work.ordinal}{planes}"


@final
@dataclass
class Voxels:
    """Arrays of scans in one view, in an encoder's input range."""

    bank: Bank
    view: ViewSpec
    input_range: tuple[float, float]
    cache: VoxelCache
    accept_hu: bool = False
    reference: Path | None = None
    """What the view aligns to."""
    _masks: Mapping[str, Sequence[tuple[str, str]]] = field(init=False)
    _contents: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self._masks = masks_by_volume(self.bank, [self.view.mask])
        rows = self.bank.sql("SELECT volume, content FROM contents WHERE content IS NOT NULL").to_pylist()
        self._contents = {row["volume"]: row["content"] for row in rows}

    def fill(self, every: Sequence[Wanted], workers: int = 1, progress: Progress | None = None) -> dict[str, str]:
        """Bring what is wanted into the cache, as far as it has room, and say why scans cannot be had: volume to reason.

        Raises:
            UsageError: none of them can.
        """
        progress = progress or Silent()
        lacking = {one.work.volume: one for one in every if self.cache.get(one.name) is None}
        if not lacking:
            return {}
        kinds = self.bank.sql("SELECT DISTINCT kind FROM volumes").column("kind").to_pylist()
        import_loaders(kinds)
        progress.start("decoding", len(lacking))
        pool = DecodePool(lambda work, run: self._decode(lacking[work.volume], run), workers, lambda work: work.volume in self._masks)
        failed: dict[str, str] = {}
        for work, decoded in pool.decoded([one.work for one in lacking.values()]):
            try:
                if isinstance(decoded, ScanbankError):
                    raise decoded
                self.cache.put(lacking[work.volume].name, self._made(lacking[work.volume], decoded))
            except ScanbankError as error:
                failed[work.volume] = str(error)
            progress.advance()
        if len(failed) == len({one.work.volume for one in every}):
            shown = "; ".join(dict.fromkeys(list(failed.values())[:_SHOWN]))
            more = f"; and {len(failed) - _SHOWN} others" if len(failed) > _SHOWN else ""
            raise UsageError(f"none of the {len(failed)} scans to train on can be had, such as: {shown}{more}")
        return failed

    def of(self, one: Wanted) -> NDArray[np.float16]:
        """(C, Z, Y, X) of a whole scan, or (n, C, Y, X) of its planes.

        Raises:
            AdaptError: its files are gone or changed since the run began.
        """
        held = self.cache.get(one.name)
        if held is not None:
            return held
        try:
            made = self._made(one, self._decode(one))
        except ScanbankError as error:
            raise AdaptError(
                f"scan {one.work.volume} cannot be read any more ({error}); put it back and run the same command to go on"
            ) from error
        self.cache.put(one.name, made)
        return made

    def _request(self, one: Wanted) -> Request:
        return Request(self.view.geometry, one.planes is not None, one.planes)

    def _decode(self, one: Wanted, run: Callable[[Job], Decoded] = run_job) -> Decoded:
        found = ((finding, self.bank.local_map.locate(mask)) for finding, mask in self._masks.get(one.work.volume, ()))
        beside = Beside(tuple((finding, located) for finding, located in found if located is not None), self.reference)
        content = self._contents.get(one.work.volume)
        return decode_for(self.bank, one.work, content, (self._request(one),), run, keep_voxels=False, beside=beside)

    def _made(self, one: Wanted, decoded: Decoded) -> NDArray[np.float16]:
        if not self.accept_hu and decoded.hu.judgement == "wrong":
            raise ReadError(f"{decoded.hu}; --accept-hu takes it as it is")
        prepared = decoded.prepared[self._request(one)]
        if not isinstance(prepared, Prepared):
            raise prepared
        pixels = apply_windows(prepared.values, value_windows(self.view, decoded.volume), self.input_range)
        return (pixels if one.planes is not None else pixels.transpose(1, 0, 2, 3)).astype(np.float16)


def voxels_of(
    bank: Bank,
    view: ViewSpec,
    input_range: tuple[float, float],
    folder: Path | None = None,
    limit: int = DEFAULT_BYTES,
    *,
    accept_hu: bool = False,
) -> Voxels:
    """Those of a bank, with a cache of their own in `folder` (by default the user's cache)."""
    name = spec_digest([view.digest, list(input_range)])
    return Voxels(bank, view, input_range, VoxelCache(folder or voxel_folder(bank.card["bank"]), name, limit), accept_hu)


def planes_of(view: ViewSpec, most: int) -> ViewSpec:
    """A view of at most so many planes of a scan, evenly spread, unless it says itself which."""
    return replace(view, slices=f"even:{most}") if view.slices == "source" and not is_resampled(view) else view
