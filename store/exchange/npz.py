"""Arrays of NumPy's own formats, `.npz` and `.npy`, never unpickled and never larger than their bytes say."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ..errors import ExchangeError
from .columns import Column, choose
from .embeddings import Embeddings, check_packed, check_width, in_blocks, reading, text_keys

_SUFFIX = ".npy"


def open_npz(path: Path, key: str, key_column: str | None, vector_column: str | None, *, by_slice: bool) -> Embeddings:
    """The arrays of one `.npz`; it is read into memory as a whole."""
    with reading(path, "npz"), zipfile.ZipFile(path) as archive:
        chosen = choose(path, columns_of(path, archive), key, key_column=key_column, vector_column=vector_column, by_slice=by_slice)
        keys = text_keys(path, chosen.key, read_member(path, archive, chosen.key).tolist())
        vectors = read_member(path, archive, chosen.vector)
        check_width(path, vectors.shape, chosen.vector)
        index = tuple(read_member(path, archive, chosen.index).tolist()) if chosen.index else None
    return Embeddings(path.name, path.parent, keys, vectors.shape[1], vectors.dtype, in_blocks(vectors), index, chosen.within)


def columns_of(path: Path, archive: zipfile.ZipFile) -> list[Column]:
    """The arrays of an archive, by their headers."""
    found: list[Column] = []
    for info in archive.infolist():
        if info.filename.endswith(_SUFFIX):
            with archive.open(info) as file:
                shape, dtype = _header(path, file, info.filename)
            found.append(Column(info.filename.removesuffix(_SUFFIX), shape, str(dtype), dtype.kind in "fiu", dtype.kind in "iu"))
    return found


def read_member(path: Path, archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """One array of an archive."""
    info = archive.getinfo(name + _SUFFIX)
    with archive.open(info) as file:
        shape, dtype = _header(path, file, name)
    check_packed(path, name, math.prod(shape) * dtype.itemsize, path.stat().st_size)
    with archive.open(info) as file:
        return npy.read_array(file, allow_pickle=False)


def read_npy(path: Path) -> NDArray[Any]:
    """The array of one `.npy` file."""
    with reading(path, "npy"), path.open("rb") as file:
        shape, dtype = _header(path, file, path.name)
        check_packed(path, path.name, math.prod(shape) * dtype.itemsize, path.stat().st_size)
        file.seek(0)
        return npy.read_array(file, allow_pickle=False)


def _header(path: Path, file: IO[bytes], name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    if dtype.hasobject:
        raise ExchangeError(f"{path}: array {name!r} holds Python objects, which are pickled and so not read; save it as text or numbers")
    return shape, dtype
