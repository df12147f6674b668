"""What head patients have: within the findings' specifications, as often as it should be, and together as in life."""

from __future__ import annotations

from itertools import pairwise

import pytest

from scanbank.eval.phantoms.cohort import COHORTS, sample_patient, sample_studies
from scanbank.eval.phantoms.findings import HEAD, HEAD_DISTRACTORS, HEMORRHAGES
from scanbank.eval.phantoms.model import Lesion, Study

HEAD_COHORT = COHORTS["head"]
SPECS = {spec.name: spec for spec in HEAD}
LASTING = {"calcified_falx", "calcified_choroid", "calcified_pineal", "old_lacune", "arachnoid_cyst", "suture", "atrophy"}


def _studies(count: int, seed: int = 4) -> list[tuple[Study, ...]]:
    return [sample_studies(HEAD_COHORT, sample_patient(HEAD_COHORT, seed, number)) for number in range(1, count + 1)]


@pytest.fixture(scope="module")
def patients() -> list[tuple[Study, ...]]:
    return _studies(900)


@pytest.fixture(scope="module")
def studies(patients: list[tuple[Study, ...]]) -> list[Study]:
    return [study for each in patients for study in each]


def _of(study: Study, *findings: str) -> list[Lesion]:
    return [lesion for lesion in study.lesions if lesion.finding in findings]


def test_lesions_are_what_their_specifications_allow(studies: list[Study]) -> None:
    for study in studies:
        for lesion in study.lesions:
            spec = SPECS[lesion.finding]
            assert lesion.side in spec.sides, lesion
            assert lesion.place in spec.places, lesion
            assert lesion.variant in spec.variants, lesion
            assert spec.size_mm[0] <= lesion.size_mm <= spec.size_mm[1], lesion
            assert 0 <= lesion.severity <= 1, lesion
        assert set(study.distractors) <= set(HEAD_DISTRACTORS)
        assert len({(lesion.finding, lesion.place) for lesion in study.lesions}) == len(study.lesions)


def test_each_finding_is_neither_rare_nor_common(studies: list[Study]) -> None:
    for spec in HEAD:
        share = sum(spec.name in study.findings for study in studies) / len(studies)
        assert 0.05 < share < 0.27, (spec.name, share)
    bleeding = sum(bool(study.findings & set(HEMORRHAGES)) for study in studies) / len(studies)
    assert 0.38 < bleeding < 0.5
    normal = [study for study in studies if not study.lesions]
    assert 0.17 < len(normal) / len(studies) < 0.28
    assert any(study.distractors for study in normal)


def test_every_side_place_variant_and_distractor_comes(studies: list[Study]) -> None:
    lesions = [lesion for study in studies for lesion in study.lesions]
    for spec in HEAD:
        own = [lesion for lesion in lesions if lesion.finding == spec.name]
        assert {lesion.side for lesion in own} == set(spec.sides), spec.name
        assert {lesion.place for lesion in own} == set(spec.places), spec.name
        assert {lesion.variant for lesion in own} == set(spec.variants), spec.name
    assert {name for study in studies for name in study.distractors} == set(HEAD_DISTRACTORS)


def test_the_midline_moves_away_from_what_pushes_it(studies: list[Study]) -> None:
    shifted = [study for study in studies if "midline_shift" in study.findings]
    assert len(shifted) > 50
    for study in shifted:
        (shift,) = _of(study, "midline_shift")
        pushing = _of(study, "subdural", "epidural", "intraparenchymal", "infarct", "edema")
        assert any(lesion.side not in (shift.side, "bilateral") for lesion in pushing), study.lesions
        for effect in _of(study, "mass_effect"):
            assert effect.side != shift.side


def test_large_hematomas_shift_and_small_ones_do_not(studies: list[Study]) -> None:
    alone = [s for s in studies if len(_of(s, "subdural", "epidural", "intraparenchymal", "infarct", "edema")) == 1]
    subdural = [(lesion, s) for s in alone for lesion in _of(s, "subdural") if lesion.place == "convexity" and lesion.side != "bilateral"]
    large = [s for lesion, s in subdural if lesion.size_mm > 15]
    small = [s for lesion, s in subdural if lesion.size_mm < 7]
    assert len(large) > 8
    assert len(small) > 3
    assert sum("midline_shift" in s.findings for s in large) > 0.8 * len(large)
    assert sum("midline_shift" in s.findings for s in small) == 0


def test_epidural_blood_comes_with_a_fracture(studies: list[Study]) -> None:
    first = [study for study in studies if study.number == 1 and "epidural" in study.findings]
    assert sum("fracture" in study.findings for study in first) > 0.6 * len(first)


def test_blood_only_grows_older(patients: list[tuple[Study, ...]]) -> None:
    age = {"acute": 0, "subacute": 1, "chronic": 2}
    compared = 0
    for before, after in ((a, b) for each in patients for a, b in pairwise(each)):
        for old in _of(before, "intraparenchymal", "subdural"):
            for new in after.lesions:
                if new.seed == old.seed:
                    compared += 1
                    assert age[new.variant] >= min(age[old.variant] + 1, 1 if old.finding == "intraparenchymal" else 2)
    assert compared > 30


def test_calcium_stays(patients: list[tuple[Study, ...]]) -> None:
    for each in patients:
        assert len({frozenset(LASTING & set(study.distractors)) for study in each}) == 1


def test_the_same_seed_gives_the_same_patients() -> None:
    assert _studies(5) == _studies(5)
    assert _studies(5) != _studies(5, seed=5)
