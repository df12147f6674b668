"""The bank: one directory that holds vectors and tables, opened at its newest commit or as it was at an older one."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zarr

from .commit import Commit
from .errors import BankAccessError, BankExistsError, BankFormatError, NotABankError, UsageError
from .features import SETS, FeatureSet
from .files import write_atomic
from .key import SecretKey, default_key_file, find_key
from .repository import BRANCH, create_repository, open_repository, session_at, told
from .schema import TABLES
from .snapshot import TABLES_GROUP, Snapshot

if TYPE_CHECKING:
    import pyarrow as pa

    from .local_map import LocalMap
    from .sql import Queries

FORMAT = 1
"""The version of the bank's layout that this code writes."""
_CARD = "bank.json"


@dataclass(frozen=True)
class LogEntry:
    """One commit."""

    snapshot: str
    at: datetime
    message: str
    metadata: Mapping[str, Any]


class Bank:
    """A bank on disk. Reading sees one snapshot until `refresh`; writing goes through `commit`."""

    def __init__(self, path: Path, card: Mapping[str, Any], at: str | None, key_file: Path | None) -> None:
        """Use `Bank.create` or `Bank.open`."""
        self.path = path
        self.card = card
        self.at = at
        self._key_file = key_file

    @classmethod
    def create(cls, path: str | os.PathLike[str], *, key_file: Path | None = None) -> Bank:
        """Make an empty bank in a folder that does not exist yet or is empty, and a key for it outside.

        `key_file`: use this key, or write the new one there, instead of `$XDG_CONFIG_HOME/scanbank/keys/`.

        Raises:
            BankExistsError: there is a bank, or anything else, at `path`.
            UsageError: `key_file` lies in the bank, or holds no key.
            BankAccessError: the file system refuses.
        """
        folder = _local(path)
        if (folder / _CARD).exists():
            raise BankExistsError(f"{folder} is a bank already; ingest into it, or choose another path")
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise BankExistsError(f"{folder} exists and is not an empty folder; choose another path")
        if key_file and folder in key_file.expanduser().absolute().parents:
            raise UsageError(f"the key {key_file} would lie in the bank, and be given away with it; name a file elsewhere")
        with told(f"creating the bank {folder}"):
            key = SecretKey.read(key_file) if key_file and key_file.exists() else SecretKey.new()
            folder.mkdir(parents=True, exist_ok=True)
            repository = create_repository(folder)
            session = repository.writable_session(BRANCH)
            root = zarr.open_group(session.store, mode="a", attributes={"sequence": 0, "next_ordinal": 0})
            for name in TABLES:
                root.create_group(f"{TABLES_GROUP}/{name}", attributes={"files": []})
            root.create_group(SETS)
            session.commit("init")
            target = key_file or default_key_file(key.id)
            if not target.exists():
                key.write(target)
            card = {
                "format": FORMAT,
                "bank": secrets.token_hex(8),
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "key": key.id,
            }
            # Written last: a folder without it is no bank, so a kill before this line leaves nothing half made.
            write_atomic(folder / _CARD, lambda aside: _write_text(aside, json.dumps(card, indent=2) + "\n"))
        return cls(folder, card, None, key_file)

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, at: str | None = None, key_file: Path | None = None) -> Bank:
        """Open a bank, at its newest commit or as it was at the snapshot or tag `at`.

        Raises:
            NotABankError: there is no bank at `path`.
            BankFormatError: a newer scanbank wrote it, or its card is damaged.
            UsageError: there is no such snapshot or tag.
        """
        folder = _local(path)
        card_path = folder / _CARD
        try:
            card = json.loads(card_path.read_text("utf-8"))
        except PermissionError as error:
            raise BankAccessError(f"{card_path} cannot be read: permission denied") from error
        except (FileNotFoundError, NotADirectoryError) as error:
            what = "does not exist" if not folder.exists() else "is not a folder" if not folder.is_dir() else f"holds no {_CARD}"
            raise NotABankError(f"{folder} is not a bank: it {what}; make one with `scanbank init {path}`") from error
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise BankFormatError(f"{card_path} is damaged ({type(error).__name__}); restore it from a copy") from error
        version = card.get("format") if isinstance(card, dict) else None
        if not isinstance(version, int) or not {"bank", "key"} <= set(card):
            raise BankFormatError(f"{card_path} is damaged: it names no format, bank and key; restore it from a copy")
        if version > FORMAT:
            raise BankFormatError(f"{folder} is of bank format {version}; this scanbank reads up to format {FORMAT}: upgrade scanbank")
        bank = cls(folder, card, at, key_file)
        _ = bank.snapshot
        return bank

    @cached_property
    def _repository(self) -> Any:
        return open_repository(self.path)

    @cached_property
    def snapshot(self) -> Snapshot:
        """What readers see."""
        with told(f"reading the bank {self.path}"):
            return Snapshot(self.path, session_at(self._repository, self.at))

    def refresh(self) -> None:
        """See the newest commit from now on (a bank opened `at` a snapshot stays there)."""
        self.__dict__.pop("snapshot", None)
        self.__dict__.pop("_queries", None)

    @cached_property
    def key(self) -> SecretKey:
        """Raises KeyMissingError where the key is not at hand: looking up by original ids and ingesting need it."""
        return find_key(self.card["key"], self._key_file)

    @cached_property
    def local_map(self) -> LocalMap:
        """From items to files on this machine; empty on a machine that has ingested nothing."""
        from .local_map import LocalMap

        return LocalMap.open(self.card["bank"])

    def commit(self, message: str, **metadata: Any) -> Commit:
        """A transaction: `with bank.commit("ingest") as commit: ...`. Call `refresh` to see it.

        Raises:
            UsageError: the bank was opened `at` an older snapshot.
        """
        if self.at is not None:
            raise UsageError(f"the bank was opened at {self.at}, as it was; open it without `at` to write")
        return Commit(self.path, self._repository, message, metadata)

    def sql(self, query: str, *, timeout_s: float | None = None) -> pa.Table:
        """The answer to one SELECT over the bank's views (docs/sql.md). Raises QueryError."""
        return self._queries.run(query, timeout_s)

    def sql_batches(self, query: str, *, timeout_s: float | None = None) -> pa.RecordBatchReader:
        """As `sql`, in batches, for answers that are larger than memory. Raises QueryError, also while it is read."""
        return self._queries.stream(query, timeout_s)

    @cached_property
    def _queries(self) -> Queries:
        from .sql import Queries

        return Queries(self.snapshot)

    @property
    def feature_sets(self) -> list[FeatureSet]:
        return self.snapshot.feature_sets

    def features(self, name: str) -> FeatureSet:
        """The feature set of this name, or digest. Raises UnknownNameError."""
        return self.snapshot.feature_set(name)

    def log(self) -> list[LogEntry]:
        """Commits, newest first."""
        with told(f"reading the log of {self.path}"):
            start = {"snapshot_id": self.snapshot.id} if self.at else {"branch": BRANCH}
            commits = list(self._repository.ancestry(**start))[:-1]  # the last is Icechunk's own, before there is a bank
            return [LogEntry(s.id, s.written_at, s.message, dict(s.metadata)) for s in commits]


def _local(path: str | os.PathLike[str]) -> Path:
    text = os.fspath(path)
    if "://" in text:
        raise UsageError(f"{text}: banks on object stores are not supported yet; give a folder")
    return Path(text).expanduser().absolute()


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
