"""Files of embeddings as other tools write them, for tests of import."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zarr
from numpy.typing import NDArray

FORMATS = ("npz", "h5", "parquet", "zarr")


def write(target: Path, vectors: NDArray[Any], /, **columns: Sequence[Any] | NDArray[Any]) -> Path:
    """One file with `vector` and further columns, in the format of the name's ending."""
    match target.suffix:
        case ".npz":
            arrays: dict[str, Any] = {name: np.asarray(values) for name, values in columns.items()}
            np.savez(target, vector=vectors, **arrays)
        case ".h5":
            with h5py.File(target, "w") as file:
                file["vector"] = vectors
                for name, values in columns.items():
                    file[name] = list(values) if isinstance(values[0], str) else np.asarray(values)
        case ".parquet":
            lists = pa.array(list(vectors), pa.list_(pa.from_numpy_dtype(vectors.dtype)))
            pq.write_table(pa.table({"vector": lists, **{name: list(values) for name, values in columns.items()}}), target)
        case _:
            group = zarr.open_group(target, mode="w")
            group.create_array("vector", data=vectors, config={"write_empty_chunks": True})
            for name, values in columns.items():
                text = isinstance(values[0], str)
                array = group.create_array(name, shape=(len(values),), dtype="string" if text else np.asarray(values).dtype)
                array[:] = np.asarray(values, dtype=object if text else None)
    return target


def vectors(n: int, dim: int = 4, seed: int = 0) -> NDArray[np.float32]:
    """(n, dim), no two alike."""
    return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
