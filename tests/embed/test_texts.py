from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scanbank.embed import open_encoder
from scanbank.embed.texts import embed_texts
from scanbank.store import Bank
from scanbank.store.annotate import AnnotateOptions, annotate
from scanbank.store.csv_table import TableOptions, read_table
from scanbank.store.errors import EncoderError

TEXTS = ["No bleed.", "Left pleural effusion.", "Normal head."]


@pytest.fixture
def reports(bank: Bank, tmp_path: Path) -> Bank:
    path = tmp_path / "r.csv"
    path.write_text("accession,report\n" + "".join(f"A{i},{text}\n" for i, text in enumerate(TEXTS)))
    annotate(bank, path, read_table(path, TableOptions(), want="reports"), AnnotateOptions(create_studies=True))
    return bank


def test_every_snippet_gets_the_encoders_vector_once(reports: Bank) -> None:
    encoder = open_encoder("open_clip:ViT-S-32-alt", random_weights=0, device="cpu")
    assert embed_texts(reports, encoder) == 6  # three sections of one sentence each
    held = reports.features(f"{encoder.spec.name}/text")
    ordinals = reports.sql("SELECT ordinal FROM snippets ORDER BY part, text = 'No bleed.' DESC, text").column(0).to_numpy()
    expected = encoder.encode_texts(["No bleed.", "Left pleural effusion.", "Normal head."]).vector
    np.testing.assert_allclose(held.of(ordinals), np.concatenate([expected, expected]), atol=1e-6)
    assert held.key.kind == "text"
    assert embed_texts(reports, encoder) == 0


def test_an_encoder_without_a_text_side_says_so(reports: Bank) -> None:
    with pytest.raises(EncoderError, match="no text side"):
        embed_texts(reports, open_encoder("intensity"))
