from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval_banks import add_labels, add_vectors, add_volumes
from scanbank.eval.report.figures import figures
from scanbank.eval.report.hardest import hardest, pictures
from scanbank.eval.report.rows import Cell, Method
from scanbank.eval.report.scores import Scores
from scanbank.eval.report.studies import FoundStudy, found_studies
from scanbank.eval.report.styles import styles
from scanbank.eval.sweep import sweep
from scanbank.store import Bank, EncoderSpec, FeatureKey, ViewSpec, Window
from search_banks import Brightness, bright_bank

ITEMS = ("a", "b", "c", "d")


def scores(head: str, *chance: list[float], items: tuple[str, ...] = ITEMS) -> Scores:
    """Of four items, the first two with the finding."""
    given = np.array(chance)
    return Scores(Method(head, "e", "w", "f"), 5.0, items, np.array([1, 1, 0, 0]), given, given)


def test_most_methods_then_the_mean_error() -> None:
    one = scores("knn", [0.1, 0.4, 0.2, 0.7], [0.3, 0.2, 0.2, 0.7])  # over repeats 0.2, 0.3
    other = scores("linear", [0.3, 0.9, 0.1, 0.9])
    found = hardest([one, other])
    assert [(h.item, h.y, h.wrong, h.methods) for h in found] == [("d", 0, 2, 2), ("a", 1, 2, 2), ("b", 1, 1, 2)]
    assert [h.error for h in found] == pytest.approx([0.8, 0.75, 0.4])
    assert [h.item for h in hardest([one, other], 1)] == ["d"]
    assert hardest([]) == []
    silent = scores("zeroshot_single", [np.nan] * 4)  # gives no probabilities, so it is never wrong by one half
    assert hardest([silent, one, other]) == found
    assert hardest([silent]) == []


def test_scans_are_drawn_and_those_that_are_not_here_are_told(bank: Bank, tmp_path: Path) -> None:
    bright_bank(bank, tmp_path / "scans", Brightness())
    volumes = tuple(bank.sql("SELECT volume FROM volumes ORDER BY volume").column("volume").to_pylist())
    wrong = Scores(Method("knn", "e", "w", "f"), 1.0, volumes, np.array([1, 0, 1]), np.zeros((1, 3)), np.array([[0.0, 0.9, 0.8]]))
    study = FoundStudy("bleed", "volume", "user", "table", None, {}, {(wrong.method, 1.0, "auroc"): Cell("r", (0.5,), None, None, "")})
    hard = hardest([wrong])
    drawn, reason = pictures(bank, study, hard)
    assert (len(drawn), reason) == (2, "")
    assert drawn[0].caption.startswith(f"{volumes[0][:8]}: present; error 1.00")
    image = Image.open(io.BytesIO(base64.b64decode(drawn[0].image.partition(",")[2])))
    assert len(set(image.convert("L").tobytes())) > 2
    for file in (tmp_path / "scans").rglob("*.dcm"):
        file.unlink()
    drawn, reason = pictures(bank, study, hard)
    assert drawn == []
    assert reason


def test_without_files_the_page_lists_them(bank: Bank) -> None:
    ordinals = add_volumes(bank, [f"p{i}" for i in range(60)])
    y = (np.arange(60) % 3 == 0).astype(np.int64)
    add_labels(bank, "bleed", {f"v{i}": str(label) for i, label in enumerate(y)})
    X = np.random.default_rng(0).normal(size=(60, 4))
    add_vectors(bank, FeatureKey("volume", EncoderSpec("noise", "1", 4), ViewSpec((Window(0, 80),))), ordinals, X)
    sweep(bank, "bleed", ["knn"], [5], repeats=2)
    (study,) = found_studies(bank)
    found = figures(bank, study, styles(study.methods), drawn=True)
    assert found.pictures == ()
    assert 0 < len(found.hard) <= 5
    assert "Pictures are left out: " in found.note
    assert figures(bank, study, styles(study.methods), drawn=False).note == ""
