from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanbank.store.sections import HEADINGS, sections


def test_text_without_headings_is_one_report():
    assert sections(" Lungs are clear. No findings: none of note. ") == [("report", "Lungs are clear. No findings: none of note.")]
    assert sections(" \n ") == []


def test_english_report_on_lines():
    text = (
        "CT CHEST\n\nINDICATION: Cough.\nComparison: None.\nTECHNIQUE:\n1 mm slices.\n"
        "FINDINGS:\nLungs clear.\nHeart normal.\n\nImpression\n1. Normal."
    )
    assert sections(text) == [
        ("report", "CT CHEST"),
        ("history", "Cough."),
        ("comparison", "None."),
        ("technique", "1 mm slices."),
        ("findings", "Lungs clear.\nHeart normal."),
        ("impression", "1. Normal."),
    ]


def test_report_on_a_single_line():
    text = "HISTORY: Fall. FINDINGS: No fracture; ratio 1:2. IMPRESSION: Normal."
    assert sections(text) == [("history", "Fall."), ("findings", "No fracture; ratio 1:2."), ("impression", "Normal.")]


def test_german_report():
    text = "Klinische Angaben: Sturz.\r\nVoraufnahmen: keine.\r\n**Befund:** Kein Hinweis auf eine Blutung.\r\nBeurteilung:\r\nUnauffällig."
    assert sections(text) == [
        ("history", "Sturz."),
        ("comparison", "keine."),
        ("findings", "Kein Hinweis auf eine Blutung."),
        ("impression", "Unauffällig."),
    ]


def test_a_lone_comparison_does_not_swallow_the_findings():
    text = "Comparison: CT of last year. Trachea and main bronchi are open."
    assert sections(text) == [("report", text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "CT of the chest was performed without contrast. Comparison is made with a CT of 2019. Lungs clear. In summary, no mass.",
            ["technique", "comparison", "findings", "impression"],
        ),
        (
            "Es erfolgte eine native CT des Kopfes. Keine Blutung. Kein Infarkt. Zusammenfassend unauffällig.",
            ["technique", "findings", "impression"],
        ),
        ("A 45-year-old woman has a cough. Lungs clear.", ["report"]),
        ("45-year-old woman with a cough. Lungs clear.", ["history", "findings"]),
        ('Lungs clear. Heart normal. " Normal chest.', ["findings", "impression"]),
        ('Lungs clear. The "tree in bud" sign is absent. It was "new" then.', ["report"]),
        ("History of a mass.", ["report"]),
        ("Overall heart size is normal. No comparison was asked for.", ["report"]),
    ],
)
def test_sentences_tell_sections_where_there_are_no_headings(text: str, expected: list[str]):
    found = sections(text)
    assert [name for name, _ in found] == expected
    assert sum(body.count(".") for _, body in found) == text.count(".")


def test_an_impression_in_quotes_has_none_around_it():
    assert sections('Lungs clear. "Normal chest."') == [("findings", "Lungs clear."), ("impression", "Normal chest.")]


def test_words_within_a_sentence_are_no_headings():
    text = "FINDINGS: In comparison: unchanged. These findings are stable. The impression of a mass"
    assert sections(text) == [("findings", text.removeprefix("FINDINGS: "))]


def test_repeated_and_empty_sections():
    assert sections("FINDINGS: a.\nIMPRESSION:\nFINDINGS: b.") == [("findings", "a."), ("findings", "b.")]


@pytest.mark.parametrize(("section", "heading"), [(s, h) for s, headings in HEADINGS for h in headings])
def test_every_heading_opens_its_section(section: str, heading: str):
    assert (section, "Text.") in sections(f"Impression: x.\n{heading.upper()}: Text.")


@given(st.lists(st.sampled_from(["Findings:", "\n", "IMPRESSION", "a", ". ", " ", "Befund :", "*", "“", "Technik:", ":"]), max_size=30))
def test_no_text_is_lost(parts: list[str]):
    text = "".join(parts)
    left = sections(text)
    assert all(body in text and body == body.strip() and body for _, body in left)
    assert sum(body.count("a") for _, body in left) >= sum(part == "a" for part in parts)


def test_long_hostile_text_is_quick():
    for text in ("Findings " * 50_000, "\n" * 400_000, "* " * 200_000, ". findings" * 50_000):
        assert len(sections(text)) <= 1
