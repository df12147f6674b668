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
    assert embed_texts(reports, encoder).snippets == 6  # three sections of one sentence each
    held = reports.features(f"{encoder.spec.name}/text")
    ordinals = reports.sql("SELECT ordinal FROM snippets ORDER BY part, text = 'No bleed.' DESC, text").column(0).to_numpy()
    expected = encoder.encode_texts(["No bleed.", "Left pleural effusion.", "Normal head."]).vector
    np.testing.assert_allclose(held.of(ordinals), np.concatenate([expected, expected]), atol=1e-6)
    assert held.key.kind == "text"
    assert embed_texts(reports, encoder).snippets == 0


def test_an_encoder_without_a_text_side_says_so(reports: Bank) -> None:
    with pytest.raises(EncoderError, match="no text side"):
        embed_texts(reports, open_encoder("intensity"))


def test_long_sections_are_pooled_and_the_report_says_so(bank: Bank, tmp_path: Path) -> None:
    lines = [f"There is a nodule of {n} mm in the left upper lobe, unchanged since the examination of last year." for n in range(3, 23)]
    path = tmp_path / "r.csv"
    path.write_text(f"accession,report\nA1,{' '.join(line.replace(',', '') for line in lines)}\n")
    annotate(bank, path, read_table(path, TableOptions(), want="reports"), AnnotateOptions(create_studies=True))
    tiny = open_encoder("tiny", device="cpu")
    report = embed_texts(bank, tiny)
    assert (report.snippets, report.pooled, report.unknown) == (21, 1, False)
    assert "1 are longer" in report.remarks[0]
    held = bank.features(f"{tiny.spec.name}/text")
    rows = bank.sql("SELECT ordinal, part FROM snippets ORDER BY part, ordinal").to_pylist()
    assert [row["part"] for row in rows] == ["section"] + ["sentence"] * 20
    vectors = held.of(np.array([row["ordinal"] for row in rows])).astype(np.float64)
    mean = vectors[1:].mean(axis=0)
    np.testing.assert_allclose(vectors[0], mean / np.linalg.norm(mean), atol=1e-5)
