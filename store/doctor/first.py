"""Icechunk's first snapshot, which is the same empty one in every repository."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import final

import icechunk

from ..checksums import write_checksums
from .case import FIRST, snapshot_file
from .cures import Direct, Stage, Surgery


def first_snapshot() -> bytes:
    """The bytes of one."""
    with tempfile.TemporaryDirectory() as folder:
        icechunk.Repository.create(icechunk.local_filesystem_storage(folder))
        return (Path(folder) / "snapshots" / FIRST).read_bytes()


@final
@dataclass(frozen=True)
class RenewFirst(Direct):
    """Make it again."""

    stage: Stage = Stage.FILES

    def apply(self, surgery: Surgery) -> str:
        name = snapshot_file(FIRST)
        surgery.quarantine.keep(name, "damaged; it was made again")
        surgery.place.write(name, first_snapshot())
        write_checksums(surgery.place, FIRST, "", 0, [name])
        return f"{name} made again"
