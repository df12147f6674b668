from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from eval_banks import VOLUME, add_vectors, add_volumes
from scanbank.embed.encoder import Encoded, Encoder
from scanbank.embed.texts import embed_texts
from scanbank.eval import text_sums as module
from scanbank.eval.report_vectors import report_vectors
from scanbank.store import Bank, EncoderSpec
from scanbank.store.annotate import AnnotateOptions, annotate
from scanbank.store.csv_table import TableOptions, read_table
from scanbank.store.errors import UsageError

FINDINGS = ["Clear lungs on both sides.", "A normal heart.", "At the end a fracture."]
IMPRESSION = "A fracture."
CONTEXT = 5
"""Words that the encoder reads."""


class Words(Encoder):
    """A text is the sum of its first words, each a direction of its own. It counts what it is given."""

    def __init__(self) -> None:
        self.spec, self.view = EncoderSpec("words", "1", 32, unit_length=True), VOLUME.view
        self.offers, self.channels = frozenset({"text"}), frozenset()
        self.given: list[str] = []

    def _encode(self, side: Any, batch: Any) -> Encoded:
        self.given += batch
        return Encoded(np.stack([self.one(text) for text in batch]))

    def one(self, text: str) -> NDArray[np.float32]:
        vector = np.sum([np.random.default_rng(list(word.encode())).normal(size=32) for word in text.split()[:CONTEXT]], axis=0)
        return (vector / np.linalg.norm(vector)).astype(np.float32)


def told(bank: Bank, folder: Path, reports: list[str]) -> None:
    path = folder / "r.csv"
    path.write_text("study_uid,report\n" + "".join(f'1.{i},"{report}"\n' for i, report in enumerate(reports)))
    annotate(bank, path, read_table(path, TableOptions(), want="reports"), AnnotateOptions(create_studies=True))


@pytest.fixture
def encoder() -> Words:
    return Words()


@pytest.mark.parametrize("block", [1, 3, 1000])
def test_what_a_section_is_cut_of_is_in_its_sentences(
    bank: Bank, tmp_path: Path, encoder: Words, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(module, "BLOCK_ROWS", block)
    told(bank, tmp_path, [f"FINDINGS: {' '.join(FINDINGS)} IMPRESSION: {IMPRESSION}", "No fracture."])
    embed_texts(bank, encoder)
    held = bank.features("words/text")
    studies = {name: bank.key.pseudonym("study", f"1.{name}") for name in (0, 1)}

    reports = report_vectors(bank, held)
    sections = report_vectors(bank, held, whole="section")
    by_section = report_vectors(bank, held, part="section")

    def mean(*texts: str) -> NDArray[np.float32]:
        total = np.sum([encoder.one(text) for text in texts], axis=0)
        return total / np.linalg.norm(total)

    at = {name: reports.items.index(study) for name, study in studies.items()}
    assert sorted(reports.items) == list(reports.items)
    np.testing.assert_allclose(reports.X[at[0]], mean(*FINDINGS, IMPRESSION), atol=1e-3)
    np.testing.assert_allclose(reports.X[at[1]], encoder.one("No fracture."), atol=1e-3)
    whole = bank.sql("SELECT snippet FROM snippets WHERE part = 'section' AND section = 'findings'").to_pylist()[0]["snippet"]
    np.testing.assert_allclose(sections.X[sections.items.index(whole)], mean(*FINDINGS), atol=1e-3)
    # apart, the section's own vector ends where the context does
    np.testing.assert_allclose(by_section.X[at[0]], mean(" ".join(FINDINGS), IMPRESSION), atol=1e-3)
    assert reports.present.all() and sections.present.all()  # noqa: PT018


def test_equal_texts_are_encoded_once(bank: Bank, tmp_path: Path, encoder: Words) -> None:
    told(bank, tmp_path, ["Clear. A cyst."] * 20)
    assert embed_texts(bank, encoder).snippets == 60
    assert sorted(encoder.given) == ["A cyst.", "Clear.", "Clear. A cyst."]
    told(bank, tmp_path, ["Clear. A cyst."] * 20 + ["Clear. A node."])
    assert embed_texts(bank, encoder).snippets == 3


def test_a_part_without_a_vector_leaves_the_whole_without(bank: Bank, tmp_path: Path, encoder: Words) -> None:
    told(bank, tmp_path, ["Clear."])
    embed_texts(bank, encoder)
    told(bank, tmp_path, ["Clear.", "A cyst."])
    found = report_vectors(bank, bank.features("words/text"))
    assert sorted(found.present.tolist()) == [False, True]
    assert not found.X[~found.present].any()


def test_vectors_of_scans_are_refused(bank: Bank) -> None:
    add_vectors(bank, VOLUME, add_volumes(bank, ["p0"]), np.ones((1, 8), np.float32))
    with pytest.raises(UsageError, match="expected one of kind 'text'"):
        report_vectors(bank, bank.features(VOLUME.name))
