"""CT-RATE's tables of labels and reports: a row a volume, of which those of one scan say the same."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

from ..csv_cells import CellError, parse_finding
from ..csv_duplicates import without_duplicates
from ..csv_types import LabelCell, ParsedTable, Section, TableRow
from ..errors import TableError
from ..table_records import open_table
from .base import LayoutTable
from .ct_rate_metadata import VOLUME, is_metadata, volume_name

FINDINGS = (
    "medical_material",
    "arterial_wall_calcification",
    "cardiomegaly",
    "pericardial_effusion",
    "coronary_artery_wall_calcification",
    "hiatal_hernia",
    "lymphadenopathy",
    "emphysema",
    "atelectasis",
    "lung_nodule",
    "lung_opacity",
    "pulmonary_fibrotic_sequela",
    "pleural_effusion",
    "mosaic_attenuation_pattern",
    "peribronchial_thickening",
    "consolidation",
    "bronchiectasis",
    "interlobular_septal_thickening",
)
"""The 18, as the finding set `chest18` spells them, so that labels of either source are of one finding."""
_SECTIONS: Mapping[str, Section] = {
    "ClinicalInformation_EN": "history",
    "Technique_EN": "technique",
    "Findings_EN": "findings",
    "Impressions_EN": "impression",
}
_SHOWN = 5
_NOTHING = frozenset({"", "nan", "not given.", "not given"})
"""How a section without text is written."""


@final
@dataclass(frozen=True)
class ReadTable:
    """A table, whatever scans there are."""

    path: Path
    table: ParsedTable
    remarks: tuple[str, ...]

    def split(self, studies: Collection[str]) -> LayoutTable:
        """The rows of these studies, and the others."""
        here = tuple(row for row in self.table.rows if row.key in studies)
        gone = tuple(row for row in self.table.rows if row.key not in studies)
        return LayoutTable(self.path, replace(self.table, rows=here), None, replace(self.table, rows=gone), self.remarks)


def is_labels(columns: Sequence[str]) -> bool:
    """Whether these columns are those of a table of labels."""
    return VOLUME in columns and not is_metadata(columns) and any(_finding(column) in FINDINGS for column in columns)


def is_reports(columns: Sequence[str]) -> bool:
    """Whether these columns are those of a table of reports."""
    return VOLUME in columns and any(name in columns for name in ("Findings_EN", "Impressions_EN"))


def read_labels(path: Path) -> ReadTable:
    """Labels of studies, under the names of `FINDINGS`.

    Raises:
        TableError: it is no table, a cell is no label, or two volumes of one scan are labelled differently.
    """

    def labels(row: Mapping[str, str], what: str) -> TableRow:
        cells: list[LabelCell] = []
        for column, text in row.items():
            if (finding := _finding(column)) in FINDINGS:
                try:
                    status = parse_finding(text)
                except CellError as error:
                    raise TableError(f"{what}: {finding} {error}") from None
                cells += [LabelCell(finding, status)] if status is not None else []
        return TableRow(0, "", {}, tuple(cells), {}, None, {})

    return _read(path, labels, lambda column: _finding(column) in FINDINGS)


def read_reports(path: Path) -> ReadTable:
    """Reports of studies, in the sections that the table keeps apart.

    Raises:
        TableError: it is no table.
    """

    def report(row: Mapping[str, str], what: str) -> TableRow:
        del what
        texts: dict[Section, str] = {section: row.get(column, "").strip() for column, section in _SECTIONS.items()}
        said: dict[Section, str] = {section: text for section, text in texts.items() if text.lower() not in _NOTHING}
        return TableRow(0, "", {}, (), {}, None, said)

    return _read(path, report, _SECTIONS.__contains__)


def _read(path: Path, said: Callable[[Mapping[str, str], str], TableRow], known: Callable[[str], bool]) -> ReadTable:
    rows: list[TableRow] = []
    faults: list[tuple[int, str]] = []
    with open_table(path, (VOLUME.lower(),)) as records:
        left = [column for column in records.header if column not in ("", VOLUME) and not known(column)]
        if twice := [column for column in records.header if records.header.count(column) > 1 and (column == VOLUME or known(column))]:
            raise TableError(f"{path.name}: column {twice[0]!r} is there twice; leave one of them")
        for line, cells in records.rows:
            row = dict(zip(records.header, cells, strict=True))
            if name := volume_name(row[VOLUME]):
                rows.append(replace(said(row, f"{path.name}: line {line}"), line=line, key=name.study, ids={"patient_id": name.patient}))
            else:
                faults.append((line, f"its {VOLUME} is none of CT-RATE's; expected one such as train_1_a_1.nii.gz"))
    findings = tuple(finding for finding in FINDINGS if any(_finding(column) == finding for column in records.header if known(column)))
    kept = without_duplicates(rows, "study_uid", path.name)
    has_reports = any(row.report for row in kept)
    remarks = (f"{path.name}: columns that are none of CT-RATE's and were left: {', '.join(left[:_SHOWN])}",) if left else ()
    return ReadTable(path, ParsedTable("study_uid", kept, findings, (), (), has_reports, has_split=False, faults=tuple(faults)), remarks)


def _finding(column: str) -> str:
    """A title such as `Lung nodule` as a name."""
    return "_".join(column.lower().split())
