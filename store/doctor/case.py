"""A bank as the doctor sees it: by its files first. Icechunk is only given files whose digests fit, so that damage cannot confuse it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, final

import google_crc32c
import icechunk

from ..artifacts import FOLDER as ARTIFACTS
from ..artifacts import ArtifactFile, entries_of
from ..card import read_card
from ..checksums import FOLDER as CHECKSUMS
from ..checksums import Checksums, read_checksums
from ..chunks import CRC_BYTES
from ..errors import BankDamagedError, ScanbankError
from ..places import Entry, Place
from ..places.base import FEATURES
from ..progress import Progress
from ..repository import BRANCH, open_repository
from ..retention import MARKER
from ..schema import TABLES
from ..snapshot import TABLES_GROUP, Snapshot, TableFile
from .cures import PutBack
from .one_byte import mended
from .quarantine import FOLDER as QUARANTINE
from .reading import fetch_all

_TRIED = 20
"""Files in which a changed byte is looked for: where more are damaged, it is no single byte."""
HEAD_REF = f"{FEATURES}/refs/branch.{BRANCH}/ref.json"
_TAG = f"{FEATURES}/refs/tag."


@dataclass(frozen=True)
class Ref:
    """The branch or a tag, by its file. `snapshot` is empty where the file says nothing that can be understood."""

    name: str
    file: str
    snapshot: str


@final
class Case:
    """Everything is looked up once, and what fails is None or empty: checks say what that means."""

    def __init__(self, place: Place, progress: Progress, now: datetime, key_file: Path | None) -> None:
        self.place = place
        self.progress = progress
        self.now = now
        self.key_file = key_file
        self.head = self._ref(BRANCH, HEAD_REF)
        self.entries: dict[str, Entry] = {e.name: e for e in place.entries() if not e.name.startswith(f"{QUARANTINE}/")}
        self._states: dict[str, str] = {}
        self._tried = 0
        self._listed: dict[str, list[tuple[str, TableFile]]] = {}
        self._artifacts: dict[str, list[ArtifactFile]] = {}
        self._manifests: dict[str, dict[str, tuple[str, ...]]] = {}
        self._opened: dict[str, Snapshot | None] = {}

    @cached_property
    def card(self) -> dict[str, Any] | None:
        try:
            return read_card(self.place)
        except ScanbankError:
            return None

    @cached_property
    def has_digests(self) -> bool:
        """Banks of format 1 keep none."""
        return self.card is None or self.card["format"] > 1

    @cached_property
    def interrupted(self) -> bool:
        """Whether a compaction was stopped while it rewrote snapshots."""
        return MARKER in self.entries

    @cached_property
    def tags(self) -> list[Ref]:
        files = [name for name in self.entries if name.startswith(_TAG) and name.endswith("/ref.json")]
        return [
            self._ref(name.removeprefix(_TAG).removesuffix("/ref.json"), name) for name in files if f"{name}.deleted" not in self.entries
        ]

    @cached_property
    def lists(self) -> dict[str, Checksums]:
        """Lists of digests that are what was written."""
        found: dict[str, Checksums] = {}
        for name in self.snapshots_listed:
            try:
                found[name] = read_checksums(self.place, name)
            except (OSError, BankDamagedError):
                continue
        return found

    @cached_property
    def snapshots_listed(self) -> list[str]:
        """The snapshots that have a list of digests, damaged or not."""
        start, end = f"{CHECKSUMS}/", ".json"
        return [name[len(start) : -len(end)] for name in self.entries if name.startswith(start) and name.endswith(end)]

    @cached_property
    def digests(self) -> dict[str, str]:
        """sha256 by file of the repository. A snapshot that was rewritten is in the list of its own."""
        found: dict[str, str] = {}
        for one in sorted(self.lists.values(), key=lambda one: one.sequence):
            found |= {name: str(about["sha256"]) for name, about in one.files.items()}
        return found

    def state(self, name: str) -> str:
        """What is wrong with a file that has a digest, in words; empty where nothing is, or where it has no digest."""
        if name not in self._states:
            self._states[name] = self._compare(name)
        return self._states[name]

    def _compare(self, name: str) -> str:
        expected = self.digests.get(name)
        if name not in self.entries:
            return "is missing"
        if expected is None:
            return ""
        try:
            found = hashlib.sha256(self.place.read(name)).hexdigest()
        except OSError as error:
            return "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror or error})"
        return "" if found == expected else "is not what was written"

    def byte_put_back(self, name: str, size: int, sha256: str) -> PutBack | None:
        """For a file that is not what was written, if one byte of it is all that has changed. Looked for in a few files only."""
        if name not in self.entries or self.entries[name].bytes != size or self._tried >= _TRIED:
            return None
        self._tried += 1
        try:
            data = mended(self.place.read(name), sha256)
        except OSError:
            return None
        return PutBack(name, data, "one byte had changed, and the digest proves which") if data else None

    @cached_property
    def repository(self) -> icechunk.Repository | None:
        try:
            return open_repository(self.place, ahead=False)
        except ScanbankError:
            return None

    def info(self, snapshot: str) -> icechunk.SnapshotInfo | None:
        """What Icechunk says of a snapshot whose file is sound, or has no digest."""
        if self.repository is None or self.state(snapshot_file(snapshot)):
            return None
        try:
            return self.repository.lookup_snapshot(snapshot)
        except (icechunk.IcechunkError, ValueError):
            return None

    def parent(self, snapshot: str) -> str:
        """Of a snapshot; empty for the first, and where that is not known."""
        if snapshot in self.lists:
            return self.lists[snapshot].parent
        info = self.info(snapshot)
        return (info.parent_id or "") if info else ""

    def history(self, snapshot: str) -> Iterator[str]:
        """A snapshot and those before it, Icechunk's first included, as far as they are known."""
        seen: set[str] = set()
        while snapshot and snapshot not in seen:
            seen.add(snapshot)
            yield snapshot
            snapshot = self.parent(snapshot)

    @cached_property
    def kept(self) -> list[str]:
        """Every snapshot that the branch or a tag leads to, Icechunk's first included: newest of the branch first."""
        names = dict.fromkeys(self.history(self.head.snapshot))
        for tag in self.tags:
            names |= dict.fromkeys(self.history(tag.snapshot))
        return list(names)

    def manifests(self, snapshot: str) -> list[str]:
        """Files of the manifests that a snapshot needs; none where it cannot be read."""
        info = self.info(snapshot)
        return [f"{FEATURES}/manifests/{one.id}" for one in info.manifests] if info else []

    def array_manifests(self, snapshot: str) -> dict[str, tuple[str, ...]]:
        """Files of the manifests by path of the array whose chunks they list, of a snapshot that can be read."""
        if snapshot not in self._manifests:
            about: Any = {"nodes": []}
            if self.repository is not None and self.info(snapshot) is not None:
                about = json.loads(self.repository.inspect_snapshot(snapshot))
            self._manifests[snapshot] = {
                node["path"].strip("/"): tuple(f"{FEATURES}/manifests/{ref['id']}" for ref in node.get("manifest_refs") or ())
                for node in about["nodes"]
            }
        return self._manifests[snapshot]

    def opened(self, snapshot: str) -> Snapshot | None:
        """A snapshot whose own file is sound, to read. Vectors are read from its arrays: copies of sets might hide what is damaged."""
        if snapshot not in self._opened:
            self._opened[snapshot] = self._open(snapshot)
        return self._opened[snapshot]

    def table_files(self, snapshot: str) -> list[tuple[str, TableFile]]:
        """The files of tables that a snapshot lists, with their tables; none where it cannot be read."""
        if snapshot not in self._listed:
            held = self.opened(snapshot)
            self._listed[snapshot] = table_files(held) if held else []
        return self._listed[snapshot]

    def artifact_files(self, snapshot: str) -> list[ArtifactFile]:
        """The files of adapters that a snapshot lists; none where it cannot be read."""
        if snapshot not in self._artifacts:
            held, key = self.opened(snapshot), f"{ARTIFACTS}/zarr.json"
            found = fetch_all(held.root.store, [key]) if held else {}
            about: Any = json.loads(found[key]) if key in found else {}
            self._artifacts[snapshot] = entries_of(about.get("attributes", {}))
        return self._artifacts[snapshot]

    def _open(self, snapshot: str) -> Snapshot | None:
        if self.info(snapshot) is None or self.repository is None:
            return None
        try:
            session = self.repository.readonly_session(snapshot_id=snapshot)
            held = Snapshot(self.place, session, self.place.cache(self.card["bank"] if self.card else "unknown"))
            _ = held.root
        except (icechunk.IcechunkError, ScanbankError, ValueError):
            return None
        return held

    @cached_property
    def bad_chunks(self) -> dict[str, str]:
        """Chunk files that are not what was written, and what is wrong with them."""
        # With a # in its name a file is only on its way: Icechunk writes aside, too.
        names = [name for name in self.entries if name.startswith(f"{FEATURES}/chunks/") and "#" not in name]
        self.progress.start("reading chunks", len(names))
        found: dict[str, str] = {}
        for name in names:
            try:
                data = self.place.read(name)
            except OSError as error:
                found[name] = f"cannot be read ({error.strerror or error})"
            else:
                if google_crc32c.value(data[:-CRC_BYTES]) != int.from_bytes(data[-CRC_BYTES:], "little") or len(data) < CRC_BYTES:
                    found[name] = "does not fit its checksum"
            self.progress.advance()
        return found

    def _ref(self, name: str, file: str) -> Ref:
        try:
            told: Any = json.loads(self.place.read(file))
            snapshot = told["snapshot"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return Ref(name, file, "")
        return Ref(name, file, snapshot if isinstance(snapshot, str) else "")


def table_files(held: Snapshot) -> list[tuple[str, TableFile]]:
    """As `held.files` has them for each table, in one go: many snapshots are looked through."""
    keys = {table: f"{TABLES_GROUP}/{table}/zarr.json" for table in TABLES}
    found = fetch_all(held.root.store, list(keys.values()))
    listed: list[tuple[str, TableFile]] = []
    for table, key in keys.items():
        about: Any = json.loads(found[key]) if key in found else {}
        listed += [(table, TableFile(**entry)) for entry in about.get("attributes", {}).get("files", [])]
    return listed


FIRST = "1CECHNKREP0F1RSTCMT0"
"""The id that Icechunk gives the first snapshot of every repository."""


def snapshot_file(snapshot: str) -> str:
    return f"{FEATURES}/snapshots/{snapshot}"
