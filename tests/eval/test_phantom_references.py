"""References in phantoms' reports, whose truth is known: parsed as `ingest` does, from scrubbed sections."""

from __future__ import annotations

import numpy as np

from scanbank.eval.phantoms.cohort import COHORTS, sample_patient, sample_studies
from scanbank.eval.phantoms.model import Pointer, Report
from scanbank.eval.phantoms.reports.write import write_report
from scanbank.store.references import find_references
from scanbank.store.scrub import scrub
from scanbank.store.sections import sections

PATIENTS = 30


def reports() -> list[Report]:
    """Of both cohorts, with images drawn at random: no body is rendered."""
    rng = np.random.default_rng(0)
    made: list[Report] = []
    for cohort in COHORTS.values():
        for number in range(1, PATIENTS + 1):
            previous = None
            for study in sample_studies(cohort, sample_patient(cohort, 5, number)):
                drawn = [(int(rng.choice([2, 3, 4, 201])), int(rng.integers(1, 70))) for _ in study.lesions]
                pointers = [Pointer(lesion, "1.2", series, image, 0.0) for lesion, (series, image) in enumerate(drawn)]
                made.append(write_report(study, previous, pointers))
                previous = study
    return made


def test_recall_and_precision_on_known_truth() -> None:
    hits = wanted = found = others = 0
    for report in reports():
        true = {(one.pointer.series_number, one.pointer.image) for one in report.statements if one.pointer}
        said = [one for _, text in sections(report.text) for one in find_references(scrub(text))]
        own = {(one.series, one.first) for one in said if not one.other_exam}
        hits, wanted, found = hits + len(true & own), wanted + len(true), found + len(own)
        others += sum(one.other_exam for one in said)
    assert wanted > 30
    assert hits / wanted >= 0.95
    assert hits / found >= 0.95
    assert others < wanted / 10
