"""Scans that ingest finds again: their files may have moved, changed, or been given the window they were saved with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from .items import NamedScan, mapped, series_number_of
from .local_map import Located, MappedScan
from .renumber import renumber
from .scan import Source
from .windows import Window

if TYPE_CHECKING:
    from .bank import Bank


UNSEEN = -1
"""The time of a file that came to a volume after it was embedded: decoding compares what it holds before it trusts it."""


def remember(bank: Bank, scans: Sequence[NamedScan]) -> int:
    """Take over where known volumes are now, and say how many have files that changed in place (those are not taken over)."""
    embedded = {row["volume"] for row in bank.snapshot.latest("contents", "content") if row["content"]}
    moved: list[MappedScan] = []
    elsewhere: list[MappedScan] = []
    changed = 0
    for scan in scans:
        old, new = bank.local_map.locate(scan.volume), mapped(scan)
        if old is not None and new.exported_window is None:
            new = replace(new, exported_window=old.exported_window)
        if old is not None and old.calibration is not None and new.calibration is None:
            continue  # found again as it was, without its layout
        if old is None or old.sources == new.sources or by_bytes(scan):
            if old is None or old != Located(new.kind, new.sources, new.exported_window, new.calibration):
                moved.append(new)
        elif not all(source.path.exists() for source in old.sources):
            same = _states(old.sources) == _states(new.sources)
            moved.append(new if same or scan.volume not in embedded else replace(new, sources=_unseen(new.sources)))
        elif changed_in_place(old.sources, new.sources):
            changed += 1
        else:
            elsewhere.append(new)
    bank.local_map.put(moved)
    bank.local_map.put_places(elsewhere)
    _number_series(bank, scans)
    _declare_windows(bank, {scan.volume: w for scan in scans if (w := scan.header.exported_window) is not None})
    return changed


def _number_series(bank: Bank, scans: Sequence[NamedScan]) -> None:
    """Scans of banks that were made before series' numbers were kept get theirs."""
    lacking = {row["volume"] for row in bank.snapshot.latest("volumes", "series_number") if row["series_number"] is None}
    numbers = {scan.volume: number for scan in scans if scan.volume in lacking and (number := series_number_of(scan.header)) is not None}
    if not numbers:
        return
    for commit in bank.commits(f"ingest: series numbers of {len(numbers)} volumes"):
        with commit:
            bank.refresh()
            rows = (row for row in bank.snapshot.rows("volumes") if row["volume"] in numbers)
            commit.append("volumes", (row | {"series_number": numbers[row["volume"]]} for row in rows))
    bank.refresh()


def by_bytes(scan: NamedScan) -> bool:
    """Whether the id is a digest of the files' bytes: equal id, equal bytes, whatever the files' times say."""
    return scan.header.kind != "dicom"


def _states(sources: Sequence[Source]) -> list[tuple[int, int]]:
    return [(source.size, source.mtime_ns) for source in sources]


def _unseen(sources: Sequence[Source]) -> tuple[Source, ...]:
    return tuple(replace(source, mtime_ns=UNSEEN) for source in sources)


def changed_in_place(old: Sequence[Source], new: Sequence[Source]) -> bool:
    """Whether a file that both name has another size or time."""
    before = {source.path: (source.size, source.mtime_ns) for source in old}
    return any(before.get(source.path, (source.size, source.mtime_ns)) != (source.size, source.mtime_ns) for source in new)


def _declare_windows(bank: Bank, declared: Mapping[str, Window]) -> None:
    """Images ingested before may be given their window now. One given another had vectors that were wrong: they are left behind."""
    if not declared:
        return
    for commit in bank.commits(f"ingest: windows of {len(declared)} volumes declared"):
        with commit:
            bank.refresh()
            rows = [row for row in bank.snapshot.rows("volumes") if row["volume"] in declared]
            before = {row["volume"]: (row["window_lo_hu"], row["window_hi_hu"]) for row in rows}
            now = {volume: {"window_lo_hu": window.lo, "window_hi_hu": window.hi} for volume, window in declared.items()}
            first = [volume for volume in before if before[volume] == (None, None)]
            corrected = [volume for volume in before if volume not in first and before[volume] != tuple(now[volume].values())]
            commit.append("volumes", (row | now[row["volume"]] for row in rows if row["volume"] in set(first)))
            renumber(bank, commit, corrected, now)
    bank.refresh()
