"""Scans that ingest finds again: their files may have moved, changed, or been given the window they were saved with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .items import NamedScan, mapped
from .renumber import renumber
from .scan import Source

if TYPE_CHECKING:
    from .bank import Bank


def remember(bank: Bank, scans: Sequence[NamedScan]) -> int:
    """Take over where known volumes are now, and say how many have files that changed in place (those are not taken over)."""
    moved: list[NamedScan] = []
    elsewhere: list[NamedScan] = []
    changed = 0
    for scan in scans:
        old = bank.local_map.locate(scan.volume)
        if old is None or (old.sources != scan.header.sources and not all(source.path.exists() for source in old.sources)):
            moved.append(scan)
        elif changed_in_place(old.sources, scan.header.sources):
            changed += 1
        elif old.sources != scan.header.sources:
            elsewhere.append(scan)
    bank.local_map.put(mapped(scan) for scan in moved)
    bank.local_map.put_places(mapped(scan) for scan in elsewhere)
    _declare_windows(bank, scans)
    return changed


def changed_in_place(old: Sequence[Source], new: Sequence[Source]) -> bool:
    """Whether a file that both name has another size or time."""
    before = {source.path: (source.size, source.mtime_ns) for source in old}
    return any(before.get(source.path, (source.size, source.mtime_ns)) != (source.size, source.mtime_ns) for source in new)


def _declare_windows(bank: Bank, scans: Sequence[NamedScan]) -> None:
    """Images ingested before may be given their window now. One given another had vectors that were wrong: they are left behind."""
    declared = {scan.volume: scan for scan in scans if scan.header.exported_window is not None}
    if not declared:
        return
    names = ", ".join(f"'{volume}'" for volume in declared)
    rows = bank.sql(f"SELECT * EXCLUDE (seq) FROM latest_volumes WHERE volume IN ({names})").to_pylist()
    before = {row["volume"]: (row["window_lo_hu"], row["window_hi_hu"]) for row in rows}
    now = {volume: scan.header.exported_window for volume, scan in declared.items()}
    new = {volume: (window.lo, window.hi) for volume, window in now.items() if window and before[volume] != (window.lo, window.hi)}
    if not new:
        return
    corrected = [volume for volume in new if before[volume] != (None, None)]
    with bank.commit(f"ingest: windows of {len(new)} volumes declared") as commit:
        windows = {volume: {"window_lo_hu": lo, "window_hi_hu": hi} for volume, (lo, hi) in new.items()}
        commit.append("volumes", (row | windows[row["volume"]] for row in rows if row["volume"] in new and row["volume"] not in corrected))
        renumber(bank, commit, corrected, windows)
    bank.local_map.put(mapped(declared[volume]) for volume in new)
    bank.refresh()
