import numpy as np
import pytest

from scanbank.scripts.tiny.data import Said, Sample
from scanbank.scripts.tiny.texts import Claim, Text, closed, facts, generic_texts, own_texts, target, targets, whole_text

FINDINGS = ("nodule", "pleural_effusion", "pneumothorax", "cardiomegaly")
SIDES = {
    "nodule": ("left", "right"),
    "pleural_effusion": ("left", "right", "bilateral"),
    "pneumothorax": ("left", "right"),
    "cardiomegaly": ("",),
}


def sample(*said: tuple[str, str, str], report: str = "A report.") -> Sample:
    sentences = tuple(Said(f"{status} {finding} {side}", finding, status, side, None) for finding, status, side in said)
    return Sample("p", "s", "A", True, report, sentences, {}, "f.npy", 0, ())


LEFT = sample(("pleural_effusion", "present", "left"), ("nodule", "absent", ""))
BOTH = sample(("pleural_effusion", "present", "bilateral"), ("nodule", "uncertain", "right"))
NONE = sample(("pleural_effusion", "absent", ""), ("nodule", "present", "left"), ("nodule", "present", "right"))
SILENT = sample(("cardiomegaly", "absent", ""))


def test_facts_are_what_the_report_says_and_no_more():
    assert facts(LEFT) == {"pleural_effusion": ("present", frozenset({"left"})), "nodule": ("absent", frozenset())}
    assert facts(BOTH)["pleural_effusion"] == ("present", frozenset({"left", "right"}))
    assert facts(BOTH)["nodule"] == ("uncertain", frozenset({"right"}))
    assert facts(NONE)["nodule"] == ("present", frozenset({"left", "right"}))
    assert "nodule" not in facts(SILENT)


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (Claim("pleural_effusion", "present", ""), [1, 1, -1, 0]),
        (Claim("pleural_effusion", "present", "left"), [1, 1, -1, 0]),
        (Claim("pleural_effusion", "present", "right"), [-1, 1, -1, 0]),
        (Claim("pleural_effusion", "present", "bilateral"), [-1, 1, -1, 0]),
        (Claim("pleural_effusion", "absent", ""), [-1, -1, 1, 0]),
        (Claim("nodule", "present", ""), [-1, 0, 1, 0]),
        (Claim("nodule", "absent", ""), [1, 0, -1, 0]),
    ],
)
def test_a_generic_text_is_true_where_a_report_says_so(claim, expected):
    known = [facts(one) for one in (LEFT, BOTH, NONE, SILENT)]
    assert targets([Text("a text", (claim,))], known)[:, 0].tolist() == expected


def test_what_a_report_does_not_speak_of_may_count_as_absent():
    known = closed(facts(BOTH), FINDINGS)
    assert known["cardiomegaly"] == ("absent", frozenset())
    assert {name: known[name] for name in facts(BOTH)} == facts(BOTH)
    claims = [Claim("cardiomegaly", "present", ""), Claim("cardiomegaly", "absent", ""), Claim("nodule", "present", "")]
    assert [target(Text("t", (claim,)), 0, known) for claim in claims] == [-1, 1, 0]


def test_a_sentence_of_a_report_is_true_of_its_own_scan_and_unknown_for_others_with_the_finding():
    text = Text("Small left effusion of 12 mm.", (Claim("pleural_effusion", "present", "left"),), own=0)
    known = [facts(one) for one in (LEFT, BOTH, NONE, SILENT)]
    assert [target(text, place, one) for place, one in enumerate(known)] == [1, 0, -1, 0]


def test_of_two_claims_a_false_one_settles_it():
    text = Text("No effusion or nodule.", (Claim("pleural_effusion", "absent", ""), Claim("nodule", "absent", "")))
    assert target(text, 9, facts(LEFT)) == -1
    assert target(text, 9, facts(SILENT)) == 0
    assert target(text, 9, {"pleural_effusion": ("absent", frozenset()), "nodule": ("absent", frozenset())}) == 1


def test_own_texts_come_from_the_reports_of_the_batch():
    batch = [LEFT, NONE, SILENT]
    texts = own_texts(batch, 60, np.random.default_rng(0))
    assert len(texts) == 60
    for text in texts:
        assert text.text in {said.text for said in batch[text.own].said}
        assert target(text, text.own, facts(batch[text.own])) == 1
    assert {text.own for text in texts} == {0, 1, 2}


def test_generic_texts_say_what_they_claim():
    texts = generic_texts(FINDINGS, SIDES, 400, np.random.default_rng(1))
    assert {text.claims[0].finding for text in texts} == set(FINDINGS)
    for text in texts:
        claim, words = text.claims[0], text.text.lower()
        negated = any(word in words for word in ("no ", "not ", "without", "absent"))
        assert negated == (claim.status == "absent"), text.text
        assert (claim.side in words) or not claim.side
        assert "{" not in words
        assert words.endswith(".")
    assert {text.claims[0].side for text in texts} >= {"", "left", "right", "bilateral"}


def test_whole_texts_are_the_report_or_made_of_its_sentences():
    rng = np.random.default_rng(0)
    told = {whole_text(NONE, rng) for _ in range(40)}
    assert NONE.report in told
    sentences = [said.text for said in NONE.said]
    assert all(text == NONE.report or all(part in sentences for part in _parts(text, sentences)) for text in told)


def _parts(text: str, sentences: list[str]) -> list[str]:
    found = [sentence for sentence in sentences if sentence in text]
    assert sum(map(len, found)) + len(found) - 1 == len(text)
    return found
