"""A bank as it was at one commit: which table files and feature sets count. Reading never blocks a writer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import icechunk
import pyarrow as pa
import pyarrow.dataset as ds
import zarr

from .errors import BankAccessError, BankDamagedError, UnknownNameError
from .features import SETS, FeatureSet, read_set
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

    def __init__(self, bank: Path, session: icechunk.Session) -> None:
        self.bank = bank
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
                f"the bank {self.bank}: features/snapshots/{self.id} is missing or damaged; restore it from a copy of the bank"
            ) from error

    def files(self, table: str) -> list[TableFile]:
        """The files of a table, oldest first."""
        if table not in TABLES:
            raise UnknownNameError("table", table, TABLES)
        group = self.root.get(f"{TABLES_GROUP}/{table}")
        listed: Any = group.attrs["files"] if isinstance(group, zarr.Group) else []
        return [TableFile(**entry) for entry in listed]

    def table(self, table: str) -> ds.Dataset:
        """All rows ever written to a table, the superseded ones too, as an Arrow dataset (the rows are not read yet).

        Raises:
            BankDamagedError: a file that this snapshot lists is missing or has another size; a small one, other bytes.
            BankAccessError: there is no permission to read one.
        """
        schema = TABLES[table].schema
        files = self.files(table)
        for file in files:
            self._check(table, file, whole=file.bytes <= _SMALL)
        paths = [str(self._path(table, file)) for file in files]
        if not paths:
            return ds.dataset(pa.table({name: pa.array([], type) for name, type in zip(schema.names, schema.types, strict=True)}))
        return ds.dataset(paths, schema=schema, format=_PARQUET)

    def is_fresh(self, table: str) -> bool:
        """Whether every row of a table is the latest of its key."""
        return all(file.fresh for file in self.files(table))

    def check(self, table: str) -> None:
        """Compare every byte of a table's files with what was committed. Raises as `table` does."""
        for file in self.files(table):
            self._check(table, file, whole=True)

    def _check(self, table: str, file: TableFile, *, whole: bool) -> None:
        path = self._path(table, file)
        try:
            if (size := path.stat().st_size) != file.bytes:
                raise self._damaged(table, file, f"is damaged: it has {size:,} bytes, expected {file.bytes:,}")
            if whole:
                with path.open("rb") as opened:
                    if hashlib.file_digest(opened, "sha256").hexdigest() != file.sha256:
                        raise self._damaged(table, file, "is damaged: its bytes are not those that were committed")
        except BankDamagedError:
            raise
        except PermissionError as error:
            raise BankAccessError(f"table {table}: file {self._named(table, file)} cannot be read: permission denied") from error
        except FileNotFoundError as error:
            raise self._damaged(table, file, "is missing") from error
        except OSError as error:
            raise self._damaged(table, file, f"cannot be read: {error.strerror}") from error

    def _damaged(self, table: str, file: TableFile, what: str) -> BankDamagedError:
        return BankDamagedError(f"table {table}: file {self._named(table, file)} {what}; restore it from a copy of the bank")

    def _named(self, table: str, file: TableFile) -> str:
        return self._path(table, file).relative_to(self.bank).as_posix()

    def _path(self, table: str, file: TableFile) -> Path:
        return self.bank / "tables" / table / file.name

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
        members = (read_set(member, self.vector_cache, self.id) for _, member in group.groups())
        return sorted(members, key=lambda s: (s.name, s.digest))

    @cached_property
    def vector_cache(self) -> VectorCache:
        """Copies of whole sets, kept only as long as this snapshot is."""
        return VectorCache(self.bank / "cache", alive=(self.bank / "features" / "snapshots" / self.id).exists)

    def feature_set(self, name: str) -> FeatureSet:
        """The feature set of this name, or of the digest that begins so.

        Raises:
            UnknownNameError: there is none, or several share the name (then give the digest).
        """
        found = [s for s in self.feature_sets if s.name == name] or [
            s for s in self.feature_sets if len(name) >= 6 and s.digest.startswith(name)
        ]
        if len(found) != 1:
            hint = "Several sets have that name; give the digest instead: " + ", ".join(s.digest[:12] for s in found) if found else ""
            raise UnknownNameError("feature set", name, [s.name for s in self.feature_sets], hint)
        return found[0]
