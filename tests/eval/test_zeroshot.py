from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from eval_banks import SLICE, VOLUME, add_labels, add_vectors, add_volumes, toy_bank
from scanbank.embed.encoder import Encoded, Encoder
from scanbank.eval.feature_choice import FeatureChoice
from scanbank.eval.measuring import Measuring
from scanbank.eval.prompts import prompt_pair
from scanbank.eval.zeroshot import zeroshot
from scanbank.store import Bank, EncoderSpec
from scanbank.store.errors import EncoderError, UsageError


class Toy(Encoder):
    """The text side of the toy features: along the first axis for presence, against it for absence. It counts what it is given."""

    def __init__(self, spec: EncoderSpec = VOLUME.encoder, *sides: Any) -> None:
        self.spec, self.view, self.channels = spec, VOLUME.view, frozenset({1})
        self.offers = frozenset(sides or ("volume", "text"))
        self.texts: list[str] = []

    def _encode(self, side: Any, batch: Any) -> Encoded:
        assert side == "text"
        self.texts += batch
        signs = [-1.0 if "not" in text or "No" in text else 1.0 for text in batch]
        return Encoded((np.array(signs)[:, None] * np.eye(self.spec.dim)[0]).astype(np.float32))


def opened(encoder: Encoder) -> Any:
    """By name; `flat` has no text side."""
    return lambda name: encoder if name == encoder.spec.name else Toy(SLICE.encoder, "slice")


def test_scores_are_differences_of_cosines_and_all_of_it_is_one_commit(bank: Bank) -> None:
    y = toy_bank(bank)
    before = len(bank.log())
    encoder = Toy()
    result = zeroshot(bank, "bleed", opened_by=opened(encoder))
    assert len(bank.log()) == before + 1
    assert encoder.texts == ["bleed is not present.", "bleed is present."]
    predictions = bank.sql("SELECT item, y, score, shots, head, features FROM predictions").to_pylist()
    assert {(p["shots"], p["head"], p["features"]) for p in predictions} == {(0, "zeroshot", VOLUME.name)}
    X = bank.features(VOLUME.name).vectors().astype(np.float64)
    for p in predictions:
        i = int(p["item"][1:])
        assert p["y"] == y[i]
        assert p["score"] == pytest.approx(100 * 2 * X[i, 0] / np.linalg.norm(X[i]), rel=1e-5)
    (auroc,) = bank.sql("SELECT value, lo, hi FROM metrics WHERE metric = 'auroc'").to_pylist()
    assert auroc["value"] == pytest.approx(roc_auc_score([p["y"] for p in predictions], [p["score"] for p in predictions]))
    assert auroc["lo"] <= auroc["value"] <= auroc["hi"]
    (f1,) = [s for s in result.summary() if s.metric == "f1"]
    assert f1.mean is not None
    assert bank.sql("SELECT text, polarity, finding FROM prompts ORDER BY polarity").to_pylist() == [
        {"text": "bleed is not present.", "polarity": "absent", "finding": "bleed"},
        {"text": "bleed is present.", "polarity": "present", "finding": "bleed"},
    ]
    ordinals = bank.sql("SELECT ordinal FROM prompts ORDER BY polarity").column(0).to_numpy()
    np.testing.assert_array_equal(bank.features("toy/prompt").of(ordinals)[:, 0], [-1, 1])


def test_other_thresholds_and_calibrated_probabilities_are_another_run(bank: Bank) -> None:
    toy_bank(bank)
    usual = zeroshot(bank, "bleed", opened_by=opened(Toy()))
    other = zeroshot(bank, "bleed", opened_by=opened(Toy()), measuring=Measuring(threshold="sensitivity=1", calibration="platt"))
    assert usual.run != other.run
    assert (other.settings["threshold"], other.settings["calibration"]) == ("sensitivity=1", "platt")
    cuts = bank.sql("SELECT run, value FROM metrics WHERE metric = 'threshold'").to_pylist()
    study, X = other.study, bank.features(VOLUME.name).vectors().astype(np.float64)
    present = [int(study.units.items[row][1:]) for row in study.split.side("val").tolist() if study.units.y[row]]
    lowest = min(200 * X[i, 0] / np.linalg.norm(X[i]) for i in present)  # all positives of the validation side are called
    assert {row["run"]: row["value"] for row in cuts}[other.run] == pytest.approx(lowest, rel=1e-5)
    kept = bank.sql("SELECT run, probability FROM predictions ORDER BY run, item").to_pylist()
    of = {run: [row["probability"] for row in kept if row["run"] == run] for run in (usual.run, other.run)}
    assert of[usual.run] != of[other.run]


def test_prompts_are_encoded_once_and_other_words_are_other_prompts(bank: Bank) -> None:
    toy_bank(bank)
    first = zeroshot(bank, "bleed", opened_by=opened(Toy()))
    encoder = Toy()
    again = zeroshot(bank, "bleed", opened_by=opened(encoder))
    assert encoder.texts == []
    assert (again.run, again.summary()) == (first.run, first.summary())
    assert bank.features("toy/prompt").rows == 2
    other = zeroshot(bank, "bleed", prompt="Blood.", negative="No blood.", opened_by=opened(encoder))
    assert encoder.texts == ["No blood.", "Blood."]
    assert other.run != first.run
    assert bank.features("toy/prompt").rows == 4


def test_everyone_is_tested_and_has_no_f1(bank: Bank) -> None:
    toy_bank(bank)
    result = zeroshot(bank, "bleed", everyone=True, opened_by=opened(Toy()))
    assert bank.sql("SELECT count(*) AS n FROM predictions").to_pylist() == [{"n": 60}]
    reasons = {s.metric: s.reason for s in result.summary()}
    assert {metric for metric, reason in reasons.items() if not reason} == {"auroc", "ap", "brier", "ece"}
    assert {reason for reason in reasons.values() if reason} == {"no threshold: no items"}
    assert bank.sql("SELECT * FROM splits").num_rows == 0


def test_without_a_text_side_there_is_no_zero_shot(bank: Bank) -> None:
    toy_bank(bank)
    before = bank.snapshot.id
    with pytest.raises(UsageError, match=r"none of the bank's feature sets here has one \(flat\); `scanbank embed .* --encoder tiny`"):
        zeroshot(bank, "bleed", opened_by=opened(Toy()), choice=FeatureChoice(encoder="flat"))
    other = EncoderSpec("toy", "1", 8, weights="others")
    with pytest.raises(EncoderError, match="not the one that made the bank's vectors"):
        zeroshot(bank, "bleed", opened_by=opened(Toy(other)), choice=FeatureChoice(encoder="toy"))

    def missing(name: str) -> Encoder:
        raise EncoderError(f"encoder {name!r}: its weights are not here")

    with pytest.raises(EncoderError, match="'toy': its weights are not here"):
        zeroshot(bank, "bleed", opened_by=missing, choice=FeatureChoice(encoder="toy"))
    assert Bank.open(bank.path).snapshot.id == before


def test_an_encoder_that_is_gone_is_told_of_where_another_answers(bank: Bank) -> None:
    ordinals = add_volumes(bank, [f"p{i}" for i in range(20)])
    add_labels(bank, "bleed", {f"v{i}": str(i % 2) for i in range(20)})
    add_vectors(bank, VOLUME, ordinals, np.ones((20, 8)))
    gone = EncoderSpec("gone", "1", 8)
    add_vectors(bank, type(VOLUME)("volume", gone, VOLUME.view), ordinals, np.ones((20, 8)))

    def open_one(name: str) -> Encoder:
        if name == "gone":
            raise EncoderError("encoder 'gone': its weights are not here")
        return Toy()

    result = zeroshot(bank, "bleed", opened_by=open_one)
    assert "encoder 'gone': its weights are not here" in result.remarks


def test_words_of_prompts() -> None:
    assert prompt_pair("pleural_effusion").present == "pleural effusion is present."
    assert prompt_pair("part=left_hand").absent == "left hand is not present."
    assert prompt_pair("x", "  Some\n words ").present == "Some words"
    for words in (("", None), ("same", "same"), (None, "x is present.")):
        with pytest.raises(UsageError, match="two different texts"):
            prompt_pair("x", *words)
