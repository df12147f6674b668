"""A bank as it was at one commit: which table files and feature sets count. Reading never blocks a writer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import icechunk
import pyarrow as pa
import pyarrow.dataset as ds
import zarr

from .errors import BankAccessError, BankDamagedError, SnapshotGoneError, UnknownNameError, UsageError
from .features import SETS, FeatureSet, distinct_names, read_set
from .places import Place
from .places.base import FEATURES
from .schema import TABLES
from .vector_cache import VectorCache

TABLES_GROUP = "tables"
# Pages carry a checksum, the footers of Parquet do not: of a small file, which is mostly footer, the whole is checked.
_PARQUET = ds.ParquetFileFormat(default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True))
_SMALL = 2**16


@dataclass(frozen=True)
class TableFile:
    """One Parquet file that a snapshot lists."""

    name: str
    rows: int
    bytes: int
    sha256: str
    fresh: bool = False
    """Whether none of its rows has the key of an earlier one (`store/fresh.py`)."""


class Snapshot:
    """Everything a reader needs, fixed at one commit."""

    def __init__(self, place: Place, session: icechunk.Session, cache: Path) -> None:
        """`cache`: the folder for copies of whole feature sets."""
        self.place = place
        self._cache = cache
        self._files: dict[str, list[TableFile]] = {}
        """What was asked for: a list is read in milliseconds, and SQL asks for each several times."""
        self.session = session

    @property
    def id(self) -> str:
        return self.session.snapshot_id

    @cached_property
    def root(self) -> zarr.Group:
        try:
            return zarr.open_group(self.session.store, mode="r")
        except (icechunk.IcechunkError, ValueError) as error:  # for Zarr, a snapshot that cannot be read holds nothing
            raise BankDamagedError(
                f"the bank {self.place.name}: features/snapshots/{self.id} is missing or damaged; restore it from a copy of the bank"
            ) from error

    def files(self, table: str) -> list[TableFile]:
        """The files of a table, oldest first."""
        if table not in TABLES:
            raise UnknownNameError("table", table, TABLES)
        if table not in self._files:
            group = self.root.get(f"{TABLES_GROUP}/{table}")
            listed: Any = group.attrs["files"] if isinstance(group, zarr.Group) else []
            self._files[table] = [TableFile(**entry) for entry in listed]
        return list(self._files[table])

    def table(self, table: str) -> ds.Dataset:
        """All rows ever written to a table, the superseded ones too, as an Arrow dataset (the rows are not read yet).

        Raises:
            BankDamagedError: a file that this snapshot lists is missing or has another size; a small one, other bytes.
            BankAccessError: there is no permission to read one.
        """
        schema = TABLES[table].schema
        files = self.files(table)
        if not files:
            return ds.dataset(pa.table({name: pa.array([], type) for name, type in zip(schema.names, schema.types, strict=True)}))
        self._check_sizes(table, files)
        for file in files:
            if file.bytes <= _SMALL and self.place.folder is not None:  # an object store keeps its own checksums
                self._check(table, file)
        found = [self.place.arrow(_path(table, file)) for file in files]
        return ds.dataset([path for path, _ in found], schema=schema, format=_PARQUET, filesystem=found[0][1])

    def is_fresh(self, table: str) -> bool:
        """Whether every row of a table is the latest of its key."""
        return all(file.fresh for file in self.files(table))

    def check(self, table: str) -> None:
        """Compare every byte of a table's files with what was committed. Raises as `table` does."""
        files = self.files(table)
        self._check_sizes(table, files)
        for file in files:
            self._check(table, file)

    def _check_sizes(self, table: str, files: list[TableFile]) -> None:
        with self._reading(table, files):
            sizes = self.place.sizes(f"tables/{table}", [file.name for file in files])
        for file, size in zip(files, sizes, strict=True):
            if size != file.bytes:
                raise _damaged(table, file.name, f"is damaged: it has {size:,} bytes, expected {file.bytes:,}")

    def _check(self, table: str, file: TableFile) -> None:
        with self._reading(table, [file]):
            data = self.place.read(_path(table, file))
        if len(data) != file.bytes or hashlib.sha256(data).hexdigest() != file.sha256:
            raise _damaged(table, file.name, "is damaged: its bytes are not those that were committed")

    def latest(self, table: str, *columns: str) -> list[dict[str, Any]]:
        """The latest row for each key of a table: its key and `columns`. For looking up; SQL is for questions."""
        key = TABLES[table].key
        rows = self.table(table).to_table(columns=list(dict.fromkeys((*key, *columns)))).to_pylist()  # files are oldest first
        return list({tuple(row[name] for name in key): row for row in rows}.values())

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The latest row for each key of a table, whole, as it would be written again."""
        return self.latest(table, *(name for name, _ in TABLES[table].columns))

    @cached_property
    def feature_sets(self) -> list[FeatureSet]:
        """Every feature set, by name."""
        group = self.root.get(SETS)
        if not isinstance(group, zarr.Group):
            return []
        members = (read_set(member, self.vector_cache, self.id, self.check_kept) for _, member in group.groups())
        return sorted(members, key=lambda s: (s.name, s.digest))

    @cached_property
    def vector_cache(self) -> VectorCache:
        """Copies of whole sets, kept only as long as this snapshot is."""
        return VectorCache(self._cache, alive=self._is_kept)

    @contextmanager
    def _reading(self, table: str, files: list[TableFile]) -> Iterator[None]:
        """What a file system says of files, in words."""
        try:
            with _reading(table, files):
                yield
        except BankDamagedError:
            self.check_kept()
            raise

    def check_kept(self) -> None:
        """Raises SnapshotGoneError where this snapshot was expired since it was opened: then what it lists may be gone, too."""
        if not self._is_kept():
            raise SnapshotGoneError(self.place.name, self.id)

    def _is_kept(self) -> bool:
        try:
            self.place.read(f"{FEATURES}/snapshots/{self.id}")
        except OSError:
            return False
        return True

    @cached_property
    def aliases(self) -> dict[str, str]:
        """Aliases and the digests of the feature sets that they stand for."""
        return {row["alias"]: row["digest"] for row in self.latest("aliases", "digest") if row["digest"]}

    def feature_set(self, name: str) -> FeatureSet:
        """The feature set of this name or alias, or of the digest that begins so; of several of one name, `NAME@` and a digest's beginning.

        Raises:
            UnknownNameError: there is none.
            UsageError: several share the name.
        """
        found = [s for s in self.feature_sets if name in (s.name, f"{s.name}@{s.digest[:8]}")] or [
            s
            for s in self.feature_sets
            if s.digest == self.aliases.get(name) or (name not in self.aliases and len(name) >= 6 and s.digest.startswith(name))
        ]
        if len(found) > 1:
            names = ", ".join(distinct_names(found)[s.digest] for s in found)
            raise UsageError(f"several feature sets have the name {name!r}, of other weights or views; choose one of {names}")
        if not found:
            raise UnknownNameError("feature set", name, [*(s.name for s in self.feature_sets), *self.aliases])
        return found[0].prepare()


def _path(table: str, file: TableFile) -> str:
    return f"tables/{table}/{file.name}"


def _damaged(table: str, name: str, what: str) -> BankDamagedError:
    return BankDamagedError(f"table {table}: file tables/{table}/{name} {what}; restore it from a copy of the bank")


@contextmanager
def _reading(table: str, files: list[TableFile]) -> Iterator[None]:
    """What a file system says of files, in words."""
    try:
        yield
    except OSError as error:
        names = [file.name for file in files]
        name = next((n for n in names if n in f"{error.filename} {error}"), names[0])
        if isinstance(error, PermissionError):
            raise BankAccessError(f"table {table}: file tables/{table}/{name} cannot be read: permission denied") from error
        what = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror or error}"
        raise _damaged(table, name, what) from error
