"""HDF5 volumes (`.h5`, `.hdf5`): one 3-D data set a file, with its spacing as attributes.

The data set is the one called `volume`, else the only 3-D one of the file; integers or floats, axes (Z, Y, X): Z towards
the head, Y towards the back, X towards the patient's left, unless `direction` says otherwise. Its attributes:

    spacing_mm  (z, y, x), required
    origin_mm   (x, y, z) of the first voxel's centre, LPS; without it depths count from the first plane (`no_origin`)
    direction   3 x 3: columns are the directions of the x, y and z index axes in LPS; identity by default
    unit        "HU" by default; anything else means that the values are no HU

    with h5py.File("scan.h5", "w") as file:
        file["volume"] = voxels
        file["volume"].attrs["spacing_mm"] = (5.0, 0.5, 0.5)

A file reaches no other: links, virtual data sets and external storage are not followed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from ..errors import ReadError
from ..geometry import affine_of
from ..scan import Rejected, ScanHeader, Source, Volume
from .grid import header_of, volume_of
from .sources import check_shape, decoding
from .voxels import rescaled

NAME = "volume"

_PACKED_AT_MOST = 2000
"""Times its stored bytes beyond which a data set is taken for a bomb or an empty shell; a CT packs 2 to 10 times."""
_HU = ("hu", "hounsfield", "hounsfield units")


@dataclass(frozen=True)
class _Geometry:
    affine: NDArray[np.float64]
    """(x, y, z, 1) indices to LPS mm."""
    flags: tuple[str, ...]
    has_hu: bool


def scan(path: Path) -> ScanHeader | Rejected:
    """The volume as its attributes tell; its name is the sha256 of the file's bytes."""
    try:
        with decoding("HDF5"):
            with h5py.File(path, "r", locking="best-effort") as file:
                data = _dataset(file)
                shape, found = _shape(data), _geometry(data)
            return header_of(path, "hdf5", shape, found.affine, found.has_hu, found.flags)
    except ReadError as error:
        return Rejected(path, str(error))


def load(sources: Sequence[Source]) -> Volume:
    """The voxels (int16 where exact, else float32), turned to the canonical frame where `direction` asks for it.

    Raises:
        ReadError: the file cannot be read or is not laid out as this module says.
    """
    (source,) = sources
    with decoding("HDF5"):
        with h5py.File(source.path, "r", locking="best-effort") as file:
            data = _dataset(file)
            _shape(data)
            found = _geometry(data)
            stored = np.asarray(data[()])
        grey = not found.has_hu and stored.dtype.kind == "u"
        value_range = (0.0, 2.0 ** (8 * stored.dtype.itemsize) - 1) if grey else None
        return volume_of(rescaled(stored), found.affine, found.has_hu, value_range)


def _dataset(file: h5py.File) -> h5py.Dataset:
    found: list[h5py.Dataset] = []

    def note(_name: str, node: h5py.Group | h5py.Dataset | h5py.Datatype) -> None:
        if isinstance(node, h5py.Dataset) and node.ndim == 3:
            found.append(node)

    file.visititems(note)  # follows hard links only
    named = [data for data in found if data.name == f"/{NAME}"]
    if not named and file.get(NAME, getlink=True) is not None and not isinstance(file.get(NAME, getlink=True), h5py.HardLink):
        raise ReadError(f"HDF5 data set `{NAME}` is a link; expected the data set itself: links are not followed")
    if not named and len(found) != 1:
        raise ReadError(f"HDF5 holds {len(found)} data sets of three dimensions; expected one, or one called `{NAME}`: name it so")
    return (named or found)[0]


def _shape(data: h5py.Dataset) -> tuple[int, int, int]:
    """(Z, Y, X), once it is sure that reading the data set stays within this file and within bounds."""
    if data.is_virtual or data.external:
        raise ReadError("HDF5 data set lies in other files (virtual or external); expected its values inside the file: copy them in")
    if data.dtype.kind not in "iuf" or data.dtype.itemsize > 8:
        raise ReadError("HDF5 data set is not of plain numbers; expected integers or floats of up to 64 bits")
    z, y, x = data.shape
    check_shape((z, y, x))
    declared, held = data.nbytes, data.id.get_storage_size()
    if declared > held * _PACKED_AT_MOST or math.prod(data.chunks or ()) > max(z * y * x, 2**24):
        raise ReadError(f"HDF5 data set declares {declared} bytes and stores {held}: never written, or damaged")
    return z, y, x


def _geometry(data: h5py.Dataset) -> _Geometry:
    spacing = _numbers(data, "spacing_mm", (3,))
    if spacing is None:
        raise ReadError("HDF5 data set has no attribute `spacing_mm`; expected (z, y, x) in mm")
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        raise ReadError("HDF5 spacing_mm holds a number that is no length; expected (z, y, x) in mm, each over 0")
    direction = _numbers(data, "direction", (3, 3))
    if direction is None:
        direction = np.eye(3)
    if not np.allclose(direction.T @ direction, np.eye(3), atol=1e-3):
        raise ReadError("HDF5 `direction` is not a rotation; expected three columns of length 1 at right angles")
    origin = _numbers(data, "origin_mm", (3,))
    z, y, x = spacing
    flags = ("no_origin",) if origin is None else ()
    affine = affine_of(np.zeros(3) if origin is None else origin, direction[:, 0] * x, direction[:, 1] * y, direction[:, 2] * z)
    unit = data.attrs.get("unit", "HU")
    text = unit.decode("utf-8", "replace") if isinstance(unit, bytes) else str(unit)
    return _Geometry(affine, flags, text.strip().lower() in _HU)


def _numbers(data: h5py.Dataset, name: str, shape: tuple[int, ...]) -> NDArray[np.float64] | None:
    if name not in data.attrs:
        return None
    stored = data.attrs.get_id(name)
    if tuple(stored.shape) != shape or stored.dtype.kind not in "iuf":
        raise ReadError(f"HDF5 attribute `{name}` has the shape {tuple(stored.shape)}; expected numbers of the shape {shape}")
    return np.asarray(data.attrs[name], dtype=np.float64)
