"""Made-up studies: any mixture of findings that the tables allow, more varied than the cohorts' own."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from scanbank.eval.phantoms.cohort import COHORTS
from scanbank.eval.phantoms.findings import CHEST_DISTRACTORS, HEAD_DISTRACTORS, FindingSpec
from scanbank.eval.phantoms.model import Language, Lesion, Patient, Pointer, Study

DISTRACTORS = {"chest": CHEST_DISTRACTORS, "head": HEAD_DISTRACTORS}


def made_study(seed: int, cohort: str = "chest", language: Language = "en", lesions: tuple[Lesion, ...] | None = None) -> Study:
    """A study with up to six lesions of the cohort's findings, or with those given."""
    rng = np.random.default_rng(seed)
    patient = Patient(cohort, 1 + seed, "F", 60, 1.0, 0.5, 1000 + seed)
    if lesions is None:
        specs = COHORTS[cohort].findings
        lesions = tuple(made_lesion(specs[int(rng.integers(len(specs)))], rng) for _ in range(int(rng.integers(7))))
    distractors = tuple(str(name) for name in rng.choice(DISTRACTORS[cohort], size=2, replace=False))
    source = COHORTS[cohort].sources[seed % 4]
    day = date(2020, 1, 1) + timedelta(days=seed)
    contrast = bool(rng.random() < 0.4)
    return Study(patient, 1, f"2.25.{seed}", f"PH{seed}", day, 60, source, lesions, distractors, contrast, language, 5000 + seed)


def made_lesion(spec: FindingSpec, rng: np.random.Generator) -> Lesion:
    side = spec.sides[int(rng.integers(len(spec.sides)))]
    place, variant = (options[int(rng.integers(len(options)))] for options in (spec.places, spec.variants))
    return Lesion(spec.name, side, place, float(rng.uniform(*spec.size_mm)), float(rng.random()), variant, int(rng.integers(1 << 40)))


def made_followup(study: Study, seed: int) -> Study:
    """Some lesions gone, some of another size, some new."""
    rng = np.random.default_rng(seed)
    specs = COHORTS[study.patient.cohort].findings
    kept = tuple(replace(lesion, size_mm=lesion.size_mm * float(rng.uniform(0.5, 1.8))) for lesion in study.lesions if rng.random() < 0.6)
    fresh = tuple(made_lesion(specs[int(rng.integers(len(specs)))], rng) for _ in range(int(rng.integers(3))))
    later = study.day + timedelta(days=90)
    return replace(study, number=2, uid=study.uid + "1", day=later, lesions=kept + fresh, seed=study.seed + 100_000)


def made_pointers(study: Study) -> tuple[Pointer, ...]:
    return tuple(Pointer(index, study.uid + ".2", 2, 101 + 7 * index, 10.0 * index) for index in range(len(study.lesions)))
