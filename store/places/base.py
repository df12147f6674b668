"""What a bank needs of the place it lies in: small named files, each there whole or not at all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import icechunk
import pyarrow.fs as pafs

FEATURES = "features"
"""The folder of the Icechunk repository."""


@dataclass(frozen=True)
class Entry:
    """A file as a listing shows it. `name` is relative to the bank, with slashes."""

    name: str
    bytes: int
    modified: datetime


class Place(ABC):
    """A folder or prefix. Names are relative, with slashes. Errors are OSError; a missing file is FileNotFoundError."""

    name: str
    """As a user would type it."""

    @property
    @abstractmethod
    def folder(self) -> Path | None:
        """Of a bank on a file system; None elsewhere."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """All bytes of a file."""

    @abstractmethod
    def write(self, name: str, data: bytes) -> None:
        """Make or replace a file. A reader sees all of it or what was there before; when this returns it is durable."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Remove a file; none is as well."""

    @abstractmethod
    def sizes(self, folder: str, names: Sequence[str]) -> list[int]:
        """Bytes of files of one folder. Raises FileNotFoundError with the name of the first that is not there."""

    @abstractmethod
    def entries(self, folder: str = "") -> list[Entry]:
        """Every file below a folder, by name; none where there is no such folder."""

    @abstractmethod
    def storage(self) -> icechunk.Storage:
        """For the repository of vectors, below FEATURES."""

    @abstractmethod
    def arrow(self, name: str) -> tuple[str, pafs.FileSystem]:
        """A file as Arrow reads it."""

    @abstractmethod
    def writer(self, doing: str, timeout_s: float) -> AbstractContextManager[None]:
        """Around a commit: where commits of two writers would not be told apart, one waits for the other here.

        `doing`: what those who wait are told.

        Raises:
            BankLockedError: another writer did not end within `timeout_s` seconds.
        """

    @abstractmethod
    def sync_new_features(self) -> None:
        """Make durable what the repository wrote since the last call. Object stores are durable by themselves."""

    @abstractmethod
    def sync(self, names: Iterable[str]) -> None:
        """Make files that the repository replaced durable."""

    @abstractmethod
    def cache(self, bank: str) -> Path:
        """The folder for what can be derived from the bank at any time. It need not exist."""
