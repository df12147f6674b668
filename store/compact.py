"""Compaction: a bank as small and as fast as on its first day. What is current stays; history beyond what is to be kept goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

import numpy as np
import zarr
from numpy.typing import NDArray

from .artifacts import listed as artifact_files
from .artifacts import remove_empty_folders
from .commit import LOCK_SECONDS, Commit
from .erasure import finish
from .errors import UsageError
from .features import SETS
from .index_folder import remove_unneeded
from .merge import merge_tables
from .progress import Progress, Silent
from .repository import kept_snapshots, session_at, told
from .retention import expire, sweep
from .rewrite import drop_rows, fit_chunks
from .schema import TABLES
from .snapshot import Snapshot

if TYPE_CHECKING:
    from .bank import Bank

KEEP = 10
"""Snapshots of the history that stay, besides those with tags."""
GRACE = timedelta(hours=1)
LIVE = """SELECT ordinal FROM latest_volumes UNION ALL SELECT ordinal FROM latest_slices
    UNION ALL SELECT ordinal FROM latest_snippets WHERE ordinal IS NOT NULL UNION ALL SELECT ordinal FROM latest_prompts"""


@dataclass(frozen=True)
class CompactReport:
    """What a compaction did."""

    files_merged: int
    """Table files that others took the place of."""
    rows_superseded: int
    """Rows that a later row of the same key had taken the place of."""
    vectors_dropped: int
    """Vectors of what no item holds any more, such as voxels that changed."""
    snapshots_expired: int
    files_removed: int
    bytes_before: int
    bytes_after: int


def compact(bank: Bank, *, keep: int = KEEP, grace: timedelta = GRACE, progress: Progress | None = None) -> CompactReport:
    """Merge table files, drop vectors that belong to no item, forget old snapshots, and remove what nothing needs any more.

    Readers go on meanwhile; one that has a snapshot open that is forgotten must `refresh`.

    Args:
        bank: the bank.
        keep: snapshots of the history that stay readable. Those with tags always do.
        grace: files younger than this stay, listed or not: they may be of a commit that is under way, or of a reader.
        progress: told of stages.

    Raises:
        UsageError: `keep` is below 1.
        BankDamagedError: a file is damaged; nothing is forgotten then.
    """
    if keep < 1:
        raise UsageError(f"keep {keep}: expected 1 or more snapshots of the history")
    progress = progress or Silent()
    finish(bank)
    before = _bytes(bank)
    merged = superseded = dropped = 0
    for commit in bank.commits("compact"):
        with told(f"compacting {bank.name}"), commit:
            bank.refresh()
            progress.start("merging tables", 1)
            merged, superseded = merge_tables(commit, bank.snapshot)
            progress.advance()
            dropped = _rewrite_sets(bank, commit, progress)
    bank.refresh()
    progress.start("removing what nothing needs")
    with told(f"compacting {bank.name}"), bank.place.writer("compact", LOCK_SECONDS):
        expired = expire(bank.place, bank.repository, keep)
        removed = collect(bank, datetime.now(UTC) - grace)
    bank.refresh()
    return CompactReport(merged, superseded, dropped, expired, removed, before, _bytes(bank))


def collect(bank: Bank, before: datetime) -> int:
    """Remove what no snapshot needs and what is older than `before`; say how many files. The writer's lock is held."""
    with told("removing what nothing needs"):
        summary = bank.repository.garbage_collect(before)
        kept = kept_snapshots(bank.repository)
        listed: set[str] = set()
        for name in kept:
            snapshot = Snapshot(bank.place, session_at(bank.repository, name), bank.cache)
            listed |= {f"tables/{table}/{file.name}" for table in TABLES for file in snapshot.files(table)}
            listed |= {file.path for file in artifact_files(snapshot.root)}
        head = bank.repository.lookup_branch("main")
        first = next(s.id for s in bank.repository.ancestry(snapshot_id=head) if s.parent_id is None)
        count, _ = sweep(bank.place, listed, [*kept, first], before)
        remove_empty_folders(bank.place)
        count += remove_unneeded(bank, only_present=False)
        bank.snapshot.vector_cache.wipe()
    objects = summary.chunks_deleted + summary.manifests_deleted + summary.snapshots_deleted + summary.transaction_logs_deleted
    return count + objects


def _rewrite_sets(bank: Bank, commit: Commit, progress: Progress) -> int:
    """Take vectors without an item out of every set; say how many."""
    live = np.unique(bank.sql(LIVE).column("ordinal").to_numpy())
    sets = list(cast("zarr.Group", commit.root[SETS]).groups())
    progress.start("looking through feature sets", len(sets))
    dropped = 0
    for _, group in sets:
        keep = np.isin(_items(group), live)
        if not keep.all():
            dropped += int((~keep).sum())
            drop_rows(group, keep)
        fit_chunks(group)
        progress.advance()
    return dropped


def _items(group: zarr.Group) -> NDArray[np.int64]:
    return np.asarray(cast("zarr.Array", group["item"])[:], dtype=np.int64)


def _bytes(bank: Bank) -> int:
    return sum(entry.bytes for entry in bank.place.entries())
