"""Cures that change the newest snapshot: all of them are one commit."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from .cures import Cure

if TYPE_CHECKING:
    from ..commit import Commit
    from ..snapshot import Snapshot
    from .quarantine import Quarantine


class HeadCure(Cure):
    """Part of the one commit of a repair."""

    @abstractmethod
    def change(self, commit: Commit, snapshot: Snapshot, quarantine: Quarantine) -> str:
        """Do it within the commit, and say what was done. `snapshot` is what the commit builds on."""
