"""The one commit point: rows, vectors and counters become visible together, or not at all."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import icechunk
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zarr
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from .errors import BankLockedError, UnknownNameError
from .feature_rows import FeatureRows
from .features import SETS, append
from .files import write_atomic
from .fresh import FRESH, Freshness
from .repository import BRANCH, told
from .schema import SEQ, TABLES
from .snapshot import TABLES_GROUP
from .specs import FeatureKey

LOCK_SECONDS = 600.0


class Commit:
    """A transaction, used as a context manager: leaving it without an error commits, an error discards everything.

    Icechunk's local storage must not see two commits at once, so a file lock is held from entering to leaving.
    Do the slow work before entering.
    """

    def __init__(self, bank: Path, repository: icechunk.Repository, message: str, metadata: Mapping[str, Any] | None = None) -> None:
        self._bank = bank
        self._repository = repository
        self._message = message
        self._metadata = dict(metadata or {})
        self._lock = FileLock(bank / ".lock")
        self._written: list[Path] = []
        self.snapshot_id = ""
        """Of the commit, once it is made; empty where there was nothing to commit."""

    def __enter__(self) -> Commit:
        with told(f"writing to the bank {self._bank}"):
            try:
                self._lock.acquire(timeout=LOCK_SECONDS)
            except Timeout as error:
                raise BankLockedError(
                    f"another process has been writing to {self._bank} for {LOCK_SECONDS:g} s; wait for it to end, or stop it"
                ) from error
            try:
                self._session = self._repository.writable_session(BRANCH)
                self._parent = self._session.snapshot_id
                self._root = zarr.open_group(self._session.store, mode="r+")
                self._sequence = int(cast("int", self._root.attrs["sequence"])) + 1
                self._freshness = Freshness(self._listed, self._keys)
            except BaseException:
                self._lock.release()
                raise
        return self

    @property
    def parent(self) -> str:
        """The snapshot that this commit builds on: with the lock held, nobody else can move on from it."""
        return self._parent

    def reserve(self, count: int) -> int:
        """The first of `count` new ordinals in a row."""
        first = int(cast("int", self._root.attrs["next_ordinal"]))
        self._root.attrs["next_ordinal"] = first + count
        return first

    def append(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows to a table; columns left out are null. Raises UnknownNameError for a table or column that is none."""
        if table not in TABLES:
            raise UnknownNameError("table", table, TABLES)
        schema = TABLES[table].schema
        listed = [dict(row) | {SEQ: self._sequence} for row in rows]
        if not listed:
            return
        if extra := set().union(*listed) - set(schema.names):
            raise UnknownNameError(f"column of {table}", sorted(extra)[0], schema.names)
        data = pa.Table.from_pylist(listed, schema=schema)
        fresh = self._freshness.of(table, data)
        with told(f"writing table {table!r}"):
            folder = self._bank / "tables" / table
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{self._sequence:010d}-{secrets.token_hex(4)}.parquet"
            self._written.append(path)
            write_atomic(path, lambda aside: pq.write_table(data, aside, compression="zstd", write_page_checksum=True))
            content = path.read_bytes()
        group = self._root.require_group(f"{TABLES_GROUP}/{table}")
        entry = {"name": path.name, "rows": len(listed), "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        group.attrs["files"] = [*self._listed(table), entry | ({FRESH: True} if fresh else {})]

    def _listed(self, table: str) -> list[dict[str, Any]]:
        """The entries of a table's files, those of this commit too."""
        group = self._root.get(f"{TABLES_GROUP}/{table}")
        return cast("list[dict[str, Any]]", group.attrs.get("files", [])) if isinstance(group, zarr.Group) else []

    def _keys(self, table: str, column: str) -> set[Any] | None:
        """The values of a column in all of them; None where one cannot be read, which is for readers and `doctor` to say."""
        values: set[Any] = set()
        for entry in self._listed(table):
            path = self._bank / "tables" / table / entry["name"]
            try:
                values.update(pq.read_table(path, columns=[column], page_checksum_verification=True)[column].to_pylist())
            except (OSError, pa.ArrowException):
                return None
        return values

    def items(self, key: FeatureKey, expected_rows: int) -> NDArray[np.int64] | None:
        """What the set of `key` holds now, if it is not the `expected_rows` that the caller knows of; else None."""
        group = self._root.get(f"{SETS}/{key.digest}")
        item = group["item"] if isinstance(group, zarr.Group) else None
        if not isinstance(item, zarr.Array) or item.shape[0] == expected_rows:
            return None
        return np.asarray(item[:], dtype=np.int64)

    def append_features(
        self, key: FeatureKey, rows: FeatureRows | NDArray[Any], items: NDArray[np.int64], *, declared: bool = False
    ) -> None:
        """Add vectors (N, D), or `FeatureRows` where there is more than vectors, of items (N,), by ordinal, to the feature set of `key`."""
        with told(f"writing vectors of {key.name!r}"):
            append(self._root, key, rows if isinstance(rows, FeatureRows) else FeatureRows(rows), items, declared=declared)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if kind is None and self._session.has_uncommitted_changes:
                with told(f"committing to the bank {self._bank}"):
                    self._root.attrs["sequence"] = self._sequence
                    # From here on the files may be listed, even if the call is interrupted: they must stay.
                    self._written.clear()
                    self.snapshot_id = self._session.commit(self._message, metadata=self._metadata)
        finally:
            for path in self._written:  # what no snapshot lists is garbage; sweeping our own at once is only polite
                with suppress(OSError):
                    path.unlink(missing_ok=True)
            self._lock.release()
