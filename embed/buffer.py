"""Vectors on their way into the bank: held until whole chunks can be committed, all feature sets in one commit."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..store.erasure import tokens
from ..store.feature_rows import FeatureRows, joined
from ..store.features import CHUNK_ROWS, rows_in_chunk
from ..store.specs import FeatureKey
from .plan import Present

if TYPE_CHECKING:
    from ..store.bank import Bank
    from ..store.commit import Commit

FLUSH_BYTES = 256 * 2**20
"""Vectors that wait at most for their chunks to be full."""
FLUSH_SECONDS = 120.0
"""A slow encoder commits at least this often, chunk or no chunk: weeks of GPU time are not held back for alignment."""


class FeatureBuffer:
    """Rows wait here, in the order they came. What is not committed when the process is killed is computed again."""

    def __init__(self, bank: Bank, keys: Sequence[FeatureKey], have: Mapping[str, Present], message: str) -> None:
        self._bank = bank
        self._keys = keys
        self._rows = {key.digest: have[key.digest].rows for key in keys}
        self._items: dict[str, list[NDArray[np.int64]]] = {key.digest: [] for key in keys}
        self._vectors: dict[str, list[FeatureRows]] = {key.digest: [] for key in keys}
        self._table_rows: dict[str, list[dict[str, Any]]] = {}
        self._message = message
        self._last = time.monotonic()
        self._forgot = tokens(bank.snapshot.root)

    def add(self, key: FeatureKey, items: NDArray[np.int64], vectors: FeatureRows) -> None:
        self._items[key.digest].append(items)
        self._vectors[key.digest].append(vectors)

    def add_row(self, table: str, row: dict[str, Any]) -> None:
        """A table row that is committed with the vectors."""
        self._table_rows.setdefault(table, []).append(row)

    def pending(self, key: FeatureKey) -> int:
        return sum(map(len, self._items[key.digest]))

    def flush_if_due(self) -> None:
        """Commit whole chunks where there are any, or everything where the last commit is long ago."""
        if time.monotonic() - self._last > FLUSH_SECONDS:
            self.flush()
        elif self._waiting_bytes() > FLUSH_BYTES or any(
            self._rows[key.digest] % CHUNK_ROWS + self.pending(key) >= CHUNK_ROWS for key in self._keys
        ):
            self._commit({key.digest: self._aligned(key) for key in self._keys})

    def flush(self) -> None:
        """Commit everything."""
        self._commit({key.digest: self.pending(key) for key in self._keys})

    def _aligned(self, key: FeatureKey) -> int:
        """How many pending rows end on a chunk's border."""
        rows, held = self._rows[key.digest], self._vectors[key.digest]
        chunk = rows_in_chunk(held[0].vector.shape[1:]) if held else CHUNK_ROWS
        return max(0, (rows + self.pending(key)) // chunk * chunk - rows)

    def _waiting_bytes(self) -> int:
        return sum(rows.nbytes for held in self._vectors.values() for rows in held)

    def _commit(self, counts: Mapping[str, int]) -> None:
        if not any(counts.values()) and not self._table_rows:
            return
        taken = {key.digest: self._take(key, count) for key in self._keys if (count := counts[key.digest])}
        after: dict[str, int] = {}
        for commit in self._bank.commits(self._message, rows=sum(counts.values())):
            with commit:
                there, volumes = self._there(commit)
                for key in self._keys:
                    if key.digest in taken:
                        items, vectors = taken[key.digest]
                        kept = slice(None) if there is None else there.mask(items)
                        after[key.digest] = self._append(commit, key, items[kept], vectors[kept])
                for table, rows in self._table_rows.items():
                    commit.append(table, rows if volumes is None else [row for row in rows if _volume(row) in volumes])
        self._rows |= after
        self._table_rows = {}
        self._last = time.monotonic()

    def _there(self, commit: Commit) -> tuple[Present | None, set[str] | None]:
        """Where a patient was forgotten since this began: the ordinals and volumes that are left. Nothing of others may be written."""
        if tokens(commit.root) == self._forgot:
            return None, None
        self._bank.refresh()
        views = ("volumes", "slices", "snippets")
        ordinals = [self._bank.sql(f"SELECT ordinal FROM {view}").column("ordinal").to_numpy() for view in views]
        return Present(np.concatenate(ordinals)), set(self._bank.sql("SELECT volume FROM volumes").column("volume").to_pylist())

    def _append(self, commit: Commit, key: FeatureKey, items: NDArray[np.int64], vectors: FeatureRows) -> int:
        """Rows that the set has then."""
        rows = self._rows[key.digest]
        there = commit.items(key, rows)
        if there is not None:  # another process wrote to this set meanwhile: its rows stay, ours of the same items go
            fresh = ~Present(there).mask(items)
            items, vectors, rows = items[fresh], vectors[fresh], len(there)
        if len(items):
            commit.append_features(key, vectors, items)
        return rows + len(items)

    def _take(self, key: FeatureKey, count: int) -> tuple[NDArray[np.int64], FeatureRows]:
        items, vectors = np.concatenate(self._items[key.digest]), joined(self._vectors[key.digest])
        self._items[key.digest], self._vectors[key.digest] = [items[count:]], [vectors[count:]]
        return items[:count], vectors[:count]


def _volume(row: Mapping[str, Any]) -> str:
    """The volume that a row of `contents` or `failures` is of."""
    return row.get("volume") or row["source"].partition(":")[0]
