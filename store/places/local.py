"""A bank in a folder. Writers wait for one another by a lock; every file is synced before it counts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import final

import icechunk
import pyarrow.fs as pafs

from ..files import fsync_folder, write_atomic
from ..lock import writer_lock
from .base import FEATURES, Entry, Place

_PARTS = ("chunks", "manifests", "snapshots", "transactions", "refs")


@final
class LocalPlace(Place):
    """A folder, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.name = str(folder)
        self._known: dict[str, set[str]] = {part: set() for part in _PARTS}

    @property
    def folder(self) -> Path:
        return self._folder

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, lambda aside: _write(aside, data))

    def delete(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)

    def sizes(self, folder: str, names: Sequence[str]) -> list[int]:
        return [(self.folder / folder / name).stat().st_size for name in names]

    def entries(self, folder: str = "") -> list[Entry]:
        found: list[Entry] = []
        for base, _, names in os.walk(self.folder / folder):
            for name in names:
                path = Path(base, name)
                with suppress(FileNotFoundError):  # one that is being replaced
                    stat = path.stat(follow_symlinks=False)
                    modified = datetime.fromtimestamp(stat.st_mtime, UTC)
                    found.append(Entry(path.relative_to(self.folder).as_posix(), stat.st_size, modified))
        return sorted(found, key=lambda entry: entry.name)

    def storage(self) -> icechunk.Storage:
        # Icechunk warns at every open that local commits must not race; the writer's lock sees to that.
        icechunk.set_logs_filter("error")
        return icechunk.local_filesystem_storage(str(self.folder / FEATURES))

    def arrow(self, name: str) -> tuple[str, pafs.FileSystem]:
        return str(self.folder / name), pafs.LocalFileSystem()

    def writer(self, doing: str, timeout_s: float) -> AbstractContextManager[None]:
        return writer_lock(self.folder, doing, timeout_s)

    def sync_new_features(self) -> None:
        """Files are synced by name: what this object saw before is not synced again. Names only: a large bank has many chunks."""
        for part, known in self._known.items():
            folder = self.folder / FEATURES / part
            try:
                present = set(os.listdir(folder))  # noqa: PTH208 - Path.iterdir makes a Path of each of maybe a million
            except FileNotFoundError:
                continue
            if fresh := present - known:
                for name in fresh:
                    _fsync(folder / name)
                fsync_folder(folder)
                known |= fresh

    def sync(self, names: Iterable[str]) -> None:
        paths = [self.folder / name for name in names]
        for path in paths:
            _fsync(path)
        for folder in {path.parent for path in paths}:
            fsync_folder(folder)

    def cache(self, bank: str) -> Path:
        del bank
        return self.folder / "cache"


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _fsync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
