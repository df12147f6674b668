"""Writing one table of ids and vectors as npz, HDF5, Parquet or Zarr: vectors in blocks, the file aside and then renamed."""

from __future__ import annotations

import os
import secrets
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ..errors import ExchangeError
from ..files import fsync_folder, write_atomic
from ..repository import told

VECTOR = "vector"
METADATA = "metadata"
_ZARR = ".zarr"


@dataclass(frozen=True)
class Table:
    """What is written."""

    columns: Mapping[str, NDArray[Any]]
    """Each (N, ...), text as objects."""
    shape: tuple[int, ...]
    """Of the vectors: (N, D), along depth (N, Z', D)."""
    dtype: np.dtype[Any]
    blocks: Callable[[], Iterator[NDArray[Any]]]
    """The vectors in order, in arrays of some rows."""
    metadata: str
    """JSON."""


def write_table(path: Path, table: Table) -> None:
    """Write in the format of the name's ending. An older file is replaced when all is written; an older folder is refused.

    Raises:
        ExchangeError: there is a folder, or something that is no file.
        BankAccessError: or a leaf of it, where writing fails.
    """
    write = WRITERS[path.suffix.lower()]
    if path.exists() and (path.suffix.lower() == _ZARR or not path.is_file()):
        raise ExchangeError(f"{path} exists already; choose another name" + (", or remove it first" if path.is_dir() else ""))
    with told(f"writing {path}"):
        if path.suffix.lower() == _ZARR:
            _write_folder(path, table)
        else:
            write_atomic(path.resolve(), lambda aside: write(aside, table))


def _write_folder(path: Path, table: Table) -> None:
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        _zarr(aside, table)
        for folder, _, names in os.walk(aside):
            for name in names:
                fd = os.open(Path(folder) / name, os.O_RDONLY)
                try:
                    os.fsync(fd)
                finally:
                    os.close(fd)
            fsync_folder(Path(folder))
        aside.rename(path)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    fsync_folder(path.absolute().parent)


def _is_text(values: NDArray[Any]) -> bool:
    return values.dtype == object


def _npz(path: Path, table: Table) -> None:
    """As np.savez writes it, but for the vectors, which never are in memory as a whole."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, values in table.columns.items():
            plain = values.astype(np.str_) if _is_text(values) else values
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                npy.write_array(cast("IO[bytes]", file), plain, allow_pickle=False)
        with archive.open(f"{METADATA}.npy", "w", force_zip64=True) as file:
            npy.write_array(cast("IO[bytes]", file), np.array(table.metadata), allow_pickle=False)
        with archive.open(f"{VECTOR}.npy", "w", force_zip64=True) as file:
            header = {"descr": npy.dtype_to_descr(table.dtype), "fortran_order": False, "shape": table.shape}
            npy.write_array_header_2_0(cast("IO[bytes]", file), header)
            for block in table.blocks():
                file.write(np.ascontiguousarray(block).data)


def _hdf5(path: Path, table: Table) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs[METADATA] = table.metadata
        for name, values in table.columns.items():
            file.create_dataset(name, data=values, dtype=h5py.string_dtype() if _is_text(values) else None)
        vectors = file.create_dataset(VECTOR, shape=table.shape, dtype=table.dtype, chunks=_chunks(table), fletcher32=bool(table.shape[0]))
        start = 0
        for block in table.blocks():
            vectors[start : start + len(block)] = block
            start += len(block)


def _parquet(path: Path, table: Table) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def nested(values: NDArray[Any]) -> Any:
        """(n, ...) as lists of fixed size."""
        array = pa.array(np.ascontiguousarray(values).reshape(-1))
        for width in reversed(values.shape[1:]):
            array = pa.FixedSizeListArray.from_arrays(array, width)
        return array

    columns = {name: pa.array(values) if values.ndim == 1 else nested(values) for name, values in table.columns.items()}
    empty = nested(np.empty((0, *table.shape[1:]), dtype=table.dtype))
    fields = [*(pa.field(name, array.type) for name, array in columns.items()), pa.field(VECTOR, empty.type)]
    schema = pa.schema(fields, metadata={"scanbank": table.metadata})
    # Vectors hardly compress, and no value of theirs comes twice: looking for that would take ten times as long.
    text: Any = [name for name, values in table.columns.items() if _is_text(values)]
    packed: Any = dict.fromkeys(columns, "zstd")
    with pq.ParquetWriter(path, schema, use_dictionary=text, compression=packed, write_page_checksum=True) as writer:
        start = 0
        for block in table.blocks():
            ids = [array.slice(start, len(block)) for array in columns.values()]
            writer.write_batch(pa.record_batch([*ids, nested(block)], schema=schema))
            start += len(block)


def _zarr(path: Path, table: Table) -> None:
    import zarr

    group = zarr.open_group(path, mode="w", zarr_format=3)
    group.attrs[METADATA] = table.metadata
    # a chunk of zeros is written too, so that one that is missing tells of damage
    config: Any = {"write_empty_chunks": True}
    for name, values in table.columns.items():
        kind = "string" if _is_text(values) else values.dtype
        rows = (max(1, min(len(values), 2**16)), *(max(1, n) for n in values.shape[1:]))
        array = group.create_array(name, shape=values.shape, chunks=rows, dtype=kind, config=config)
        array[:] = values
    vectors = group.create_array(VECTOR, shape=table.shape, chunks=_chunks(table), dtype=table.dtype, config=config)
    start = 0
    for block in table.blocks():
        vectors[start : start + len(block)] = block
        start += len(block)


def _chunks(table: Table) -> tuple[int, ...]:
    """About 4 MB, whole vectors."""
    inner = [max(1, n) for n in table.shape[1:]]
    rows = max(1, 2**22 // (int(np.prod(inner)) * table.dtype.itemsize))
    return (max(1, min(rows, table.shape[0])), *inner)


WRITERS: Mapping[str, Callable[[Path, Table], None]] = {".npz": _npz, ".h5": _hdf5, ".hdf5": _hdf5, ".parquet": _parquet, _ZARR: _zarr}
"""By the ending of the name."""
