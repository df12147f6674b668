from __future__ import annotations

import re
from dataclasses import replace
from itertools import product

import pytest

from eval.phantoms.studies import DISTRACTORS, made_followup, made_pointers, made_study
from scanbank.eval.phantoms.cohort import COHORTS
from scanbank.eval.phantoms.findings import HEMORRHAGES
from scanbank.eval.phantoms.model import Lesion, Report, Study
from scanbank.eval.phantoms.reports.prompts import phrases
from scanbank.eval.phantoms.reports.sentence import finished
from scanbank.eval.phantoms.reports.write import LEXICONS, write_report
from scanbank.store.sections import sections

KINDS = tuple(product(("chest", "head"), ("en", "de")))
SEEDS = range(150)

# Words by which a reader recognises a finding; a sentence with one must state something of it.
TELLTALE = {
    "pleural_effusion": r"pleural effusion|Pleuraerg",
    "pneumothorax": r"pneumothorax|PTX|Pneu\b",
    "cardiomegaly": r"cardiomegaly|Kardiomegalie|heart size|heart is",
    "pericardial_effusion": r"pericardial effusion|Perikarderguss",
    "consolidation": r"consolidation|Konsolidierung|Infiltrat\b",
    "emphysema": r"emphysem",
    "lymphadenopathy": r"adenopath|vergrößerte\w* Lymphknoten|enlarged lymph node",
    "subdural": r"subdural|SDH",
    "epidural": r"epidural|EDH|extradural",
    "subarachnoid": r"subarachnoid|SAH\b|SAB\b",
    "hydrocephalus": r"hydrocephalus|Hydrozephalus",
    "fracture": r"fracture|Fraktur",
    "midline_shift": r"midline shift|Mittellinienverlagerung",
    "infarct": r"\binfarct|Infarkt\b",
}


def made_reports(cohort: str, language: str) -> list[tuple[Study, Report]]:
    made = []
    for seed in SEEDS:
        study, previous = made_study(seed, cohort, language), None  # type: ignore[arg-type]
        if seed % 3 == 0:
            previous, study = study, made_followup(study, seed)
        made.append((study, write_report(study, previous, made_pointers(study))))
    return made


@pytest.fixture(scope="module", params=KINDS, ids="-".join)
def reports(request: pytest.FixtureRequest) -> list[tuple[Study, Report]]:
    return made_reports(*request.param)


def test_statements_are_in_the_text_in_order(reports):
    for _, report in reports:
        at = 0
        for statement in report.statements:
            found = report.text.find(statement.text, at)
            assert found >= 0, (statement.text, report.text)
            at = found
        assert report.statements
        assert all(statement.text[0].isupper() or statement.text[0].isdigit() for statement in report.statements)


def test_statements_agree_with_the_truth(reports):
    for study, report in reports:
        for statement in report.statements:
            if statement.status == "absent":
                assert statement.finding not in study.findings, statement
            else:
                assert statement.finding in study.findings, statement
            if statement.lesion is not None:
                lesion = study.lesions[statement.lesion]
                assert (lesion.finding, lesion.side) == (statement.finding, statement.side)


def test_what_is_told_of_a_lesion_is_told_in_one_way(reports):
    for _, report in reports:
        told: dict[int, set[str]] = {}
        for statement in report.statements:
            if statement.lesion is not None:
                told.setdefault(statement.lesion, set()).add(statement.status)
        assert all(len(statuses) == 1 for statuses in told.values())


def test_text_is_finished(reports):
    for study, report in reports:
        assert not re.search(r"[{}]|  |\[ |\( |\(\)| [,.;)]|,,|\.\.|\b0[.,]0 cm|\b0 mm", report.text), report.text
        wrong = r"\b[Aa] (?:[aeio]|8\b|11\b|18\b|SAH|SDH)|\b[Aa]n (?:[bcdfgjklmnpqrtvwxz]|[12] )"
        assert study.language == "de" or not re.search(wrong, report.text), report.text


def test_the_images_of_pointers_are_named(reports):
    named = lesions = 0
    for study, report in reports:
        lesions += len(study.lesions)
        pointed = [statement for statement in report.statements if statement.pointer]
        named += len({statement.lesion for statement in pointed})
        for statement in pointed:
            pointer = statement.pointer
            assert pointer is not None
            assert pointer in made_pointers(study)
            assert pointer.lesion == statement.lesion
            assert re.search(rf"\b{pointer.image}\b", statement.text), statement
            assert re.search(rf"\b{pointer.series_number}\b", statement.text), statement
        # every image number of the made-up studies is above 100 and belongs to a statement that points at it
        for number in re.findall(r"\b(1[0-4]\d)\b(?! ?mm| [x/])", report.text):
            numbers = {statement.pointer.image for statement in pointed if statement.pointer}
            if re.search(rf"(?:im|image|Bild|B\.|/|Im:?) ?{number}\b", report.text):
                assert int(number) in numbers, report.text
    assert 0.28 < named / lesions < 0.45


def test_no_finding_is_named_outside_its_statements(reports):
    questions = re.compile(r"(?:rule out|evaluate for|Ausschluss)[^.]*\.", re.IGNORECASE)
    for _, report in reports:
        bodies = "\n".join(body for name, body in sections(report.text) if name in ("findings", "impression", "report"))
        for finding, pattern in TELLTALE.items():
            rest = questions.sub("", bodies)
            for text in sorted({one.text for one in report.statements if one.finding == finding}, key=len, reverse=True):
                rest = rest.replace(text, "")
            assert not re.search(pattern, rest, re.IGNORECASE), (finding, rest)


def test_subtle_lesions_are_doubted_and_clear_ones_stated(reports):
    doubted = {True: 0, False: 0}
    total = {True: 0, False: 0}
    for study, report in reports:
        for index, lesion in enumerate(study.lesions):
            statuses = {one.status for one in report.statements if one.lesion == index}
            if lesion.finding == "medical_device":
                assert "uncertain" not in statuses
                continue
            subtle = lesion.severity < 0.25
            total[subtle] += 1
            doubted[subtle] += "uncertain" in statuses
            if lesion.severity >= 0.12 and not [one for one in study.lesions if one != lesion and one.finding == lesion.finding]:
                assert statuses, (lesion, report.text)
    assert doubted[True] / total[True] > 0.45
    assert doubted[False] / total[False] < 0.12


def test_the_same_study_has_the_same_report():
    study = made_study(7, "head")
    assert write_report(study, None, made_pointers(study)) == write_report(made_study(7, "head"), None, made_pointers(study))
    assert len({write_report(made_study(seed), None, ()).text for seed in range(60)}) == 60


def test_sections_are_found_by_the_store():
    counts = {"findings": 0, "impression": 0, "history": 0, "technique": 0, "comparison": 0}
    reports = [report for kind in KINDS for _, report in made_reports(*kind)]
    for report in reports:
        for name in {name for name, _ in sections(report.text)} & set(counts):
            counts[name] += 1
    # findings and the impression are found by the sentences that lead to them, too
    assert all(0.6 < count / len(reports) < 0.99 for count in counts.values()), counts


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_head_without_blood_is_said_to_have_none(language):
    said = 0
    for seed in range(100):
        study = made_study(seed, "head", language, lesions=())
        absent = {one.finding for one in write_report(study, None, ()).statements if one.status == "absent"}
        said += absent.issuperset(HEMORRHAGES)
    assert said > 80


def test_one_sentence_denies_all_five_kinds_of_hemorrhage():
    study = made_study(3, "head", lesions=())
    for seed in range(20):
        report = write_report(replace(study, seed=seed), None, ())
        by_text: dict[str, set[str]] = {}
        for one in report.statements:
            by_text.setdefault(one.text, set()).add(one.finding)
        summary = [names for text, names in by_text.items() if "intracranial hemorrhage" in text and " infarct" not in text]
        assert all(names == set(HEMORRHAGES) for names in summary)


def test_a_resolved_finding_is_absent():
    lesion = Lesion("pleural_effusion", "left", "", 30.0, 0.8, "free", 5)
    resolved = 0
    for seed in range(60):
        before = made_study(seed, lesions=(lesion,))
        after = replace(before, lesions=(), seed=seed + 900)
        for one in write_report(after, before, ()).statements:
            assert one.status == "absent"
            resolved += one.finding == "pleural_effusion" and bool(re.search("resol|no longer|cleared", one.text))
    assert resolved > 15


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (45.0, r"increase|larger|progress"),
        (12.0, r"decrease|smaller|improved"),
        (25.5, r"unchanged|stable|similar|No interval change"),
    ],
)
def test_growth_is_told_as_it_is(size, words):
    lesion = Lesion("pleural_effusion", "left", "", 25.0, 0.8, "free", 5)
    every = r"increase|larger|progress|decrease|smaller|improved|unchanged|stable|similar|No interval change"
    told = 0
    for seed in range(60):
        before = made_study(seed, lesions=(lesion,))
        after = replace(before, lesions=(replace(lesion, size_mm=size),), seed=seed + 900)
        for one in write_report(after, before, ()).statements:
            if one.finding == "pleural_effusion" and re.search(every, one.text):
                assert re.search(words, one.text), one.text
                told += 1
    assert told > 20


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_tables_cover_the_cohort(kind):
    cohort, language = kind
    lexicon = LEXICONS[kind]
    names = {spec.name for spec in COHORTS[cohort].findings}
    assert set(lexicon.words) == names
    assert sorted(name for organ in lexicon.organs for name in organ.findings) == sorted(names)
    assert set(lexicon.distractors) == set(DISTRACTORS[cohort])
    for spec in COHORTS[cohort].findings:
        words = lexicon.words[spec.name]
        assert len(words.present) >= (5 if language == "en" else 3), spec.name
        assert set(words.kinds) <= set(spec.variants)
        for place, side in product(spec.places, spec.sides):
            if place:
                table = {**lexicon.where, **words.where}
                assert f"{place}/{side}" in table or place in table, (spec.name, place, side)


def test_prompts_begin_with_the_canonical_phrase():
    assert phrases("pleural_effusion")[0] == "pleural effusion"
    assert phrases("hemorrhage")[0] == "intracranial hemorrhage"
    for cohort in COHORTS.values():
        assert all(phrases(spec.name) for spec in cohort.findings)
    with pytest.raises(KeyError):
        phrases("nothing")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("there is a  8 mm nodule , new.", "There is an 8 mm nodule, new."),
        ("a 12 mm nodule", "A 12 mm nodule"),
        ("a irregular mass", "An irregular mass"),
        ("a unilateral bleed", "A unilateral bleed"),
        ("a SDH", "An SDH"),
        ("a 18 mm and a 80 mm mass", "An 18 mm and an 80 mm mass"),
    ],
)
def test_finished_english(text, expected):
    assert finished(text, english=True) == expected
