"""Embeddings in Zarr (format 2 or 3): a folder that is a group with arrays, read in blocks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import zarr
from numpy.typing import NDArray

from ..errors import ExchangeError
from .columns import Column, choose
from .embeddings import Embeddings, check_packed, check_width, reading, text_keys

_WHAT = "Zarr"
MARKS = ("zarr.json", ".zgroup")
"""Files that tell a group of format 3 or 2 from any other folder."""


def open_zarr(path: Path, key: str, key_column: str | None, vector_column: str | None, *, by_slice: bool) -> Embeddings:
    """The arrays of one group."""
    with reading(path, _WHAT):
        # what a group says of its members is not believed: their own metadata count
        group = zarr.open_group(path, mode="r", use_consolidated=False)
        _refuse_pickles(path)
        arrays = dict(group.arrays())
        columns = [_column(name, array) for name, array in arrays.items()]
        chosen = choose(path, columns, key, key_column=key_column, vector_column=vector_column, by_slice=by_slice)
        vectors = arrays[chosen.vector]
        check_width(path, vectors.shape, chosen.vector)
        for name in (chosen.key, chosen.vector):
            _check_whole(path, name, arrays[name])
        keys = text_keys(path, chosen.key, _values(arrays[chosen.key]))
        index = tuple(_values(arrays[chosen.index])) if chosen.index else None

    def blocks(rows: int) -> Iterator[NDArray[Any]]:
        with reading(path, _WHAT):
            for start in range(0, vectors.shape[0], rows):
                yield np.asarray(vectors[start : start + rows])

    return Embeddings(path.name, path.parent, keys, vectors.shape[1], np.dtype(vectors.dtype), blocks, index, chosen.within)


def _column(name: str, array: zarr.Array) -> Column:
    kind = np.dtype(array.dtype).kind
    return Column(name, array.shape, str(array.dtype), kind in "fiu", kind in "iu")


def _values(array: zarr.Array) -> list[Any]:
    return cast("list[Any]", np.asarray(array[:]).tolist())


def _refuse_pickles(path: Path) -> None:
    """Zarr's format 2 has a codec that unpickles, which runs what a file says."""
    for file in (*path.rglob(".zarray"), *path.rglob("zarr.json")):
        if "pickle" in json.dumps(json.loads(file.read_text("utf-8"))):
            raise ExchangeError(
                f"{path}: {file.parent.name!r} is stored with a codec that unpickles, and so not read; save it as text or numbers"
            )


def _check_whole(path: Path, name: str, array: zarr.Array) -> None:
    """A chunk that is missing reads as zeros: such vectors nobody has computed."""
    check_packed(path, name, array.nbytes, array.nbytes_stored())
    if (held := array.nchunks_initialized) < array.nchunks:
        raise ExchangeError(
            f"{path}: {array.nchunks - held} of {array.nchunks} chunks of {name!r} are missing; copy the folder again "
            "(where they hold nothing but zeros, write it with write_empty_chunks=True)"
        )
