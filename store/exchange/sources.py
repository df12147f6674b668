"""Opening what somebody else's tool wrote, whatever its format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ExchangeError
from ..progress import Progress, Silent
from .embeddings import Embeddings, examples
from .folder import ItemReader, open_folder

MAX_SLICES = 2**17
"""Slices of one scan beyond which a number is taken for a mistake."""
_FORMATS = ".npz, .h5, .hdf5, .parquet, a Zarr group, or a folder with one .pt, .npz or .npy an item"


@dataclass(frozen=True)
class SourceOptions:
    """What the user says of a file of embeddings."""

    key: str
    """What the keys are: one of `resolve.KEYS`."""
    key_column: str | None = None
    vector_column: str | None = None
    by_slice: bool = False
    """Rows are slices, so that a column `index` or `frame` beside a scan's key tells which."""


def open_source(path: Path, options: SourceOptions, *, pt_reader: ItemReader | None = None, progress: Progress | None = None) -> Embeddings:
    """The embeddings in a file or folder; keys are read, vectors where the format allows it only when asked for.

    Args:
        path: what to read.
        options: what its arrays mean.
        pt_reader: reads one `.pt` file; this package knows nothing of PyTorch.
        progress: told of files, where there is one an item.

    Raises:
        ExchangeError: the file cannot be read, holds no vectors with keys, or names one key twice.
        UnknownNameError: there is no column of a name given.
    """
    if not path.exists():
        raise ExchangeError(f"{path} does not exist; expected {_FORMATS}")
    source = _opened(path, options, pt_reader, progress or Silent())
    if not len(source):
        raise ExchangeError(f"{path} holds no vectors: 0 rows")
    if source.index is not None and len(source.index) != len(source):
        raise ExchangeError(f"{path}: column {source.within!r} has {len(source.index)} values for {len(source)} vectors; expected one each")
    if source.index is not None and not all(isinstance(place, int) and 0 <= place < MAX_SLICES for place in source.index):
        raise ExchangeError(f"{path}: column {source.within!r} holds other values than slice numbers; expected 0 to {MAX_SLICES - 1:,}")
    keys = list(zip(source.keys, source.index, strict=True)) if source.index is not None else list(source.keys)
    if twice := _twice(keys):
        raise ExchangeError(f"{path}: {len(twice)} keys come more than once, such as {examples(twice)}; expected one vector for each")
    if source.dtype.kind not in "fiu":
        raise ExchangeError(f"{path}: vectors are of type {source.dtype}; expected numbers")
    return source


def _opened(path: Path, options: SourceOptions, pt_reader: ItemReader | None, progress: Progress) -> Embeddings:
    columns = (options.key, options.key_column, options.vector_column)
    suffix = path.suffix.lower()
    if path.is_dir():
        from .zarr_group import MARKS, open_zarr

        if suffix == ".zarr" or any((path / mark).is_file() for mark in MARKS):
            return open_zarr(path, *columns, by_slice=options.by_slice)
        if options.key_column:
            raise ExchangeError(f"{path} is a folder with one file an item, whose names are the keys; leave out --key-column")
        return open_folder(path, options.key, options.vector_column, pt_reader, progress)
    if suffix == ".npz":
        from .npz import open_npz

        return open_npz(path, *columns, by_slice=options.by_slice)
    if suffix in (".h5", ".hdf5"):
        from .hdf5 import open_hdf5

        return open_hdf5(path, *columns, by_slice=options.by_slice)
    if suffix == ".parquet":
        from .parquet import open_parquet

        return open_parquet(path, *columns, by_slice=options.by_slice)
    raise ExchangeError(f"{path} is of no format that is read; expected {_FORMATS}")


def _twice(keys: Sequence[object]) -> list[object]:
    seen: set[object] = set()
    twice: dict[object, None] = {}
    for key in keys:
        if key in seen:
            twice[key] = None
        seen.add(key)
    return list(twice)
