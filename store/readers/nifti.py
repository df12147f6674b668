"""NIfTI-1 and NIfTI-2 in one file (`.nii`, `.nii.gz`): CT in HU, one volume a file.

The header is parsed by nibabel; the voxels are read here, because no more may be read, or allocated, than the file can
hold. Format: https://nifti.nimh.nih.gov/nifti-1 and nifti-2.
"""

from __future__ import annotations

import gzip
import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from numpy.typing import NDArray

from ..declared import Calibration, Declared
from ..errors import ReadError
from ..geometry import RAS_TO_LPS
from ..scan import Rejected, ScanHeader, Source, Volume
from .calibrating import affine_of, calibration_of, declared_header, scaling_of
from .grid import header_of, volume_of
from .sources import check_shape, decoding
from .voxels import rescaled

_Stream = BufferedReader | gzip.GzipFile
_GZIP = b"\x1f\x8b"
_DEFLATE_AT_MOST = 1032
"""No deflate stream unpacks to more than this many times its size (zlib's technical notes)."""
_PIECE = 4 << 20
_MAX_OFFSET = 256 << 20
"""Bytes of header extensions beyond which the offset of the voxels is taken for damaged."""
_UNITS_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}  # unknown (taken for mm, as every tool does), metre, mm, micron


@dataclass(frozen=True)
class _Layout:
    shape: tuple[int, int, int]
    """(k, j, i)."""
    dtype: np.dtype[Any]
    offset: int
    slope: float
    inter: float
    affine: NDArray[np.float64]
    """(i, j, k, 1) to LPS mm."""
    oriented: bool


def scan(path: Path, declared: Declared | None = None) -> ScanHeader | Rejected:
    """The volume as its header tells, or as its layout declares it; its name is the sha256 of the file's bytes, and what is declared.

    The planes are the canonical axial ones, feet to head. Without qform and sform, the orientation is nibabel's guess
    and the scan is flagged `no_orientation`.
    """
    try:
        with decoding("NIfTI"):
            with _opened(path) as stream:
                layout = _layout(stream, *_size(path, stream))
            if declared is None:
                return header_of(path, "nifti", layout.shape, layout.affine, True, () if layout.oriented else ("no_orientation",))
            calibration = calibration_of(declared, layout.affine, layout.oriented)
            flags = () if layout.oriented or calibration.affine else ("no_orientation",)
            return declared_header(
                header_of(path, "nifti", layout.shape, affine_of(calibration, layout.affine), True, flags), declared, calibration
            )
    except ReadError as error:
        return Rejected(path, str(error))


def load(sources: Sequence[Source], calibration: Calibration | None = None) -> Volume:
    """The voxels in HU (int16 where exact, else float32), turned to the canonical frame; `calibration` as its layout declared it.

    Raises:
        ReadError: the file cannot be read, is shorter than its header says, holds no 3-D scan, or its values fit no calibration.
    """
    (source,) = sources
    with decoding("NIfTI"):
        with _opened(source.path) as stream:
            layout = _layout(stream, *_size(source.path, stream))
            stored = _voxels(stream, layout)
        if calibration is None:
            return volume_of(rescaled(stored, layout.slope, layout.inter), layout.affine, True)
        slope, inter = scaling_of(stored, layout.slope, layout.inter, calibration)
        return volume_of(rescaled(stored, slope, inter), affine_of(calibration, layout.affine), True)


@contextmanager
def _opened(path: Path) -> Iterator[_Stream]:
    """The unpacked stream; what is packed shows by its first bytes, whatever the name says."""
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
        file.seek(0)
        if not packed:
            yield file
            return
        with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
            yield unpacked


def _size(path: Path, stream: _Stream) -> tuple[int, bool]:
    """The most bytes that the stream can hold, and whether it may hold fewer."""
    size = path.stat().st_size
    return (size * _DEFLATE_AT_MOST, True) if isinstance(stream, gzip.GzipFile) else (size, False)


def _layout(stream: _Stream, capacity: int, packed: bool) -> _Layout:
    header = _header(stream.read(Nifti2Header.template_dtype.itemsize))
    if header["magic"].item()[:2] != b"n+":
        raise ReadError("NIfTI header and voxels are in two files (.hdr and .img); expected one: convert the pair to .nii or .nii.gz")
    dtype = header.get_data_dtype()
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise ReadError(f"NIfTI data type {int(header['datatype'])} is not one of a CT: expected integers or floats of up to 64 bits")
    dims = tuple(int(n) for n in header.get_data_shape())
    if len(dims) < 3 or any(n != 1 for n in dims[3:]):
        raise ReadError(f"NIfTI has the shape {'x'.join(map(str, dims))}; expected one 3-D volume a file: split a series of volumes")
    check_shape(dims)
    offset = float(header["vox_offset"]) or float(header.single_vox_offset)
    needed = math.prod(dims) * dtype.itemsize
    if not header.sizeof_hdr <= offset <= _MAX_OFFSET:
        raise ReadError(f"NIfTI header places the voxels at byte {offset:g}; expected {header.single_vox_offset} or a little more")
    if offset + needed > capacity:
        held = f"the compressed file can hold at most {capacity}" if packed else f"the file holds {capacity}"
        raise ReadError(f"NIfTI is cut off or its header wrong: it declares {offset + needed:.0f} bytes, {held}")
    slope, inter = header.get_slope_inter()
    unit = int(header["xyzt_units"]) & 7
    if unit not in _UNITS_MM:
        raise ReadError(f"NIfTI unit of length {unit} is unknown; expected 1 (m), 2 (mm) or 3 (micron)")
    to_mm = np.diag([*[_UNITS_MM[unit]] * 3, 1.0])
    return _Layout(
        shape=(dims[2], dims[1], dims[0]),
        dtype=dtype,
        offset=int(offset),
        slope=1.0 if slope is None else slope,
        inter=0.0 if inter is None else inter,
        affine=to_mm @ RAS_TO_LPS @ np.asarray(header.get_best_affine(), dtype=np.float64),
        oriented=int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0,
    )


def _header(block: bytes) -> Nifti1Header | Nifti2Header:
    for kind in (Nifti1Header, Nifti2Header):
        size = kind.template_dtype.itemsize
        if size in (int.from_bytes(block[:4], "little"), int.from_bytes(block[:4], "big")):
            if len(block) < size:
                raise ReadError(f"NIfTI is cut off: {len(block)} bytes, fewer than its header of {size}")
            # The header alone, not a stream: nibabel would read extensions of whatever length they declare.
            header = kind(binaryblock=block[:size], check=False)
            header.check_fix(logger=logging.Logger("nifti", logging.CRITICAL + 1), error_level=40)  # small faults mended, unsaid
            return header
    raise ReadError("not a NIfTI file: it does not begin with a NIfTI-1 or NIfTI-2 header")


def _voxels(stream: _Stream, layout: _Layout) -> NDArray[Any]:
    stream.seek(layout.offset)
    stored: NDArray[Any] = np.empty(layout.shape, layout.dtype)  # memory is taken as it fills: a short stream costs little
    left = stored.reshape(-1).view(np.uint8).data
    while left:
        got = stream.readinto(left[:_PIECE])
        if not got:
            raise ReadError(f"NIfTI is cut off: {len(left)} of {stored.nbytes} bytes of voxels are missing")
        left = left[got:]
    stream.read(1)  # at the end of a gzip stream this checks its CRC
    return stored
