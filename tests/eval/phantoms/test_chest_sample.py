"""Plans of chest studies: what is drawn is allowed, goes together as diseases do, and stays if it is chronic."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np

from scanbank.eval.phantoms.chest.sample import plan_lesions
from scanbank.eval.phantoms.cohort import cohort_named, sample_patient, sample_studies
from scanbank.eval.phantoms.findings import CHEST, CHEST_DISTRACTORS
from scanbank.eval.phantoms.model import Study
from scanbank.eval.phantoms.seeds import generator

COHORT = cohort_named("chest")
SPECS = {spec.name: spec for spec in CHEST}


@cache
def planned() -> list[Study]:
    return [study for number in range(1, 401) for study in sample_studies(COHORT, sample_patient(COHORT, 17, number))]


def test_every_planned_lesion_is_allowed_by_its_specification():
    for study in planned():
        for item in study.lesions:
            spec = SPECS[item.finding]
            assert item.side in spec.sides, item
            assert item.place in spec.places, item
            assert item.variant in spec.variants, item
            assert spec.size_mm[0] <= item.size_mm <= spec.size_mm[1], item
            assert 0 < item.severity <= 1, item
        assert set(study.distractors) <= set(CHEST_DISTRACTORS)


def test_all_findings_are_neither_rare_nor_common_and_some_studies_are_normal():
    studies = planned()
    counts = Counter(name for study in studies for name in study.findings)
    shares = {name: counts[name] / len(studies) for name in SPECS}
    assert all(0.07 < share < 0.36 for share in shares.values()), shares
    normal = sum(not study.lesions for study in studies) / len(studies)
    assert 0.12 < normal < 0.30, normal
    seen = {name for study in studies for name in study.distractors}
    assert seen == set(CHEST_DISTRACTORS)


def test_findings_go_together_as_diseases_do():
    has = {name: np.array([name in study.findings for study in planned()]) for name in SPECS}
    for first, second in (
        ("cardiomegaly", "pleural_effusion"),
        ("emphysema", "nodule"),
        ("consolidation", "ground_glass_opacity"),
        ("mass", "lymphadenopathy"),
    ):
        assert has[second][has[first]].mean() > 1.25 * has[second][~has[first]].mean(), (first, second)
    ages = np.array([study.age for study in planned()])
    assert ages[has["coronary_calcification"]].mean() > ages[~has["coronary_calcification"]].mean() + 5


def test_what_is_chronic_stays_where_it_was():
    for study in planned():
        if study.number == 1:
            continue
        before = next(s for s in planned() if s.patient.id == study.patient.id and s.number == study.number - 1)
        for item in before.lesions:
            if item.finding in ("emphysema", "cardiomegaly", "coronary_calcification"):
                after = [other for other in study.lesions if other.seed == item.seed]
                assert len(after) == 1
                assert (after[0].side, after[0].place, after[0].variant) == (item.side, item.place, item.variant)


def test_plans_depend_on_the_seed_alone():
    patient = sample_patient(COHORT, 4, 2)
    first, again = (plan_lesions(patient, 70, None, generator("plan", 9)) for _ in range(2))
    assert first == again
    assert any(plan_lesions(patient, 70, None, generator("plan", k)) != first for k in range(5))
