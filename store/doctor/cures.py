"""What can be done about a finding. The order of stages is the order of repair: each makes the next possible."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, final

from ..checksums import snapshot_files, write_checksums
from ..places.base import FEATURES
from ..repository import open_repository
from .quarantine import Quarantine

if TYPE_CHECKING:
    from ..places import Place


class Stage(IntEnum):
    """When a cure is due. Between stages the bank is looked at anew."""

    FILES = 0
    """Files put back as they were: what else is wrong cannot be seen before."""
    BRANCH = 1
    """The branch and tags lead to snapshots that can be read."""
    HEAD = 2
    """One commit takes out of the newest snapshot what is lost."""
    HISTORY = 3
    """Older snapshots that still name what is lost are forgotten."""
    LEFTOVERS = 4
    """What nothing needs goes."""


@dataclass(frozen=True)
class Surgery:
    """What cures work with."""

    place: Place
    quarantine: Quarantine


class Cure(ABC):
    """What can be done about one finding."""

    stage: Stage


class Direct(Cure):
    """Done by itself, with the writer's lock held."""

    @abstractmethod
    def apply(self, surgery: Surgery) -> str:
        """Do it, and say what was done."""


@final
@dataclass(frozen=True)
class PutBack(Direct):
    """Write a file as it was, which is known."""

    name: str
    data: bytes
    how: str
    stage: Stage = Stage.FILES

    def apply(self, surgery: Surgery) -> str:
        surgery.quarantine.keep(self.name, self.how)
        surgery.place.write(self.name, self.data)
        return f"{self.name} put back: {self.how}"


@final
@dataclass(frozen=True)
class ListAgain(Direct):
    """Digests of a snapshot's files written anew."""

    snapshot: str
    parent: str
    sequence: int
    without: tuple[str, ...] = ()
    """Files that are lost and that reading does not need."""
    stage: Stage = Stage.FILES

    def apply(self, surgery: Surgery) -> str:
        repository = open_repository(surgery.place, ahead=False)
        name = f"checksums/{self.snapshot}.json"
        surgery.quarantine.keep(name, "its digests were taken anew")
        there = {entry.name for entry in surgery.place.entries(FEATURES)} - set(self.without)
        names = [one for one in snapshot_files(repository, self.snapshot, self.parent or None) if one in there]
        for lost in self.without:
            surgery.quarantine.take(lost, "damaged, and needed by nothing that reads")
        write_checksums(surgery.place, self.snapshot, self.parent, self.sequence, names)
        return f"{name} written anew"


@final
@dataclass(frozen=True)
class SetAside(Direct):
    """A file goes to the quarantine."""

    name: str
    why: str
    stage: Stage = Stage.LEFTOVERS

    def apply(self, surgery: Surgery) -> str:
        surgery.quarantine.take(self.name, self.why)
        return f"{self.name} set aside in {surgery.quarantine.folder}"


@final
@dataclass(frozen=True)
class Discard(Direct):
    """A file of the bank that can be made again at any time, or that holds nothing, is deleted."""

    name: str
    stage: Stage = Stage.LEFTOVERS

    def apply(self, surgery: Surgery) -> str:
        surgery.place.delete(self.name)
        return f"{self.name} deleted"


@final
@dataclass(frozen=True)
class DiscardLocal(Direct):
    """As Discard, of a file on this machine."""

    path: Path
    stage: Stage = Stage.LEFTOVERS

    def apply(self, surgery: Surgery) -> str:
        del surgery
        self.path.unlink(missing_ok=True)
        return f"{self.path} deleted"


@final
@dataclass(frozen=True)
class Follows(Direct):
    """Nothing of its own: what is done about another finding settles this one."""

    stage: Stage = Stage.LEFTOVERS

    def apply(self, surgery: Surgery) -> str:
        del surgery
        return ""


@final
@dataclass(frozen=True)
class MakePrivate(Direct):
    """A file outside the bank becomes readable by its owner alone."""

    path: Path
    stage: Stage = Stage.LEFTOVERS

    def apply(self, surgery: Surgery) -> str:
        del surgery
        self.path.chmod(0o600)
        return f"{self.path} is now readable by its owner alone"
