"""Banks of older formats: they are read as they are, and brought to the newest format when they are first written to.

A migration is a function here under the format that it starts from. It may be interrupted and started again at any point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import icechunk
import zarr

from .card import FORMAT, write_card
from .checksums import read_checksums, snapshot_files, write_checksums
from .commit import Commit
from .features import CODECS, SETS
from .places import Place
from .repository import BRANCH, kept_snapshots, told
from .runs import add_runs


def migrate(place: Place, repository: icechunk.Repository, card: Mapping[str, Any]) -> dict[str, Any]:
    """Bring a bank to FORMAT, step by step, and return its new card."""
    card = dict(card)
    while card["format"] < FORMAT:
        with told(f"bringing the bank {place.name} from format {card['format']} to {card['format'] + 1}"):
            MIGRATIONS[card["format"]](place, repository)
            card["format"] += 1
            write_card(place, card)
    return card


def _to_2(place: Place, repository: icechunk.Repository) -> None:
    """Format 2 keeps digests of the repository's files, and with each feature set which rows hold which items."""
    snapshots = kept_snapshots(repository)
    first = next(s for s in repository.ancestry(branch=BRANCH) if s.parent_id is None)
    ages = sorted(snapshots.values(), key=lambda s: s.written_at)
    for sequence, info in enumerate((first, *ages)):
        try:
            read_checksums(place, info.id)
        except FileNotFoundError:
            names = snapshot_files(repository, info.id, info.parent_id)
            write_checksums(place, info.id, info.parent_id or "", max(0, sequence - 1), names)

    with Commit(place, repository, "format 2") as commit:
        for _, group in cast("zarr.Group", commit.root[SETS]).groups():
            add_runs(group, CODECS)


MIGRATIONS: dict[int, Callable[[Place, icechunk.Repository], None]] = {1: _to_2}
