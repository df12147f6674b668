"""The tables beside a cohort's files: labels and reports as `scanbank ingest` reads them, and the truth behind them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...store.files import write_atomic
from .cases import Case
from .cohort import Cohort
from .model import Acquired
from .nifti_masks import is_even

Rows = dict[str, list[dict[str, Any]]]
"""Table to rows, each of column to value."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "reports": ("study_uid", "report"),
    "labels": ("study_uid", "patient_id"),  # and the cohort's findings
    "references": ("study_uid", "series_uid", "series_number", "image", "z_mm", "finding", "snippet"),
    "statements": ("study_uid", "finding", "status", "side", "snippet"),
    "lesions": (
        "study_uid",
        "finding",
        "side",
        "place",
        "size_mm",
        "severity",
        "variant",
        "z_mm",
        "low_z_mm",
        "high_z_mm",
    ),  # z of the primary series' images that show it
    "series": (
        "series_uid",
        "study_uid",
        "patient_id",
        "series_number",
        "images",
        "source",
        "kernel",
        "sharp",
        "thickness_mm",
        "fov_mm",
        "matrix",
        "tilt_deg",
        "nonuniform",
        "motion",
        "contrast",
        "language",
        "age",
        "sex",
        "distractors",
    ),
}


def rows_of(cohort: Cohort, case: Case) -> Rows:
    """What each table says of a case."""
    study = case.study
    own = {"study_uid": study.uid}
    known = own | {"patient_id": study.patient.id}
    statements = case.report.statements
    return {
        "reports": [own | {"report": case.report.text}],
        "labels": [known | cohort.labels(study)],
        "references": [
            own
            | {"series_uid": seen.series, "series_number": seen.series_number, "image": seen.image, "z_mm": _mm(seen.z_mm)}
            | {"finding": said.finding, "snippet": said.text}
            for said in statements
            if (seen := said.pointer)
        ],
        "statements": [own | {"finding": s.finding, "status": s.status, "side": s.side, "snippet": s.text} for s in statements],
        "lesions": [own | _lesion(case, index) for index in range(len(study.lesions))],
        "series": [known | _series(case, acquired) for acquired in case.series],
    }


def _lesion(case: Case, index: int) -> dict[str, Any]:
    lesion, region = case.study.lesions[index], case.series[0].regions[index]
    low = high = ""
    if region is not None:
        z = case.series[0].z_mm[region.start[0] : region.start[0] + len(region.voxels)]
        low, high = _mm(z.min()), _mm(z.max())
    return {
        "finding": lesion.finding,
        "side": lesion.side,
        "place": lesion.place,
        "size_mm": _mm(lesion.size_mm),
        "severity": f"{lesion.severity:.3f}",
        "variant": lesion.variant,
        "z_mm": _mm(case.depth_mm[index]),
        "low_z_mm": low,
        "high_z_mm": high,
    }


def _series(case: Case, acquired: Acquired) -> dict[str, Any]:
    study, series = case.study, acquired.series
    return {
        "series_uid": series.uid,
        "series_number": series.number,
        "images": len(acquired.hu),
        "source": study.source.name,
        "kernel": series.kernel,
        "sharp": int(series.sharp),
        "thickness_mm": _mm(series.thickness_mm),
        "fov_mm": _mm(series.fov_mm),
        "matrix": series.matrix,
        "tilt_deg": f"{series.tilt_deg:.3f}",
        "nonuniform": int(not is_even(series)),
        "motion": f"{series.motion:.3f}",
        "contrast": int(study.contrast),
        "language": study.language,
        "age": study.age,
        "sex": study.patient.sex,
        "distractors": " ".join(study.distractors),
    }


def _mm(value: float) -> str:
    return f"{value:.2f}"


def write_tables(folder: Path, cohort: Cohort, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Write TABLE.csv for each table of COLUMNS."""
    for name, columns in COLUMNS.items():
        findings = tuple(cohort.labels_of(frozenset())) if name == "labels" else ()
        text = io.StringIO()
        writer = csv.DictWriter(text, (*columns, *findings), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[name])
        put_text(folder / f"{name}.csv", text.getvalue())


def put_text(path: Path, text: str) -> None:
    """Write a text whole or not at all (UTF-8)."""

    def write(aside: Path) -> None:
        aside.write_bytes(text.encode())

    write_atomic(path, write)
