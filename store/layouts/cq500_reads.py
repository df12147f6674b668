"""CQ500's `reads.csv`: who saw what, and the majority of three, which the authors take for the truth."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from ..csv_cells import CellError, parse_finding, parse_name
from ..csv_types import Status
from ..errors import TableError
from ..table_records import open_table

READERS = (1, 2, 3)
FINDINGS: Mapping[str, str] = {
    "ICH": "hemorrhage",
    "IPH": "intraparenchymal",
    "IVH": "intraventricular",
    "SDH": "subdural",
    "EDH": "epidural",
    "SAH": "subarachnoid",
    "BleedLocation-Left": "bleed_left",
    "BleedLocation-Right": "bleed_right",
    "ChronicBleed": "chronic_bleed",
    "Fracture": "fracture",
    "CalvarialFracture": "calvarial_fracture",
    "OtherFracture": "other_fracture",
    "MassEffect": "mass_effect",
    "MidlineShift": "midline_shift",
}
"""The authors' names to those of head findings elsewhere here, so that a finding of CQ500 and of a phantom are one."""
SCAN = re.compile(r"CQ500-?CT-?(\d{1,6})", re.IGNORECASE)
"""`CQ500-CT-0` in the table, `CQ500CT0` as a folder."""
_READ = re.compile(r"R(\d{1,3}):(.+)", re.IGNORECASE)
_NAME, _BATCH = "name", "category"

Votes = tuple[Status | None, Status | None, Status | None]
"""Of readers 1, 2 and 3; None where one said nothing."""


@final
@dataclass(frozen=True)
class Read:
    """A row: one scan."""

    line: int
    number: int
    """Of the scan: 0 in CQ500-CT-0."""
    batch: str
    """B1 or B2, how the scan was selected; empty where the table does not say."""
    votes: Mapping[str, Votes]
    """By finding."""


@final
@dataclass(frozen=True)
class Reads:
    """The table."""

    rows: tuple[Read, ...]
    findings: tuple[str, ...]
    faults: tuple[tuple[int, str], ...]
    """(line, why) of rows that name no scan of CQ500."""
    left: tuple[str, ...]
    """Columns that are none of CQ500's."""


def is_reads(columns: Sequence[str]) -> bool:
    """Whether these columns are those of a table of reads."""
    return any(column.lower() == _NAME for column in columns) and any(_READ.fullmatch(column) for column in columns)


def majority(votes: Votes) -> Status | None:
    """What two of three agree on (arXiv:1803.05854, 2.2); uncertain where two or more spoke and no two agree; None where fewer did."""
    for status in ("present", "absent"):
        if votes.count(status) >= 2:
            return status
    return "uncertain" if sum(vote is not None for vote in votes) >= 2 else None


def read_reads(path: Path) -> Reads:
    """The table, read and checked.

    Raises:
        TableError: it is no table, a finding is not read by R1, R2 and R3, a cell is no read, or two rows of a scan differ.
    """
    with open_table(path, (_NAME, _BATCH)) as records:
        lowered = [column.lower() for column in records.header]
        columns = _columns(records.header, path.name)
        at, batch_at = lowered.index(_NAME), lowered.index(_BATCH) if _BATCH in lowered else None
        rows: dict[int, Read] = {}
        faults: list[tuple[int, str]] = []
        for line, cells in records.rows:
            match = SCAN.fullmatch(cells[at].strip())
            if match is None:
                faults.append((line, "its name is none of CQ500's; expected one such as CQ500-CT-0"))
                continue
            votes = {finding: _votes(cells, where, f"{path.name}: line {line}: {finding}") for finding, where in columns.items()}
            batch = "" if batch_at is None else _batch(cells[batch_at], f"{path.name}: line {line}")
            read = Read(line, int(match[1]), batch, votes)
            before = rows.setdefault(read.number, read)
            if (before.batch, before.votes) != (batch, votes):
                raise TableError(f"{path.name}: lines {before.line} and {line} are of one scan and differ; leave one of them")
        known = {_NAME, _BATCH} | {column.lower() for column in records.header if _READ.fullmatch(column)}
        left = tuple(column or "(no name)" for column in records.header if column.lower() not in known)
    if not rows:
        raise TableError(f"{path.name}: no row names a scan of CQ500; expected names such as CQ500-CT-0")
    return Reads(tuple(rows.values()), tuple(columns), tuple(faults), left)


def _columns(header: Sequence[str], table: str) -> dict[str, tuple[int, ...]]:
    """Finding to the columns of readers 1, 2 and 3."""
    found: dict[str, dict[int, int]] = defaultdict(dict)
    known = {theirs.lower(): ours for theirs, ours in FINDINGS.items()}
    for i, column in enumerate(header):
        if match := _READ.fullmatch(column):
            finding = known.get(match[2].strip().lower(), match[2].strip())
            if int(match[1]) in found[finding]:
                raise TableError(f"{table}: column {column!r} is there twice; leave one of them")
            found[finding][int(match[1])] = i
    for finding, readers in found.items():
        if sorted(readers) != list(READERS):
            by = ", ".join(f"R{reader}" for reader in sorted(readers))
            raise TableError(f"{table}: {finding!r} is read by {by}; expected R1, R2 and R3, of whom the majority counts")
    return {finding: tuple(readers[reader] for reader in READERS) for finding, readers in found.items()}


def _votes(cells: Sequence[str], where: Sequence[int], what: str) -> Votes:
    try:
        return parse_finding(cells[where[0]]), parse_finding(cells[where[1]]), parse_finding(cells[where[2]])
    except CellError as error:
        raise TableError(f"{what} {error}") from None


def _batch(text: str, what: str) -> str:
    try:
        return parse_name(text)
    except CellError as error:
        raise TableError(f"{what}: Category {error}") from None
