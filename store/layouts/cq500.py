"""CQ500: 491 head CT scans, each read by three radiologists (Chilamkurthy et al., Lancet 392:2388, 2018; arXiv:1803.05854).

Folders are `CQ500CT0 CQ500CT0/Unknown Study/CT PLAIN THIN/CT000000.dcm`; in `reads.csv` the same scan is `CQ500-CT-0`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import final

from ..csv_guard import check_clear
from ..csv_types import KeyKind, LabelCell, ParsedTable, Status, TableRow
from ..declared import Declared
from ..errors import TableError
from ..scan import Rejected
from .base import Layout, LayoutTable
from .cq500_reads import READERS, SCAN, Read, Reads, Votes, is_reads, majority, read_reads
from .finding import FoundTable

_SHOWN = 5
Counted = Callable[[Votes], Status | None]


def open_tables(found: Sequence[FoundTable], roots: Sequence[Path]) -> Layout:
    """The collection, of the one table of reads among those found.

    Raises:
        TableError: there is none, there are several, one that was named is none, or it cannot be understood.
    """
    if other := [one.path.name for one in found if one.named and not is_reads(one.columns)]:
        raise TableError(f"{other[0]}: no table of CQ500's reads; expected the columns name, Category, R1:ICH, ..., R3:MidlineShift")
    reads = [one.path for one in found if is_reads(one.columns)]
    if not reads:
        where = f" below {', '.join(map(str, roots))}" if roots else ""
        raise TableError(f"cq500: there is no reads.csv{where}; the authors distribute it beside the scans: name it with --labels FILE")
    if len(reads) > 1:
        raise TableError(f"cq500: {len(reads)} tables of reads: {', '.join(map(str, reads))}; take all but one away")
    return CQ500(reads[0], read_reads(reads[0]))


@final
class CQ500(Layout):
    """The scans by their folders, and the reads of them."""

    def __init__(self, path: Path, reads: Reads) -> None:
        self._path = path
        self._reads = reads

    def declare(self, path: Path) -> Declared | Rejected | None:
        """Names for series whose headers have none."""
        place = _place(path)
        return Declared(_name(place[0]), _name(place[0])) if place else None

    def tables(self, scans: Iterable[Path]) -> Sequence[LayoutTable]:
        """The majority, with the batch (B1, B2) as an attribute, and each reader as a source of their own, of studies."""
        folders: dict[int, dict[Path, None]] = defaultdict(dict)
        for number, folder in filter(None, map(_place, scans)):
            folders[number][folder] = None
        remarks = tuple(self._remarks(folders))
        tables = [LayoutTable(self._path, self._table(majority, folders), None, self._absent(majority, folders), remarks)]
        for reader in READERS:
            of_one: Counted = lambda votes, place=reader - 1: votes[place]  # noqa: E731 - a function for each reader
            tables.append(LayoutTable(self._path, self._table(of_one, folders), f"cq500:R{reader}", self._absent(of_one, folders)))
        return tables

    def _remarks(self, folders: Mapping[int, Mapping[Path, None]]) -> Iterator[str]:
        if self._reads.left:
            yield f"columns that are none of CQ500's and were left: {', '.join(self._reads.left[:_SHOWN])}"
        if unread := folders.keys() - {read.number for read in self._reads.rows}:
            yield f"scans of CQ500 that have no row, and so no labels: {len(unread)}"

    def _table(self, counted: Counted, folders: Mapping[int, Mapping[Path, None]]) -> ParsedTable:
        rows = (self._row(read, folder, counted) for read in self._reads.rows for folder in folders.get(read.number, ()))
        return self._parsed("study_path", tuple(rows))

    def _absent(self, counted: Counted, folders: Mapping[int, Mapping[Path, None]]) -> ParsedTable:
        gone = (read for read in self._reads.rows if read.number not in folders)
        return self._parsed("study_uid", tuple(self._row(read, _name(read.number), counted) for read in gone))

    def _row(self, read: Read, key: str | Path, counted: Counted) -> TableRow:
        statuses: dict[str, Status | None] = {finding: counted(votes) for finding, votes in read.votes.items()}
        labels = tuple(LabelCell(finding, status) for finding, status in statuses.items() if status is not None)
        attributes = {"batch": read.batch} if read.batch and counted is majority else {}
        return TableRow(read.line, key, {"patient_id": _name(read.number)}, labels, attributes, None, {})

    def _parsed(self, kind: KeyKind, rows: tuple[TableRow, ...]) -> ParsedTable:
        check_clear(rows, self._reads.findings, self._path.name)
        return ParsedTable(kind, rows, self._reads.findings, (), ("batch",), has_reports=False, has_split=False, faults=self._reads.faults)


def _name(number: int) -> str:
    return f"CQ500-CT-{number}"


def _place(path: Path) -> tuple[int, Path] | None:
    """(number of the scan, its folder) of a file in a folder of CQ500: `CQ500CT0`, or `CQ500CT0 CQ500CT0` as archives unpack."""
    for folder in path.parents:
        numbers = {match[1].lstrip("0") for word in folder.name.split() if (match := SCAN.fullmatch(word))}
        if len(numbers) == 1 and all(SCAN.fullmatch(word) for word in folder.name.split()):
            return int(numbers.pop() or 0), folder
    return None
