"""Which arrays of a file are the keys and which the vectors: as the user says, else by their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ExchangeError, UnknownNameError
from .embeddings import Within

VECTOR_NAMES = ("vector", "vectors", "embedding", "embeddings", "feature", "features")
KEY_NAMES = ("key", "keys", "id", "ids", "item", "items", "name", "names")
_ALSO: dict[str, tuple[str, ...]] = {
    "path": ("paths", "file", "files", "filename", "filenames"),
    "accession": ("accessions", "accession_number"),
    "series": ("series_uid",),
    "study": ("study_uid",),
    "patient": ("patient_id",),
}
"""Further names of a column that holds keys of a kind; those of the kind's own name go first."""
_WITHIN: tuple[Within, ...] = ("index", "frame")


@dataclass(frozen=True)
class Column:
    """One array of a file, or column of a table."""

    name: str
    """As the file names it; in HDF5 with its groups, such as `a/vector`."""
    shape: tuple[int, ...]
    """-1 where it is not known before reading."""
    dtype: str
    numeric: bool
    integer: bool = False

    def __str__(self) -> str:
        shape = "x".join("?" if n < 0 else str(n) for n in self.shape)
        return f"{self.name} ({shape or 'single value'}, {self.dtype})"

    @property
    def short(self) -> str:
        """Its name without groups, in lower case."""
        return self.name.rpartition("/")[2].lower()


@dataclass(frozen=True)
class Chosen:
    """The names of the arrays that count."""

    key: str
    vector: str
    index: str | None
    within: Within


def choose(
    path: Path,
    columns: Sequence[Column],
    key: str,
    *,
    key_column: str | None = None,
    vector_column: str | None = None,
    by_slice: bool = False,
) -> Chosen:
    """Keys, vectors and, where slices are named by their scan, the slice's number.

    Args:
        path: the file, for messages.
        columns: what is there.
        key: what the keys are, as `--key` says; a column of that name goes first.
        key_column: the user's word.
        vector_column: the user's word.
        by_slice: a column `index` or `frame` says which slice of a scan a row is of; beside paths only `frame`.

    Raises:
        UnknownNameError: the user names a column that is not there.
        ExchangeError: none, or several, look like keys or like vectors; the message lists what is there.
    """
    names = [column.name for column in columns]
    for option, given in (("--key-column", key_column), ("--vector-column", vector_column)):
        if given is not None and given not in names:
            raise UnknownNameError(f"{path.name}: column of {option}", given, names)
    vector = vector_column or _vector(path, columns, key_column)
    rest = [c for c in columns if c.name != vector and len(c.shape) == 1]
    chosen = key_column or _by_name(path, rest, (key, *_ALSO.get(key, ()), *KEY_NAMES), "--key-column")
    if chosen is None:
        raise ExchangeError(
            f"{path.name}: no array looks like keys ({key}, key or id, one for each vector); name one with --key-column; {_there(columns)}"
        )
    if any(c.name == chosen and len(c.shape) != 1 for c in columns):
        raise ExchangeError(f"{path.name}: {chosen!r} is no list of keys; expected one for each vector; {_there(columns)}")
    lengths = {c.name: c.shape[0] if c.shape else -1 for c in columns}
    if -1 not in (lengths[chosen], lengths[vector]) and lengths[chosen] != lengths[vector]:
        raise ExchangeError(
            f"{path.name}: {chosen!r} has {lengths[chosen]} keys for {lengths[vector]} vectors in {vector!r}; expected one each"
        )
    for within in _WITHIN if by_slice else ():
        # beside paths an `index` is more often the row's than the slice's
        index = next((c.name for c in rest if c.short == within and c.integer and c.name != chosen), None)
        if index and (key != "path" or within == "frame"):
            return Chosen(chosen, vector, index, within)
    return Chosen(chosen, vector, None, "index")


def _vector(path: Path, columns: Sequence[Column], key_column: str | None) -> str:
    possible = [c for c in columns if c.numeric and len(c.shape) == 2 and c.name != key_column]
    found = _by_name(path, possible, VECTOR_NAMES, "--vector-column")
    if found is None and len(possible) == 1:
        found = possible[0].name
    if found is None:
        named = next((c for c in columns if c.short in VECTOR_NAMES), None)
        what = f"{named} is not numeric with one row an item" if named else "no array looks like vectors (vector or embedding, N x D)"
        raise ExchangeError(f"{path.name}: {what}; name the right one with --vector-column; {_there(columns)}")
    return found


def _by_name(path: Path, columns: Sequence[Column], names: Sequence[str], option: str) -> str | None:
    for name in names:
        found = [c for c in columns if c.short == name]
        if len(found) > 1:
            raise ExchangeError(f"{path.name}: {' and '.join(c.name for c in found)} are both called {name!r}; choose one with {option}")
        if found:
            return found[0].name
    return None


def _there(columns: Sequence[Column]) -> str:
    listed = ", ".join(str(c) for c in columns[:12]) + (f" and {len(columns) - 12} more" if len(columns) > 12 else "")
    return f"there is {listed or 'nothing'}"
