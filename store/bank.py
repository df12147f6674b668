"""The bank: one folder or prefix that holds vectors and tables, opened at its newest commit or as it was at an older one."""

from __future__ import annotations

import os
import random
import secrets
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import icechunk
import zarr

from .aliases import set_alias
from .card import FORMAT, check_free, read_card, write_card
from .checksums import snapshot_files, write_checksums
from .commit import Commit
from .dense import DensePredictions, read_dense
from .errors import UsageError
from .features import SETS, FeatureSet
from .key import SecretKey, default_key_file, find_key
from .places import Place, place_of
from .repository import BRANCH, create_repository, kept_snapshots, open_repository, session_at, told
from .schema import TABLES
from .snapshot import TABLES_GROUP, Snapshot
from .tags import add_tag, remove_tag

if TYPE_CHECKING:
    import pyarrow as pa

    from .local_map import LocalMap
    from .sql import Queries

_ATTEMPTS = 50
"""Of a commit on an object store. Each lets one of the writers through, so many writers need many."""


@dataclass(frozen=True)
class LogEntry:
    """One commit."""

    snapshot: str
    at: datetime
    message: str
    metadata: Mapping[str, Any]
    tags: tuple[str, ...] = ()


class Bank:
    """A bank on disk. Reading sees one snapshot until `refresh`; writing goes through `commit`."""

    def __init__(self, place: Place, card: Mapping[str, Any], at: str | None, key_file: Path | None) -> None:
        """Use `Bank.create` or `Bank.open`."""
        self.place = place
        self.card = card
        self.at = at
        self._key_file = key_file

    @classmethod
    def create(cls, path: str | os.PathLike[str], *, key_file: Path | None = None) -> Bank:
        """Make an empty bank in a folder (or `s3://BUCKET/PREFIX`) that does not exist yet or is empty, and a key for it outside.

        `key_file`: use this key, or write the new one there, instead of `$XDG_CONFIG_HOME/scanbank/keys/`.

        Raises:
            BankExistsError: there is a bank, or anything else, at `path`.
            UsageError: `key_file` lies in the bank, or holds no key.
            BankAccessError: the file system refuses.
        """
        place = place_of(path)
        with told(f"creating the bank {place.name}"):
            check_free(place)
            if key_file and place.folder and place.folder in key_file.expanduser().absolute().parents:
                raise UsageError(f"the key {key_file} would lie in the bank, and be given away with it; name a file elsewhere")
            key = SecretKey.read(key_file) if key_file and key_file.exists() else SecretKey.new()
            if place.folder:
                place.folder.mkdir(parents=True, exist_ok=True)
            repository = create_repository(place)
            session = repository.writable_session(BRANCH)
            empty = session.snapshot_id
            root = zarr.open_group(session.store, mode="a", attributes={"sequence": 0, "next_ordinal": 0})
            for name in TABLES:
                root.create_group(f"{TABLES_GROUP}/{name}", attributes={"files": []})
            root.create_group(SETS)
            first = session.commit("init")
            write_checksums(place, empty, "", 0, snapshot_files(repository, empty, None))
            write_checksums(place, first, empty, 0, snapshot_files(repository, first, empty))
            place.sync_new_features()
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
            write_card(place, card)
        return cls(place, card, None, key_file)

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, at: str | None = None, key_file: Path | None = None) -> Bank:
        """Open a bank, at its newest commit or as it was at the snapshot or tag `at`.

        Raises:
            NotABankError: there is no bank at `path`.
            BankFormatError: a newer scanbank wrote it, or its card is damaged.
            UsageError: there is no such snapshot or tag.
        """
        place = place_of(path)
        bank = cls(place, read_card(place), at, key_file)
        _ = bank.snapshot.root  # a snapshot that cannot be read is told of here
        return bank

    @property
    def name(self) -> str:
        """Where the bank is, as a user would type it."""
        return self.place.name

    @property
    def path(self) -> Path:
        """The bank's folder. Raises UsageError for a bank on an object store."""
        if self.place.folder is None:
            raise UsageError(f"{self.name} lies on an object store and has no folder")
        return self.place.folder

    @property
    def cache(self) -> Path:
        """The folder for what can be derived from the bank at any time; it need not exist, nor be writable."""
        return self.place.cache(self.card["bank"])

    @cached_property
    def repository(self) -> icechunk.Repository:
        """The Icechunk repository of the vectors. Writing to it goes through `commit`."""
        return open_repository(self.place)

    @cached_property
    def snapshot(self) -> Snapshot:
        """What readers see."""
        with told(f"reading the bank {self.name}"):
            return Snapshot(self.place, session_at(self.repository, self.at), self.cache)

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
            BankConflictError: on leaving it, on an object store where another process was first. See `commits`.
        """
        return self._transaction(message, metadata, again=False)

    def commits(self, message: str, **metadata: Any) -> Iterator[Commit]:
        """A transaction that is tried again on what there is now, where another process was first (object stores only).

        `for commit in bank.commits("ingest"):` with `with commit: ...` as its body, which looks at the bank (after
        `refresh`) anew each time.

        Raises:
            UsageError: the bank was opened `at` an older snapshot.
            BankConflictError: others were first every time.
        """
        for attempt in range(_ATTEMPTS):
            commit = self._transaction(message, metadata, again=attempt < _ATTEMPTS - 1)
            yield commit
            if not commit.conflicted:
                return
            time.sleep(random.uniform(0.0, min(5.0, 0.05 * 2**attempt)))

    def _transaction(self, message: str, metadata: Mapping[str, Any], *, again: bool) -> Commit:
        if self.at is not None:
            raise UsageError(f"the bank was opened at {self.at}, as it was; open it without `at` to write")
        if self.card["format"] < FORMAT:
            from .migrations import migrate

            self.card = migrate(self.place, self.repository, self.card)
        return Commit(self.place, self.repository, message, metadata, again=again)

    def sql(self, query: str, *, timeout_s: float | None = None) -> pa.Table:
        """The answer to one SELECT over the bank's views (docs/sql.md). Raises QueryError."""
        return self._queries.run(query, timeout_s)

    def close_queries(self) -> None:
        """Let go of the memory that queries keep for the next, hundreds of megabytes after large answers; `sql` takes it again."""
        self._queries.close()

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

    def dense_predictions(self, run: str) -> DensePredictions:
        """Scores of items by a run that keeps them as one array. Raises UnknownNameError where it keeps none so."""
        return read_dense(self.snapshot, run)

    def tag(self, name: str, at: str | None = None) -> str:
        """Give a snapshot, by default the newest, a name that keeps it readable whatever is compacted. Returns its id.

        Raises:
            UsageError: the name is not fit, taken, or was taken once (Icechunk gives a name one time only).
        """
        return add_tag(self.place, self.repository, name, at or self.at)

    def untag(self, name: str) -> None:
        """Take a tag away. Its snapshot goes with the next compaction if nothing else keeps it. Raises UnknownNameError."""
        remove_tag(self.place, self.repository, name)

    @property
    def tags(self) -> dict[str, str]:
        """Tags and their snapshots."""
        with told(f"reading the tags of {self.name}"):
            return {tag: self.repository.lookup_tag(tag) for tag in sorted(self.repository.list_tags())}

    def alias(self, name: str, features: str) -> None:
        """Let `name` stand for a feature set from now on, in place of what it stood for. `features` then takes it for a name.

        Raises:
            UnknownNameError: there is no such set.
            UsageError: the name is not fit, or a feature set's own.
        """
        set_alias(self, name, features)

    @property
    def aliases(self) -> dict[str, str]:
        """Aliases and the digests of the feature sets that they stand for."""
        return self.snapshot.aliases

    def log(self) -> list[LogEntry]:
        """Commits that can be read, newest first: those of the history, then those that only a tag keeps."""
        with told(f"reading the log of {self.name}"):
            tags: dict[str, list[str]] = defaultdict(list)
            for tag, snapshot in self.tags.items():
                tags[snapshot].append(tag)
            if self.at:
                commits = [s for s in self.repository.ancestry(snapshot_id=self.snapshot.id) if s.parent_id is not None]
            else:
                commits = list(kept_snapshots(self.repository).values())
            return [LogEntry(s.id, s.written_at, s.message, dict(s.metadata), tuple(tags[s.id])) for s in commits]
