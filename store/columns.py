"""Columns of Arrow tables compared with ids, as masks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_compute: Any = pc  # its functions are made when it is imported, where no type checker sees them


def is_in(column: pa.ChunkedArray, ids: Iterable[str]) -> NDArray[np.bool_]:
    """(N,) where a column of text holds one of the ids; null is none."""
    found = _compute.is_in(column, pa.array(sorted(ids), pa.string()))
    return np.asarray(found.to_numpy(), dtype=bool)


def rows_where(data: pa.Table, mask: NDArray[np.bool_]) -> pa.Table:
    """The rows of a table where a mask (N,) is True."""
    return data.filter(pa.array(mask))


def replaced(data: pa.Table, column: str, mask: NDArray[np.bool_], values: pa.ChunkedArray) -> pa.Table:
    """A table whose column has other values where a mask (N,) is True."""
    mixed = _compute.if_else(pa.array(mask), values.combine_chunks(), data[column].combine_chunks())
    return data.set_column(data.column_names.index(column), column, mixed)
