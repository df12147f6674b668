from __future__ import annotations

import random
from typing import Any, cast

import pytest

from scanbank.eval.labels import BUNDLED, STATUSES, finding_set, label_reports
from scanbank.eval.labels.rules import MOST_LETTERS, RuleLabeler
from scanbank.store.errors import UnknownNameError, UsageError


def test_one_dictionary_a_report() -> None:
    labels = label_reports(iter(["Nodule in the left lung.", "No nodule.", ""]), "chest18", "rules")
    assert [one["lung_nodule"] for one in labels] == ["present", "absent", "unmentioned"]
    assert all(tuple(one) == finding_set("chest18").names for one in labels)
    assert label_reports([]) == []


def test_what_is_no_report_is_named() -> None:
    with pytest.raises(UsageError, match=r"report 1 \(counted from 0\) is no text; expected a string, found NoneType"):
        label_reports(["Clear lungs.", cast("Any", None)])
    with pytest.raises(UsageError, match="found one text: write"):
        label_reports("Clear lungs.")
    with pytest.raises(UnknownNameError, match="method 'rule' is unknown; did you mean 'rules'"):
        label_reports(["Clear lungs."], method="rule")
    with pytest.raises(UsageError, match="takes a list of reports; found int"):
        label_reports(cast("Any", 3))


@pytest.mark.parametrize("name", BUNDLED)
@pytest.mark.parametrize(
    "text",
    [
        "\x00\x01\x1b[31m No effusion.",
        "\ud800 half a letter",
        "胸部CT:未见明显异常。",
        "Плевральный выпот справа.",
        "No" * 1000,
        "no " * 20_000,
        "(" * 20_000,
        "mass, " * 10_000,
        "hyperdense calcification plaque nodule " * 3_000,
        "12 x " * 10_000 + "mm",
        "effusion versus " * 5_000,
        "a" * 1_000_000,
    ],
    ids=lambda text: f"{len(text)}-{text[:8].encode('unicode_escape').decode()}",
)
def test_hostile_texts_are_labelled(name: str, text: str) -> None:
    (labels,) = label_reports([text], name)
    assert set(labels.values()) <= set(STATUSES)


def test_a_text_without_a_full_stop_is_read_in_pieces() -> None:
    """No sentence is longer than a bound, so that time is linear in the text, whatever it is."""
    words = ("no", "nodule", "or", "effusion", "and", "is", ",", "calcified", "aorta", "lymph", "node", "12", "mm", "?", "possible", "lung")
    rng = random.Random(0)
    text = " ".join(rng.choice(words) for _ in range(40_000))
    told = list(RuleLabeler(finding_set("chest18")).explain(text))
    assert len(told) > 1000
    assert max(len(one.sentence) for one in told) == MOST_LETTERS
