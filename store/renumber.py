"""New ordinals for volumes whose voxels or declared window changed: vectors under the old ones speak of what is no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .commit import Commit
from .progress import Progress, Silent
from .readers import load_volume

if TYPE_CHECKING:
    from .bank import Bank


def renumber(bank: Bank, commit: Commit, volumes: Sequence[str], columns: Mapping[str, Mapping[str, Any]] | None = None) -> None:
    """Give volumes and their slices new ordinals; ids, labels and splits stay. Feature sets then lack these items.

    Call it within the commit and after `bank.refresh()`, so that rows are those that the commit builds on. `columns`: for a
    volume, what else changes in its row.
    """
    if not volumes:
        return
    wanted = set(volumes)
    rows = [row for row in bank.snapshot.rows("volumes") if row["volume"] in wanted]
    slices = [row for row in bank.snapshot.rows("slices") if row["volume"] in wanted]
    firsts = {row["volume"]: commit.reserve(1 + row["slices"]) for row in rows}
    for row in rows:
        row |= {"ordinal": firsts[row["volume"]], "slice_ordinal": firsts[row["volume"]] + 1}
        row |= (columns or {}).get(row["volume"], {})
    commit.append("volumes", rows)
    commit.append("slices", (row | {"ordinal": firsts[row["volume"]] + 1 + row["index"]} for row in slices))
    commit.append("contents", ({"volume": row["volume"], "content": None} for row in rows))


def accept_changes(bank: Bank, *, progress: Progress | None = None) -> int:
    """Take DICOM files as they are now for what was ingested, and say how many volumes got new ordinals.

    A file that was only touched keeps its vectors: what it holds is compared by content digest. Else the volume gets new
    ordinals, so that no vector of the old voxels is taken for one of the new. Volumes that are named by their bytes are not
    accepted: other bytes are another scan, which ingest finds.
    """
    progress = progress or Silent()
    answer = bank.sql("SELECT v.volume, c.content FROM volumes v LEFT JOIN contents c USING (volume) WHERE v.kind = 'dicom'").to_pylist()
    known = {row["volume"]: row["content"] for row in answer}
    touched = [volume for volume in bank.local_map.changed() if volume in known]
    progress.start("comparing changed files", len(touched))
    changed: list[str] = []
    for volume in touched:
        if known[volume] is None or content_now(bank, volume) != known[volume]:
            changed.append(volume)
        progress.advance()
    if changed:
        for commit in bank.commits(f"accept: {len(changed)} changed volumes", volumes=len(changed)):
            with commit:
                bank.refresh()
                renumber(bank, commit, changed)
        bank.refresh()
    for volume in touched:
        bank.local_map.accept(volume)
    return len(changed)


def content_now(bank: Bank, volume: str) -> str | None:
    """The content digest of a volume's files as they are now; None where they cannot be read, which embedding will say."""
    located = bank.local_map.locate(volume)
    try:
        return load_volume(located, accept_changed=True).content if located else None
    except Exception:  # noqa: BLE001 - as in embedding, a decoder may raise anything on hostile bytes
        return None
