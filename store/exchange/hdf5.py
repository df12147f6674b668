"""Embeddings in HDF5: data sets anywhere in the file, read in blocks. Links, virtual and external data are not followed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import h5py
import numpy as np
from numpy.typing import NDArray

from ..errors import ExchangeError
from .columns import Column, choose
from .embeddings import Embeddings, check_packed, check_width, reading, text_keys

_WHAT = "HDF5"
_DEEP, _MANY = 8, 1000
"""Groups within groups, and data sets, beyond which nobody looks."""


def open_hdf5(path: Path, key: str, key_column: str | None, vector_column: str | None, *, by_slice: bool) -> Embeddings:
    """The data sets of one file."""
    with reading(path, _WHAT), h5py.File(path, "r", locking="best-effort") as file:
        sets = {str(data.name).strip("/"): data for data in _sets(file, _DEEP)}
        columns = [_column(name, data) for name, data in sets.items()]
        chosen = choose(path, columns, key, key_column=key_column, vector_column=vector_column, by_slice=by_slice)
        vectors = sets[chosen.vector]
        check_width(path, vectors.shape, chosen.vector)
        _check(path, vectors)
        keys = text_keys(path, chosen.key, _values(path, sets[chosen.key]))
        index = tuple(_values(path, sets[chosen.index])) if chosen.index else None
        dim, dtype = vectors.shape[1], vectors.dtype

    def blocks(rows: int) -> Iterator[NDArray[Any]]:
        with reading(path, _WHAT), h5py.File(path, "r", locking="best-effort") as opened:
            data = cast("h5py.Dataset", opened[chosen.vector])
            for start in range(0, len(data), rows):
                yield np.asarray(data[start : start + rows])

    return Embeddings(path.name, path.parent, keys, dim, dtype, blocks, index, chosen.within)


def _sets(group: h5py.Group, deep: int) -> Iterator[h5py.Dataset]:
    for name in list(group)[:_MANY]:
        if isinstance(group.get(name, getlink=True), h5py.HardLink):
            member = group[name]
            if isinstance(member, h5py.Dataset):
                yield member
            elif isinstance(member, h5py.Group) and deep:
                yield from _sets(member, deep - 1)


def _column(name: str, data: h5py.Dataset) -> Column:
    text = h5py.check_string_dtype(data.dtype) is not None
    return Column(name, data.shape or (), "text" if text else str(data.dtype), data.dtype.kind in "fiu", data.dtype.kind in "iu")


def _check(path: Path, data: h5py.Dataset) -> None:
    if data.is_virtual or data.external:
        raise ExchangeError(f"{path}: data set {data.name!r} lies in other files, which are not followed; write its values into this one")
    check_packed(path, str(data.name), data.nbytes, data.id.get_storage_size())


def _values(path: Path, data: h5py.Dataset) -> list[Any]:
    _check(path, data)
    if h5py.check_string_dtype(data.dtype) is None and data.dtype.kind not in "iuSU":
        raise ExchangeError(f"{path}: data set {data.name!r} is of type {data.dtype}; expected text or whole numbers")
    return np.asarray(data[()]).tolist()  # text comes as bytes, and is decoded where keys are made
