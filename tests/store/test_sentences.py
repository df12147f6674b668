from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanbank.store.sentences import sentences

WRAPPED = (
    "Die Untersuchung des Kopfes zeigt keinen Nachweis einer frischen\nBlutung und auch keinen Hinweis auf einen territorialen oder\n"
    "Grenzzoneninfarkt. Die Liquorräume sind weit."
)

CASES: dict[str, list[str]] = {
    "decimals": ["A nodule of 2.3 mm.", "No effusion."],
    "abbreviations": ["Told to Dr. Hill, approx. 3 mm, e.g. here.", "Next."],
    "image numbers": ["Nodule (Se. 3 Im. 45) as before.", "Ser. 4, Bild Nr. 12 unverändert.", "Ok."],
    "german": [
        "Herde, z. B. Metastasen.",
        "V. a. Fraktur der 5. Rippe, Z. n. Sturz.",
        "Am 3. Tag besser.",
        "Pleuraergüsse bds.",
        "Keine Herde.",
    ],
    "no is a word": ["Effusion: no.", "Pneumothorax: no."],
    "numbered": ["1. Bullous change.", "2. Probably a scar.", "3.Second line of it."],
    "questions": ["Metastasis?", "Abscess?", "A cyst (lipoma?) in the liver.", "Well!"],
    "units": ["It measures 3 cm. in length.", "It measures 3 cm.", "The next is smaller."],
    "letters": ["The A. carotis is open.", "Type B.", "The liver."],
    "quotes": ['It is "clear."', "“Next one.”", "Last."],
    "brackets": ["Stable.", "(See above.)", "Next."],
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_sentences_are_found_again_when_joined_by_a_blank(name: str) -> None:
    text = " ".join(CASES[name])

    assert [text[a:b] for a, b in sentences(text)] == CASES[name]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("left apex.There are opacities.3 nodules.", ["left apex.", "There are opacities.", "3 nodules."]),
        ("1.Scar.2.Cyst.", ["1.Scar.", "2.Cyst."]),
        ("- one\n- Two\n* three • four", ["- one", "- Two", "* three", "• four"]),
        ("FINDINGS:\nLungs clear\nHeart normal\n\nImpression: none", ["FINDINGS:", "Lungs clear", "Heart normal", "Impression: none"]),
        ("No mass and\nno node.", ["No mass and\nno node."]),
        ("1.\nScar.\n2.\nCyst.", ["1.\nScar.", "2.\nCyst."]),
        ('Clear. " Normal chest', ["Clear.", "Normal chest"]),
        ("XXXX.In view", ["XXXX.", "In view"]),
        ("www.page.org and z.B. Th.12", ["www.page.org and z.B. Th.12"]),
        (WRAPPED, [WRAPPED.partition(". ")[0] + ".", "Die Liquorräume sind weit."]),
        (" ...  -- \n •", []),
        ("", []),
    ],
)
def test_lines_lists_and_missing_blanks(text: str, expected: list[str]) -> None:
    assert [text[a:b] for a, b in sentences(text)] == expected


@given(st.text(st.sampled_from('aB3 .?!\n()"•-:,zß[') | st.characters(), max_size=80))
def test_sentences_are_in_order_and_hold_every_letter_and_digit(text: str) -> None:
    spans = sentences(text)

    assert all(0 <= a < b <= len(text) for a, b in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    kept = {i for a, b in spans for i in range(a, b)}
    assert all(i in kept for i, c in enumerate(text) if c.isalnum())
    assert all(text[a:b] == text[a:b].strip() for a, b in spans)


@pytest.mark.parametrize("part", [".", "\n", " \n", ". ", "a.", "1. ", "\"'", "?)", "a\n", "(", "• "])
def test_hostile_text_is_read_to_its_end(part: str) -> None:
    text = part * (60_000 // len(part)) + "\n\nThe end."

    spans = sentences(text)

    assert text[slice(*spans[-1])].endswith("The end.")
    assert len(spans) <= len(text)
