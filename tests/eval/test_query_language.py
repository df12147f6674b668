"""Notes on queries in a language that the encoder was not made for."""

from __future__ import annotations

import pytest

from scanbank.eval.query_language import language_note, speaks_english_alone


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("left pleural effusion", ""),
        ("nodule", ""),
        ("5 mm", ""),
        ("nodule, 2.5 µm", ""),
        ("Pleuraerguss links", "in German"),
        ("kein Rundherd im rechten Oberlappen", "in German"),
        ("Erguß", "in German"),
        ("épanchement pleural gauche", "in another language"),
        ("derrame pleural derecho", "in another language"),
        ("胸水", "in another language"),
        ("плевральный выпот", "in another language"),
        ("nodule 結", ""),
    ],
)
def test_the_language_of_a_query(query: str, told: str) -> None:
    note = language_note(query, "tiny@1")
    assert told in note
    assert bool(note) == bool(told)
    assert language_note(query, "open_clip:xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k") == ""


@pytest.mark.parametrize(
    ("encoder", "english"),
    [
        ("tiny@1", True),
        ("tiny@1+bf16", True),
        ("ctclip:CT-CLIP_v2.pt", True),
        ("open_clip:ViT-B-32/openai", True),
        ("open_clip:nllb-clip-base/v1", False),
        ("siglip:google/siglip-base-patch16-256-i18n", False),
        ("siglip:medsiglip-448", True),
        ("fixed", False),
    ],
)
def test_which_encoders_are_known_to_read_english_alone(encoder: str, english: bool) -> None:
    assert speaks_english_alone(encoder) is english
