"""The one commit point: rows, vectors and counters become visible together, or not at all.

In two phases. Everything is written and made durable first: table files, vectors, Icechunk's snapshot, the checksums of its
files. Then the branch moves from the parent to that snapshot, if it is still at the parent: that is the commit.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterable, Mapping
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any, cast

import icechunk
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zarr
from numpy.typing import NDArray

from .artifacts import list_files, listed, write_files
from .checksums import drop_checksums, snapshot_files, write_checksums
from .column_rows import repeated, rows_of_columns
from .errors import BankConflictError, UnknownNameError
from .feature_rows import FeatureRows
from .features import SETS, append
from .fresh import FRESH, Freshness
from .places import Place
from .places.base import FEATURES
from .repository import BRANCH, told
from .schema import SEQ, TABLES
from .snapshot import TABLES_GROUP
from .specs import FeatureKey

LOCK_SECONDS = 600.0
_CONFLICT = "branch update conflict"
_DICTIONARY_BYTES = 2**26
"""Of the texts of a row group: ids of a million items. Of more, Parquet writes each text again."""


class Commit:
    """A transaction, used as a context manager: leaving it without an error commits, an error discards everything.

    In a folder a lock is held from entering to leaving: do the slow work before entering. On an object store nobody waits,
    and what another writer overtook is no commit: `conflicted` says so where `again` was asked for, else it is an error.
    """

    def __init__(
        self,
        place: Place,
        repository: icechunk.Repository,
        message: str,
        metadata: Mapping[str, Any] | None = None,
        *,
        again: bool = False,
    ) -> None:
        self._place = place
        self._repository = repository
        self._message = message
        self._metadata = dict(metadata or {})
        self._again = again
        self._written: list[str] = []
        self._held = ExitStack()
        self.conflicted = False
        """Whether another writer was first, so that nothing was committed: do it again on what there is now."""
        self.snapshot_id = ""
        """Of the commit, once it is made; empty where there was nothing to commit."""

    def __enter__(self) -> Commit:
        with told(f"writing to the bank {self._place.name}"), ExitStack() as held:
            held.enter_context(self._place.writer(self._message, LOCK_SECONDS))
            self._session = self._repository.writable_session(BRANCH)
            self._parent = self._session.snapshot_id
            self._root = zarr.open_group(self._session.store, mode="r+")
            self._sequence = int(cast("int", self._root.attrs["sequence"])) + 1
            self._freshness = Freshness(self._listed, self._keys)
            self._held = held.pop_all()
        return self

    @property
    def parent(self) -> str:
        """The snapshot that this commit builds on. If another moves on from it, this is no commit."""
        return self._parent

    @property
    def root(self) -> zarr.Group:
        """The bank's arrays and lists of files, as this commit changes them: for what rewrites a bank as a whole."""
        return self._root

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
        self._append(table, pa.Table.from_pylist(listed, schema=schema))

    def append_columns(self, table: str, columns: Mapping[str, Any], rows: int) -> None:
        """As `append`, for millions of rows: by column an array (rows,), of numpy or Arrow, or what stands in every row.

        Raises:
            UnknownNameError: there is no such table or column.
            UsageError: `rows` is below 0, or a column has another length or holds what it cannot.
        """
        if table not in TABLES:
            raise UnknownNameError("table", table, TABLES)
        data = rows_of_columns(table, columns, rows)
        if rows:
            self._append(table, data.append_column(SEQ, repeated(self._sequence, pa.int64(), rows)))

    def _append(self, table: str, data: pa.Table) -> None:
        fresh = self._freshness.of(table, data)
        entry = self.write_rows(table, data)
        group = self._root.require_group(f"{TABLES_GROUP}/{table}")
        group.attrs["files"] = [*self._listed(table), entry | ({FRESH: True} if fresh else {})]

    def _listed(self, table: str) -> list[dict[str, Any]]:
        """The entries of a table's files, those of this commit too."""
        group = self._root.get(f"{TABLES_GROUP}/{table}")
        return cast("list[dict[str, Any]]", group.attrs.get("files", [])) if isinstance(group, zarr.Group) else []

    def _keys(self, table: str, column: str) -> set[Any] | None:
        """The values of a column in all of them; None where one cannot be read, which is for readers and `doctor` to say."""
        values: set[Any] = set()
        for entry in self._listed(table):
            path, files = self._place.arrow(f"tables/{table}/{entry['name']}")
            try:
                read = pq.read_table(path, columns=[column], filesystem=files, page_checksum_verification=True)
            except (OSError, pa.ArrowException):
                return None
            values.update(read[column].to_pylist())
        return values

    def write_rows(self, table: str, data: pa.Table) -> dict[str, Any]:
        """Write rows with their `seq` into a file of a table, and return what its list says of it. Listing it is the caller's."""
        with told(f"writing table {table!r}"):
            content = parquet_bytes(data)
            file = f"{self._sequence:010d}-{secrets.token_hex(4)}.parquet"
            self._written.append(f"tables/{table}/{file}")
            self._place.write(self._written[-1], content)
        return {"name": file, "rows": data.num_rows, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    def add_artifact(self, artifact: str, files: Mapping[str, bytes]) -> None:
        """Keep the files of an adapter, by name; `artifact` is its digest. One that is listed already stays as it is."""
        there = listed(self._root)
        if not any(file.artifact == artifact for file in there):
            with told(f"writing artifact {artifact[:12]}"):
                list_files(self._root, [*there, *write_files(self._place, artifact, files, self._written.append)])

    def drop_artifacts(self, artifacts: Collection[str]) -> None:
        """List the files of these adapters no more. They go when no snapshot that is kept lists them."""
        there = listed(self._root)
        if any(file.artifact in artifacts for file in there):
            list_files(self._root, [file for file in there if file.artifact not in artifacts])

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
        with self._held:
            try:
                if kind is None and self._session.has_uncommitted_changes:
                    with told(f"committing to the bank {self._place.name}"):
                        self._commit()
            finally:
                for name in self._written:  # what no snapshot lists is garbage; sweeping our own at once is only polite
                    with suppress(OSError):
                        self._place.delete(name)

    def _commit(self) -> None:
        self._root.attrs["sequence"] = self._sequence
        snapshot = self._session.flush(self._message, metadata=self._metadata)
        names = snapshot_files(self._repository, snapshot, self._parent)
        write_checksums(self._place, snapshot, self._parent, self._sequence, names)
        self._place.sync_new_features()
        # From here on the files may be listed, even if the call is interrupted: they must stay.
        written, self._written = self._written, []
        try:
            self._repository.reset_branch(BRANCH, snapshot, from_snapshot_id=self._parent)
        except icechunk.IcechunkError as error:
            if _CONFLICT not in str(error):
                raise
            self._written = written
            with suppress(OSError):
                drop_checksums(self._place, snapshot)
            if not self._again:
                raise BankConflictError(f"another process wrote to {self._place.name} meanwhile; run this again") from error
            self.conflicted = True
            return
        self._place.sync([f"{FEATURES}/refs/branch.{BRANCH}/ref.json"])
        self.snapshot_id = snapshot


def parquet_bytes(data: pa.Table) -> bytes:
    """Rows as a table's file holds them. The same rows give the same bytes, as long as pyarrow is the same.

    Texts that come as codes and a dictionary are written as such, and read as texts: the file does not say what they were in memory.
    """
    sink = pa.BufferOutputStream()
    if any(pa.types.is_dictionary(kind) for kind in data.schema.types):
        coded: Any = [field.name for field in data.schema if not pa.types.is_floating(field.type)]
        options: Any = {"use_dictionary": coded, "dictionary_pagesize_limit": _DICTIONARY_BYTES, "store_schema": False}
    else:
        options = {}
    pq.write_table(data, sink, compression="zstd", write_page_checksum=True, **options)
    return sink.getvalue().to_pybytes()
