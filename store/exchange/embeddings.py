"""What a file of embeddings is read into: keys in clear, and vectors in blocks. Nothing here touches a bank."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import ExchangeError, ScanbankError

MAX_WIDTH = 2**20
"""Values of one vector beyond which a file is taken for damaged."""
PACKED_AT_MOST = 100
"""Times its stored bytes that an array may unpack to: vectors hardly compress, so more is a bomb or an empty shell."""
_SMALL = 2**26
FEW = 3
"""Examples that a message shows."""

Within = Literal["index", "frame"]


@dataclass(frozen=True)
class Embeddings:
    """N vectors of width D, as a file or folder gives them."""

    name: str
    """Of the file or folder, for messages."""
    home: Path
    """The folder that relative paths among the keys count from."""
    keys: tuple[str, ...]
    """(N,) in clear: they must not enter a bank so."""
    dim: int
    dtype: np.dtype[Any]
    blocks: Callable[[int], Iterator[NDArray[Any]]]
    """The vectors in order, in arrays (up to so many rows, D); may be asked for more than once."""
    index: tuple[int, ...] | None = None
    """(N,) which slice of the scan that the key names, from 0, where a column says so."""
    within: Within = "index"
    """Whether `index` counts the scan's slices, or the frames of its file."""
    stems: bool = False
    """Keys are paths without the ending of the file that they speak of."""

    def __len__(self) -> int:
        return len(self.keys)


def examples(values: Iterable[object]) -> str:
    """The first few of some values, for a message."""
    return ", ".join(repr(str(value)) for value, _ in zip(values, range(FEW), strict=False))


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Turn whatever a library raises on a damaged or hostile file into one line.

    Raises:
        ExchangeError: the file cannot be read as what it should be.
    """
    try:
        yield
    except ScanbankError:
        raise
    except MemoryError as error:
        raise ExchangeError(
            f"{path} needs more memory than there is; write it as HDF5, Parquet or Zarr, which are read in blocks"
        ) from error
    except Exception as error:
        told = " ".join(str(error).split())[:160] or type(error).__name__
        raise ExchangeError(f"{path} cannot be read as {what}: {told}") from error


def check_packed(path: Path, what: str, declared: int, stored: int) -> None:
    """Refuse an array that says it is far larger than its bytes, before memory is asked for."""
    if declared > _SMALL and declared > stored * PACKED_AT_MOST:
        raise ExchangeError(f"{path}: {what} declares {declared:,} bytes and stores {stored:,}; it is damaged, or was never written")


def check_width(path: Path, shape: Sequence[int], what: str) -> None:
    if len(shape) != 2 or not 1 <= shape[1] <= MAX_WIDTH:
        found = "x".join(map(str, shape)) or "a single value"
        raise ExchangeError(f"{path}: {what} has shape {found}; expected vectors (N, D), one row an item, D from 1 to {MAX_WIDTH:,}")


def text_keys(path: Path, column: str, values: Iterable[Any]) -> tuple[str, ...]:
    """Keys as text: of text, UTF-8 bytes or integers.

    Raises:
        ExchangeError: a key is empty, missing, of another type, or bytes that are no UTF-8.
    """
    keys: list[str] = []
    for row, value in enumerate(values):
        if isinstance(value, bytes):
            try:
                key = value.decode("utf-8")
            except UnicodeDecodeError as error:
                raise ExchangeError(f"{path}: key {row} of {column!r} is bytes that are no UTF-8; write the keys as text") from error
        elif isinstance(value, str):
            key = str(value)
        elif isinstance(value, int | np.integer) and not isinstance(value, bool):
            key = str(int(value))
        else:
            kind = "missing" if value is None else f"of type {type(value).__name__}"
            raise ExchangeError(f"{path}: key {row} of {column!r} is {kind}; expected text or whole numbers")
        if not key.strip():
            raise ExchangeError(f"{path}: key {row} of {column!r} is empty; every vector needs a key")
        keys.append(key)
    return tuple(keys)


def in_blocks(vectors: NDArray[Any]) -> Callable[[int], Iterator[NDArray[Any]]]:
    """The blocks of an array that is in memory."""

    def blocks(rows: int) -> Iterator[NDArray[Any]]:
        for start in range(0, len(vectors), rows):
            yield vectors[start : start + rows]

    return blocks
