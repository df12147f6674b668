"""A patient's studies with all that is known of them: series, reports, truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from .acquire import acquire
from .cohort import Cohort, sample_studies
from .model import Acquired, Patient, Pointer, Report, Source, Study
from .pointers import point
from .reports.write import write_report
from .series import plan_series


@dataclass(frozen=True)
class Case:
    """A study, scanned and reported."""

    study: Study
    series: tuple[Acquired, ...]
    """The primary one first."""
    depth_mm: tuple[float, ...]
    """z of each lesion."""
    pointers: tuple[Pointer, ...]
    report: Report


def cases_of(cohort: Cohort, patient: Patient, choose: Callable[[np.random.Generator], Source] | None = None) -> Iterator[Case]:
    """A patient's cases in order of date. `choose` as for `sample_studies`."""
    previous = None
    for study in sample_studies(cohort, patient, choose):
        body = cohort.render(study)
        series = tuple(acquire(body, planned, study.source.offset_hu) for planned in plan_series(study, body))
        pointers = point(study, body, series)
        yield Case(study, series, body.depth_mm, pointers, write_report(study, previous, pointers))
        previous = study
