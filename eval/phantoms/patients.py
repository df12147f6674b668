"""One patient to files, and to rows of the cohort's tables. The same whoever else is in the cohort."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from .cases import Case, cases_of
from .cohort import Cohort, sample_patient
from .contact import Tile, tile_of
from .dicom import write_images
from .masks import masks_of
from .nifti_masks import is_even, write_masks
from .tables import COLUMNS, Rows, rows_of

SHOWN = 12
"""Patients on a contact sheet."""


@dataclass(frozen=True)
class Job:
    """What is made of each patient."""

    folder: Path
    cohort: Cohort
    seed: int
    masks: bool
    tiles: bool


@dataclass(frozen=True)
class Made:
    """What became of a patient."""

    rows: Rows = field(default_factory=lambda: {name: [] for name in COLUMNS})
    counts: Counter[str] = field(default_factory=Counter[str])
    """Studies, series, images, masks."""
    tile: list[Tile] = field(default_factory=list[Tile])
    """Of the first study, for those on the contact sheet."""


def write_patient(job: Job, number: int) -> Made:
    """Write the DICOM files and masks of the patient of this number (1-based)."""
    made = Made()
    for case in cases_of(job.cohort, sample_patient(job.cohort, job.seed, number)):
        made.counts.update(studies=1, series=len(case.series))
        _write_files(job, case, made.counts)
        for name, rows in rows_of(job.cohort, case).items():
            made.rows[name].extend(rows)
        if job.tiles and number <= SHOWN and not made.tile:
            made.tile.append(tile_of(case))
    return made


def _write_files(job: Job, case: Case, counts: Counter[str]) -> None:
    from .seg import write_seg  # highdicom takes its time to load

    study = case.study
    for acquired in case.series:
        place = Path(study.patient.id, str(study.number), str(acquired.series.number))
        images = write_images(job.folder / "dicom" / place, study, acquired)
        counts["images"] += len(images)
        masks = masks_of(study, acquired) if job.masks else {}
        if not masks:
            continue
        counts["masks"] += len(masks)
        seg = job.folder / "masks" / "seg" / place.with_suffix(".dcm")
        seg.parent.mkdir(parents=True, exist_ok=True)
        write_seg(seg, images, masks)
        if is_even(acquired.series):
            write_masks(job.folder / "masks" / "nifti" / place, acquired.series, masks)
