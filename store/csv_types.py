"""What a table of labels or reports is read into, and how a user says what its columns mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Status = Literal["present", "absent", "uncertain", "unmentioned"]
KeyKind = Literal["path", "study_path", "series_uid", "accession", "study_uid", "patient_slice", "patient_id", "none"]
"""`study_path`, a folder whose scans' studies are meant, comes from layouts alone."""
Split = Literal["train", "val", "test"]
Section = Literal["report", "findings", "impression", "history", "technique"]


@dataclass(frozen=True)
class TableOptions:
    """What the user says of a table. Columns go by the name they have after `rename`, blanks around it aside."""

    rename: Mapping[str, str] = field(default_factory=dict[str, str])
    """The table's name of a column to ours, such as {"AccessionNo": "accession"}."""
    findings: tuple[str, ...] = ()
    """Exactly these are findings. Empty: every column that is nothing else must be one."""
    classes: tuple[str, ...] = ()
    """Text columns taken as categorical findings: one class per value."""
    attributes: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    """The names of all columns, in order, for a table without a header line."""


@dataclass(frozen=True, slots=True)
class LabelCell:
    """What one cell says of one finding. An empty cell says nothing and makes none."""

    finding: str
    status: Status
    category: str | None = None
    """The class, for a categorical finding only."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One record. Ids and report texts are in clear here and must not enter a bank so."""

    line: int
    """1-based line of the file where the record starts; quoted cells may span several."""
    key: str | Path | tuple[str, int]
    """By the table's `key_kind`: an absolute `Path` for `path` and `study_path`, (patient_id, slice_number) for
    `patient_slice`, "" for `none`."""
    ids: Mapping[str, str]
    """The other id columns that are not empty: patient_id, study_uid, accession, series_uid, slice_number, group."""
    labels: tuple[LabelCell, ...]
    attributes: Mapping[str, str]
    split: Split | None
    report: Mapping[Section, str]
    """Text by section; a section whose cell is empty is not there."""


@dataclass(frozen=True)
class ParsedTable:
    """A table as a whole. Rows are in the file's order; a row that repeats another of the same key is kept once."""

    key_kind: KeyKind
    rows: tuple[TableRow, ...]
    findings: tuple[str, ...]
    """Binary finding columns in the table's order, also those without any value."""
    classes: tuple[str, ...]
    attributes: tuple[str, ...]
    has_reports: bool
    has_split: bool
    encoding: str = "utf-8"
    """What the file was decoded as; `latin-1` where it is not UTF-8, so that a caller may say so."""
    faults: tuple[tuple[int, str], ...] = ()
    """(line, why) of rows that cannot be understood, in tables of layouts: they cost themselves alone."""
