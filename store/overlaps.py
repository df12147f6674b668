"""New volumes that take the place of others: a series that grew, other bytes at the same path. A part of a series adds nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .items import NamedScan, series_of, slice_of

if TYPE_CHECKING:
    from .bank import Bank


@dataclass(frozen=True)
class Overlaps:
    """What new scans have to do with volumes of the same series."""

    parts: frozenset[str]
    """New volumes whose slices all belong to one volume of the bank."""
    replaced: dict[str, str]
    """Volumes of the bank to the new volume that holds all their slices and more, or that is where they were."""


def overlaps(bank: Bank, scans: Iterable[NamedScan], series: Set[str]) -> Overlaps:
    """Compare new volumes with those of the same series, slice by slice, and with what was at their paths before.

    `series`: those of which the bank holds some.
    """
    scans = list(scans)
    replaced = _at_their_paths(bank, scans)
    by_series: dict[str, list[NamedScan]] = defaultdict(list)
    for scan in scans:
        if scan.header.kind == "dicom" and scan.header.series_uid:
            by_series[series_of(bank.key, scan.header, scan.volume)].append(scan)
    known = series & set(by_series)
    if not known:
        return Overlaps(frozenset(), replaced)
    names = ", ".join(f"'{series}'" for series in sorted(known))
    there: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in bank.sql(
        f"SELECT v.series, v.volume, s.slice FROM volumes v JOIN slices s USING (volume) WHERE v.series IN ({names})"
    ).to_pylist():
        there[row["series"], row["volume"]].add(row["slice"])
    parts: set[str] = set()
    for (name, volume), old in there.items():
        for scan in by_series[name]:
            new = {slice_of(bank.key, scan.header, scan.volume, index) for index in range(len(scan.header.slices))}
            if new <= old:
                parts.add(scan.volume)
            elif old < new:
                replaced[volume] = scan.volume
    return Overlaps(frozenset(parts), replaced)


def _at_their_paths(bank: Bank, scans: Iterable[NamedScan]) -> dict[str, str]:
    """Volumes named by their bytes of which other bytes are in place now: a file written over, a stack that grew."""
    replaced: dict[str, str] = {}
    for scan in scans:
        paths = {source.path for source in scan.header.sources}
        before = {volume for path in paths for volume, _, _ in bank.local_map.at_path(path)} if scan.header.kind != "dicom" else set[str]()
        for volume in before - {scan.volume}:
            located = bank.local_map.locate(volume)
            if located and {s.path for s in located.sources} <= paths and (len(located.sources) == 1) == (len(paths) == 1):
                replaced[volume] = scan.volume
    return replaced
