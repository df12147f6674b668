"""What a decoded scan holds, as one digest: equal content shares the computation, and tells a leak."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..digests import content_digest

_UNKNOWN = np.iinfo(np.int64).min
_FAR_MM = 1e12


def content_of(
    voxels: NDArray[Any],
    affine: NDArray[np.float64] | None,
    positions_mm: NDArray[np.float64] | None,
    spacing: Sequence[float | None] | None,
) -> str:
    """The sha256 of a volume, as hex: dtype, shape, voxels in C order (little-endian), and geometry to 1e-3 mm.

    -0.0 counts as 0.0. With `affine` None (images, which have no geometry) the pixels alone count.

    Args:
        voxels: (Z, Y, X) in any memory order; read plane by plane, so the whole is never copied.
        affine: (4, 4), voxel indices to LPS mm.
        positions_mm: (slices,) along the slice axis.
        spacing: (z, y, x) in mm, None where unknown.
    """
    return content_digest(_pixels(voxels) if affine is None else _chain(_pixels(voxels), _geometry(affine, positions_mm, spacing)))


def content_of_frames(
    frames: Iterable[bytes],
    affine: NDArray[np.float64] | None,
    positions_mm: NDArray[np.float64] | None,
    spacing: Sequence[float | None] | None,
) -> str:
    """As `content_of` for lossy compressed frames, in slice order: a newer decoder then changes no digest."""
    sized = (part for frame in frames for part in (b"frame:%d" % len(frame), frame))
    return content_digest(sized if affine is None else _chain(sized, _geometry(affine, positions_mm, spacing)))


def _chain(first: Iterable[bytes | memoryview], second: Iterable[bytes]) -> Iterator[bytes | memoryview]:
    yield from first
    yield from second


def _pixels(voxels: NDArray[Any]) -> Iterator[bytes | memoryview]:
    dtype = voxels.dtype.newbyteorder("<")
    yield f"voxels:{dtype.str}:{','.join(map(str, voxels.shape))}".encode()
    for plane in voxels:
        block = np.ascontiguousarray(plane, dtype=dtype)
        if dtype.kind == "f":
            block = block + 0.0  # -0.0 + 0.0 is 0.0
        yield block.data.cast("B") if block.size else b""


def _geometry(
    affine: NDArray[np.float64], positions_mm: NDArray[np.float64] | None, spacing: Sequence[float | None] | None
) -> Iterator[bytes]:
    yield b"affine:" + _microns(affine.ravel())
    yield b"positions:" + _microns([] if positions_mm is None else positions_mm)
    yield b"spacing:" + _microns([math.nan if s is None else s for s in spacing or ()])


def _microns(values: Sequence[float] | NDArray[np.float64]) -> bytes:
    """Millimetres as whole microns: integers, so that noise in the last digits and -0.0 are gone. Not finite: unknown."""
    mm = np.asarray(values, dtype=np.float64)
    known = np.isfinite(mm) & (np.abs(mm) < _FAR_MM)
    return np.where(known, np.rint(np.where(known, mm, 0.0) * 1000).astype("<i8"), _UNKNOWN).astype("<i8").tobytes()
