"""Files of adapted encoders, byte for byte: of the newest snapshot, and of every older one that can be read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

from ..artifacts import ArtifactFile, listed, problem_of
from ..commit import Commit
from ..errors import ScanbankError
from ..snapshot import Snapshot
from .case import FIRST, Case
from .cures import Cure, PutBack, Stage
from .findings import Finding
from .head import HeadCure
from .history import not_whole
from .quarantine import Quarantine

_COPY = "restore it from a copy of the bank"


def check_artifacts(case: Case) -> Iterator[Finding]:
    """Every file of an adapter that a kept snapshot lists is what was committed."""
    seen: dict[ArtifactFile, str] = {}
    older: dict[str, list[str]] = defaultdict(list)
    for name in case.kept:
        for file in case.artifact_files(name) if name != FIRST else ():
            if file not in seen:
                seen[file] = problem_of(case.place, file)
            if seen[file] and name == case.head.snapshot:
                yield _of_head(case, file, seen[file])
            elif seen[file]:
                older[f"{file.path} {seen[file]}"].append(name)
    for why, names in older.items():
        yield not_whole(case, names, why)


def _of_head(case: Case, file: ArtifactFile, problem: str) -> Finding:
    if put_back := case.byte_put_back(file.path, file.bytes, file.sha256):
        return Finding(
            "error", file.path, f"{problem}: one byte of it has changed", "--repair puts it back: the digest proves it", put_back
        )
    if cure := _from_table(case, file):
        return Finding("error", file.path, problem, "--repair writes it anew: the table of encoders holds the same", cure)
    how = f"{_COPY}; --repair sets the adapter aside: the encoder cannot be opened from the bank any more, its vectors stay"
    return Finding("error", file.path, f"{problem}: it is of an adapted encoder", how, DropArtifact(file.artifact))


def _from_table(case: Case, file: ArtifactFile) -> Cure | None:
    """A card is kept in the table too."""
    held = case.opened(case.head.snapshot)
    try:
        rows = held.latest("encoders", "adapter", "card") if held else []
    except (ScanbankError, OSError):
        return None
    for row in rows:
        data = (row["card"] or "").encode()
        if row["adapter"] == file.artifact and file.is_of(data):
            return PutBack(file.path, data, "as the table of encoders has it", Stage.FILES)
    return None


@final
@dataclass(frozen=True)
class DropArtifact(HeadCure):
    """A bank without the files of an adapter. What is known of its encoder stays."""

    artifact: str
    stage: Stage = Stage.HEAD

    def change(self, commit: Commit, snapshot: Snapshot, quarantine: Quarantine) -> str:
        for file in listed(snapshot.root):
            if file.artifact == self.artifact:
                quarantine.keep(file.path, "of an adapter of which a file is lost")
        commit.drop_artifacts({self.artifact})
        return f"adapter {self.artifact[:12]} is lost"
