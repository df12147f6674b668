"""New ordinals for volumes whose voxels or declared window changed: vectors under the old ones speak of what is no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .commit import Commit
from .errors import ReadError
from .progress import Progress, Silent
from .readers import load_volume

if TYPE_CHECKING:
    from .bank import Bank


def renumber(bank: Bank, commit: Commit, volumes: Sequence[str], columns: Mapping[str, Mapping[str, Any]] | None = None) -> None:
    """Give volumes and their slices new ordinals; ids, labels and splits stay. Feature sets then lack these items.

    `columns`: for a volume, what else changes in its row.
    """
    if not volumes:
        return
    names = ", ".join(f"'{volume}'" for volume in volumes)
    rows = bank.sql(f"SELECT * EXCLUDE (seq) FROM latest_volumes WHERE volume IN ({names})").to_pylist()
    slices = bank.sql(f'SELECT * EXCLUDE (seq) FROM latest_slices WHERE volume IN ({names}) ORDER BY volume, "index"').to_pylist()
    firsts = {row["volume"]: commit.reserve(1 + row["slices"]) for row in rows}
    for row in rows:
        row |= {"ordinal": firsts[row["volume"]], "slice_ordinal": firsts[row["volume"]] + 1}
        row |= (columns or {}).get(row["volume"], {})
    commit.append("volumes", rows)
    commit.append("slices", (row | {"ordinal": firsts[row["volume"]] + 1 + row["index"]} for row in slices))
    commit.append("contents", ({"volume": row["volume"], "content": None} for row in rows))


def accept_changes(bank: Bank, *, progress: Progress | None = None) -> int:
    """Take files as they are now for what was ingested, and say of how many volumes the voxels changed.

    A file that was only touched keeps its vectors: what it holds is compared by content digest. Where the voxels changed,
    the volume gets new ordinals, so that no vector of the old ones is taken for one of the new.
    """
    progress = progress or Silent()
    answer = bank.sql("SELECT v.volume, c.content FROM volumes v LEFT JOIN contents c USING (volume)").to_pylist()
    known = {row["volume"]: row["content"] for row in answer}
    touched = [volume for volume in bank.local_map.changed() if volume in known]
    if not touched:
        return 0
    progress.start("comparing changed files", len(touched))
    changed: list[str] = []
    for volume in touched:
        if known[volume] is not None and _content(bank, volume) != known[volume]:
            changed.append(volume)
        progress.advance()
    if changed:
        with bank.commit(f"accept: {len(changed)} changed volumes", volumes=len(changed)) as commit:
            renumber(bank, commit, changed)
        bank.refresh()
    for volume in touched:
        bank.local_map.accept(volume)
    return len(changed)


def _content(bank: Bank, volume: str) -> str | None:
    """The content digest of a volume's files as they are now; None where they cannot be read, which embedding will say."""
    located = bank.local_map.locate(volume)
    try:
        return load_volume(located, accept_changed=True).content if located else None
    except ReadError:
        return None
