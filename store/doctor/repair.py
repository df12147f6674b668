"""Mending a bank stage by stage, looking at it anew between them: what one stage mends lets the next be seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..commit import LOCK_SECONDS, Commit
from ..places import Place
from ..progress import Progress
from ..repository import open_repository, session_at
from ..snapshot import Snapshot
from .cures import Cure, Direct, Stage, Surgery
from .diagnose import diagnose
from .findings import Finding
from .head import HeadCure
from .history import ForgetHistory, forget_history
from .quarantine import Quarantine

_DOING = "doctor --repair"
_ROUNDS = 12


@dataclass(frozen=True)
class Repaired:
    """What a repair did."""

    before: list[Finding]
    done: list[str]
    """In words, in the order in which it was done."""
    after: list[Finding]
    quarantine: str = field(default="")
    """Where what was taken out lies, relative to the bank; empty where nothing was."""


def repair(place: Place, *, key_file: Path | None = None, progress: Progress | None = None) -> Repaired:
    """Mend what can be mended. What was not mended is among the findings `after`.

    Raises:
        NotABankError: there is nothing like a bank.
        BankAccessError: the bank cannot be written to.
        BankLockedError: another writer does not end.
    """
    surgery = Surgery(place, Quarantine(place))
    before = found = diagnose(place, key_file=key_file, progress=progress)
    done: list[str] = []
    for _ in range(_ROUNDS):
        cures = list(dict.fromkeys(finding.cure for finding in found if finding.cure is not None))
        if not cures:
            break
        stage = min(cure.stage for cure in cures)
        done += [line for line in _operate(surgery, stage, [cure for cure in cures if cure.stage == stage]) if line]
        last, found = found, diagnose(place, key_file=key_file, progress=progress)
        if found == last:
            break
    return Repaired(before, done, found, surgery.quarantine.folder if surgery.quarantine.used else "")


def _operate(surgery: Surgery, stage: Stage, cures: list[Cure]) -> Iterable[str]:
    if stage is Stage.HEAD:
        return _commit(surgery, [cure for cure in cures if isinstance(cure, HeadCure)])
    with surgery.place.writer(_DOING, LOCK_SECONDS):
        if stage is Stage.HISTORY:
            lost = {name for cure in cures if isinstance(cure, ForgetHistory) for name in cure.snapshots}
            return [forget_history(surgery.place, surgery.quarantine, lost)]
        return [cure.apply(surgery) for cure in cures if isinstance(cure, Direct)]


def _commit(surgery: Surgery, cures: list[HeadCure]) -> list[str]:
    repository = open_repository(surgery.place, ahead=False)
    done: list[str] = []
    with Commit(surgery.place, repository, _DOING) as commit:
        session = session_at(repository, None)
        snapshot = Snapshot(surgery.place, session, surgery.place.cache("doctor"))
        done += [cure.change(commit, snapshot, surgery.quarantine) for cure in cures]
    return done
