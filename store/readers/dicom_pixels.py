"""Decode the sources of one scan to a Volume in HU. This is the only place where stored values are rescaled.

MONOCHROME1 changes nothing here: photometric interpretation says how values are to be shown (DICOM PS3.3 section
C.7.6.3.1.2), after the modality transformation; slope and intercept give HU whichever way round a viewer shows them.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import ReadError
from ..geometry import canonical, orientation
from ..scan import Rejected, Source, Volume
from .content import content_of, content_of_frames
from .dicom_decode import Stored, stored_frames
from .dicom_geometry import Layout, lay_out
from .dicom_headers import MAX_VOXELS, read_header
from .dicom_record import DicomHeader, Frame

AIR_HU = -1024
METAL_HU = 3071
"""Padding whose HU lie outside [AIR_HU, METAL_HU], what a 12-bit scanner can measure, becomes AIR_HU; padding inside stays."""

_INT16 = np.iinfo(np.int16)
_Voxels = NDArray[np.int16] | NDArray[np.float32]


def load(sources: Sequence[Source]) -> Volume:
    """The volume of these planes in the order given, which is that of `ScanHeader.sources`.

    Voxels are HU: int16 where every slope and intercept is whole and every value fits, else float32.

    Raises:
        ReadError: a file is gone, damaged, not what it was, or cannot be decoded.
    """
    if not sources:
        raise ReadError("a scan needs at least one source; none was given")
    headers = {path: _header(path) for path in dict.fromkeys(source.path for source in sources)}
    planes = [(headers[source.path], _frame(headers[source.path], source.frame)) for source in sources]
    first = planes[0][0]
    if any((header.rows, header.columns) != (first.rows, first.columns) for header, _ in planes):
        raise ReadError("the slices are not all of one size: their headers are not those that were ingested")
    if first.rows * first.columns * len(planes) > MAX_VOXELS:
        raise ReadError(f"{len(planes)} slices of {first.rows} x {first.columns} are more than the {MAX_VOXELS} voxels of one volume")
    layout = lay_out([frame for _, frame in planes], first.rows, first.columns)
    if layout.reversed:
        raise ReadError("the slices run the wrong way: their headers are not those that were ingested")
    native, compressed = _voxels(planes)
    voxels, affine, axis, _ = canonical(native, layout.affine)
    spacing = _canonical_spacing(layout)
    voxels = np.ascontiguousarray(voxels)
    if any(compressed):
        parts = (frame or native[k].tobytes() for k, frame in enumerate(compressed))
        rescale = (struct.pack("<2d", frame.slope, frame.intercept) for _, frame in planes)
        content = content_of_frames((*parts, *rescale), affine, layout.positions_mm, spacing)
    else:
        content = content_of(voxels, affine, layout.positions_mm, spacing)
    return Volume(voxels, affine, spacing, axis, layout.z_mm, layout.positions_mm, has_hu=True, content=content)


def _header(path: Path) -> DicomHeader:
    header = read_header(path)
    if isinstance(header, Rejected):
        raise ReadError(header.reason)
    return header


def _frame(header: DicomHeader, index: int) -> Frame:
    for frame in header.frames:
        if frame.index == index:
            return frame
    raise ReadError(f"frame {index} is not in the file, which has {header.frames_in_file}")


def _canonical_spacing(layout: Layout) -> tuple[float | None, float | None, float | None]:
    """The spacings by axis of the canonical array (Z, Y, X)."""
    by_axis: list[float | None] = [None, None, None]
    for axis, spacing in zip(orientation(layout.affine)[:, 0], layout.spacing_mm[::-1], strict=True):
        by_axis[2 - int(axis)] = spacing
    return by_axis[0], by_axis[1], by_axis[2]


def _voxels(planes: Sequence[tuple[DicomHeader, Frame]]) -> tuple[_Voxels, list[bytes | None]]:
    """(planes, rows, columns) in HU, and for planes of lossy transfer syntaxes the digest of their compressed frame."""
    wanted: dict[Path, list[int]] = defaultdict(list)
    for k, (header, _) in enumerate(planes):
        wanted[header.path].append(k)
    first = planes[0][0]
    whole = all(frame.slope.is_integer() and frame.intercept.is_integer() for _, frame in planes)
    shape = (len(planes), first.rows, first.columns)
    out: _Voxels = np.empty(shape, np.int16) if whole else np.empty(shape, np.float32)
    compressed: list[bytes | None] = [None] * len(planes)
    for places in wanted.values():
        header = planes[places[0]][0]
        frames = stored_frames(header, [planes[k][1].index for k in places])
        for k, (stored, digest) in zip(places, frames, strict=True):
            compressed[k] = digest
            slope, intercept = planes[k][1].slope, planes[k][1].intercept
            stored, outside = _without_padding(stored, header, slope, intercept)
            if out.dtype == np.int16 and not _fits(stored, slope, intercept):
                out = out.astype(np.float32)
            if out.dtype == np.int16:
                _rescale_exactly(stored, int(slope), int(intercept), out[k])
            else:
                out[k] = stored * slope + intercept
            if outside is not None:
                out[k][outside] = AIR_HU
    return out, compressed


def _without_padding(stored: Stored, header: DicomHeader, slope: float, intercept: float) -> tuple[Stored, NDArray[np.bool_] | None]:
    """The stored values with padding replaced by a value of the image, and where padding was; None where there is none.

    Padding that stands for a plausible HU stays: headers name values, such as 0 with an intercept of 0, that tissue has too.
    """
    if header.padding is None:
        return stored, None
    lo, hi = header.padding
    if all(AIR_HU <= value * slope + intercept <= METAL_HU for value in (lo, hi)):
        return stored, None
    outside = (stored >= lo) & (stored <= hi) if lo != hi else stored == lo
    if not outside.any():
        return stored, None
    inside = stored[~outside]
    return np.where(outside, inside[0] if inside.size else stored.dtype.type(0), stored), outside


def _fits(stored: Stored, slope: float, intercept: float) -> bool:
    ends = (int(stored.min()) * slope + intercept, int(stored.max()) * slope + intercept)
    return min(ends) >= _INT16.min and max(ends) <= _INT16.max


def _rescale_exactly(stored: Stored, slope: int, intercept: int, out: NDArray[np.int16]) -> None:
    """HU into `out`. 16-bit arithmetic wraps around, which is exact for results that fit, as the caller has seen to."""
    np.copyto(out, stored, casting="unsafe")
    if slope != 1:
        np.multiply(out, _wrapped(slope), out=out)
    np.add(out, _wrapped(intercept), out=out)


def _wrapped(number: int) -> np.int16:
    return np.int16((number + 2**15) % 2**16 - 2**15)
