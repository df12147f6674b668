"""From a volume of the bank to what the encoder's side needs of it: decoded once, checked, and put on the grids that views ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from ..store.errors import ReadError, ScanbankError, SourceChangedError, UsageError, ViewError
from ..store.local_map import Located
from ..store.readers import load_mask, load_volume
from ..store.scan import Volume
from ..store.specs import ViewSpec
from .aided import NO_AIDS, Aids, Planes, whole
from .hu_check import OK, HuVerdict, examine
from .plan import Work
from .views import check_view

if TYPE_CHECKING:
    from ..store.bank import Bank
    from .align import Reference

PLANES = 32
"""Planes that are resized at once."""


@final
@dataclass(frozen=True)
class Request:
    """What is made of a scan while it is decoded."""

    geometry: ViewSpec
    """A view without windows."""
    planes: bool
    """The scan's own planes; else the whole scan on the view's grid."""
    indices: tuple[int, ...] | None = None
    """Which planes, 0-based along the slice axis; all of them for None."""


@final
@dataclass(frozen=True)
class Beside:
    """Files beside the scan's that views of it need."""

    masks: tuple[tuple[str, Located], ...] = ()
    """By finding: masks that the user ingested."""
    reference: Path | None = None
    """What scans are aligned to."""


@final
@dataclass(frozen=True)
class Job:
    """A scan to decode, with all that is needed to do it elsewhere."""

    located: Located
    slices: int
    """That it had at ingest."""
    requests: tuple[Request, ...] = ()
    keep_voxels: bool = True
    """Also give the voxels as they were decoded; without, only what was requested."""
    accept_changed: bool = False
    beside: Beside = Beside()


@final
@dataclass(frozen=True)
class Prepared:
    """A scan's voxels in one geometry, before windows."""

    values: Any
    """(n, Y, X) planes, or (Z, Y, X): a numpy array, or a torch tensor on an accelerator."""
    z_mm: NDArray[np.float64]
    """(n,) of planes or of Z: mm along the superior axis; NaN where unknown and in padding."""
    indices: NDArray[np.int64]
    """(n,) 0-based places along the slice axis of the scan's own planes; empty where they are not the scan's own."""


@final
@dataclass(frozen=True)
class Decoded:
    """A scan, and what was asked to be made of it: where that failed, why."""

    volume: Volume
    prepared: Mapping[Request, Prepared | ScanbankError] = field(default_factory=dict[Request, "Prepared | ScanbankError"])
    hu: HuVerdict = OK
    """Whether voxels that should be HU look like it."""


def run_job(job: Job) -> Decoded:
    """Decode a scan and make what is asked of it.

    Raises:
        SourceChangedError: a file has another size or time than at ingest.
        ReadError: it cannot be read, is not what was ingested, or holds voxels that no encoder should see.
    """
    volume = load_volume(job.located, accept_changed=job.accept_changed)
    check_voxels(volume, job.slices)
    made: dict[Request, Prepared | ScanbankError] = {}
    aids = aids_of(job.beside)
    for request in job.requests:
        try:
            made[request] = prepare(volume, request, aids=aids)
        except ViewError as error:
            made[request] = error
    verdict = examine(volume.voxels) if volume.has_hu else OK
    return Decoded(volume if job.keep_voxels else replace(volume, voxels=volume.voxels[:0]), made, verdict)


def aids_of(beside: Beside) -> Aids:
    """The masks and the reference, read; what is wrong with a mask costs the views that need it."""
    masks: dict[str, Volume | ScanbankError] = {}
    for finding, located in beside.masks:
        try:
            masks[finding] = load_mask(located)
        except ScanbankError as error:
            masks[finding] = error
    if beside.reference is None:
        return Aids(masks) if masks else NO_AIDS
    try:
        return Aids(masks, _reference(beside.reference))
    except UsageError:  # gone since the command began; it names the path, which no bank may hold
        return Aids(masks)


@lru_cache(maxsize=1)
def _reference(path: Path) -> Reference:
    from .align import load_reference

    return load_reference(path)


def prepare(volume: Volume, request: Request, device: str = "", aids: Aids = NO_AIDS) -> Prepared:
    """One geometry of a scan, on the CPU as numpy or on a torch device.

    Raises:
        ViewError: the scan cannot give it.
    """
    geometry = request.geometry
    check_view(geometry, volume, windows=False)
    if not request.planes:
        found = whole(volume, geometry, device, aids)
        return Prepared(found.values, found.z_mm, np.empty(0, np.int64))
    every = np.arange(volume.voxels.shape[volume.slice_axis], dtype=np.int64)
    indices = every if request.indices is None else np.asarray(request.indices, np.int64)
    z_mm = volume.z_mm[indices]
    planes = Planes(volume, geometry, device, aids)
    if geometry.size is None or device:
        return Prepared(planes.at(indices), z_mm, indices)
    values = np.empty((len(indices), *geometry.size), np.float32)  # a few at a time: the resizing needs room of its own
    for start in range(0, len(indices), PLANES):
        values[start : start + PLANES] = planes.at(indices[start : start + PLANES])
    return Prepared(values, z_mm, indices)


def decode_for(
    bank: Bank,
    work: Work,
    content: str | None = None,
    requests: tuple[Request, ...] = (),
    run: Callable[[Job], Decoded] = run_job,
    *,
    keep_voxels: bool = True,
    beside: Beside = Beside(),
) -> Decoded:
    """A volume of the bank from its files on this machine, through `run`.

    Args:
        bank: Knows where the files are.
        work: The volume.
        content: The digest of what it held when it was embedded before: a file that was only touched is taken as it is.
        requests: What to make of it.
        run: Does the job, here or in another process.
        keep_voxels: Whether the voxels themselves are wanted too.
        beside: Files that the requests need beside the scan's.

    Raises:
        SourceChangedError: a file has another size or time than at ingest.
        ReadError: it cannot be read, is not what was ingested, or holds voxels that no encoder should see.
    """
    located = bank.local_map.locate(work.volume)
    if located is None:
        raise ReadError("this machine does not know where its files are; ingest the folder here, or bring the local map along")
    job = Job(located, work.slices, requests, keep_voxels, beside=beside)
    try:
        return run(job)
    except SourceChangedError:
        if content is None:
            raise
        decoded = run(replace(job, accept_changed=True))
        if decoded.volume.content != content:
            raise
        bank.local_map.accept(work.volume)  # touched or moved, but what it holds is what was embedded
        return decoded


def decode(bank: Bank, work: Work, content: str | None = None) -> Volume:
    """The voxels of a volume of the bank.

    Raises:
        SourceChangedError: as in `decode_for`.
        ReadError: as in `decode_for`.
    """
    return decode_for(bank, work, content).volume


def check_voxels(volume: Volume, slices: int) -> None:
    """Raises ReadError for what no encoder should see."""
    found = volume.voxels.shape[volume.slice_axis]
    if found != slices:
        raise ReadError(f"it has {found} slices, but had {slices} at ingest; ingest its folder again")
    lowest, highest = volume.voxels.min(), volume.voxels.max()
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        count = int((~np.isfinite(volume.voxels)).sum())
        raise ReadError(f"{count} of {volume.voxels.size} voxels are NaN or infinite")
    if lowest == highest:
        raise ReadError(f"every voxel has the same value, {lowest:g}")
