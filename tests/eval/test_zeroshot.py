from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from eval_banks import VOLUME, add_labels, add_vectors, add_volumes, toy_bank
from scanbank.embed.encoder import Encoded, Encoder
from scanbank.eval.averaging import MACRO, MICRO
from scanbank.eval.battery import METRICS
from scanbank.eval.compare import compare_methods
from scanbank.eval.feature_choice import FeatureChoice
from scanbank.eval.measuring import Measuring
from scanbank.eval.prompts import Said, Wording
from scanbank.eval.protocol import Protocol
from scanbank.eval.zeroshot import zeroshot, zeroshot_all
from scanbank.store import Bank, EncoderSpec
from scanbank.store.errors import EncoderError, UsageError
from toy_texts import Toy, opened


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
    how = Measuring(threshold="sensitivity=1", calibration="platt")
    other = zeroshot(bank, "bleed", opened_by=opened(Toy()), protocol=Protocol(measuring=how))
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


def two_findings(bank: Bank) -> None:
    toy_bank(bank)
    add_labels(bank, "lump", {f"v{i}": str(int(i % 4 == 1)) for i in range(60) if i % 7})


def test_several_findings_have_averages_and_are_not_made_again(bank: Bank) -> None:
    two_findings(bank)
    before = len(bank.log())
    results = zeroshot_all(bank, ["bleed", "lump"], opened_by=opened(Toy()))
    assert len(bank.log()) == before + 1
    assert [(result.study.units.finding, result.made) for result in results] == [("bleed", 1), ("lump", 1)]
    held = bank.sql("SELECT finding, metric, value FROM metrics").to_pylist()
    values = {(row["finding"], row["metric"]): row["value"] for row in held}
    for metric in METRICS:
        mean = np.mean([values[finding, metric] for finding in ("bleed", "lump")])
        assert values[MACRO, metric] == pytest.approx(mean, abs=1e-12)
    rows = bank.sql("SELECT y, score FROM predictions").to_pylist()
    chance = [1 / (1 + np.exp(-row["score"])) for row in rows]
    assert values[MICRO, "auroc"] == pytest.approx(roc_auc_score([row["y"] for row in rows], chance), abs=1e-9)
    assert bank.sql("SELECT command FROM runs ORDER BY ALL").column(0).to_pylist() == ["zeroshot", "zeroshot", "zeroshot-average"]
    again = zeroshot_all(bank, ["lump", "bleed"], opened_by=opened(Toy()))
    assert [result.made for result in again] == [0, 0]
    assert again[1].summary() == results[0].summary()
    assert len(bank.log()) == before + 1


def test_a_finding_that_cannot_be_evaluated_is_left_out_and_told_of(bank: Bank) -> None:
    two_findings(bank)
    add_labels(bank, "none", {f"v{i}": "0" for i in range(60)})
    add_labels(bank, "one", {"v0": "1", "v1": "0"})
    results = zeroshot_all(bank, ["bleed", "none", "one"], opened_by=opened(Toy()))
    assert [result.study.units.finding for result in results] == ["bleed"]
    said = " ".join(results[0].remarks)
    assert "finding 'none' has one class only" in said
    assert "empty for 'one'" in said
    with pytest.raises(UsageError, match="finding 'none' has one class only"):
        zeroshot_all(bank, ["none"], opened_by=opened(Toy()))


def test_presence_alone_is_its_cosine_and_has_no_probabilities(bank: Bank) -> None:
    two_findings(bank)
    encoder = Toy()
    zeroshot_all(bank, ["bleed", "lump"], single=True, opened_by=opened(encoder))
    assert encoder.texts == ["bleed is present.", "lump is present."]
    X = bank.features(VOLUME.name).vectors().astype(np.float64)
    predictions = bank.sql("SELECT finding, item, y, score, head FROM predictions").to_pylist()
    for p in predictions:
        i = int(p["item"][1:])
        assert p["score"] == pytest.approx(100 * X[i, 0] / np.linalg.norm(X[i]), rel=1e-5)
        assert p["head"] == "zeroshot_single"
    held = bank.sql("SELECT finding, metric, value, reason FROM metrics").to_pylist()
    reasons = {(row["finding"], row["metric"]): row["reason"] for row in held if row["reason"]}
    assert {key: text for key, text in reasons.items() if key[0] not in (MACRO, MICRO)} == {
        (finding, metric): "no probabilities: the head gives none" for finding in ("bleed", "lump") for metric in ("brier", "ece")
    }
    values = {(row["finding"], row["metric"]): row["value"] for row in held}
    # there is no probability to rank by: the cosines are
    whole = roc_auc_score([p["y"] for p in predictions], [p["score"] for p in predictions])
    assert values[MICRO, "auroc"] == pytest.approx(whole, abs=1e-9)
    cut = {finding: values[finding, "threshold"] for finding in ("bleed", "lump")}
    called = [p["score"] >= cut[p["finding"]] for p in predictions]
    assert values[MICRO, "f1"] == pytest.approx(f1_score([p["y"] for p in predictions], called), abs=1e-9)
    assert reasons[MICRO, "brier"] == "no probabilities: a finding has none"


def test_both_ways_are_compared_where_both_have_a_value(bank: Bank) -> None:
    toy_bank(bank)
    for single in (False, True):
        zeroshot_all(bank, ["bleed"], single=single, opened_by=opened(Toy()))
    names = [f"{head}:{VOLUME.name}" for head in ("zeroshot", "zeroshot_single")]
    auroc, brier = compare_methods(bank, *names, metrics=("auroc", "brier"), draws=50)
    assert auroc.difference.value == pytest.approx(0, abs=1e-12)  # the toy's absence is the opposite of its presence
    assert (brier.difference.value, brier.difference.second) == (None, None)
    assert brier.difference.reason == "no probabilities: the head gives none"


def test_an_ensemble_is_the_mean_of_its_unit_vectors(bank: Bank) -> None:
    toy_bank(bank)
    vectors = {"a": [3.0, 4.0], "b": [5.0, 0.0], "no": [0.0, -2.0]}

    class Written(Toy):
        def _encode(self, side: Any, batch: Any) -> Encoded:
            assert side == "text"
            return Encoded(np.array([vectors[text] + [0.0] * 6 for text in batch], dtype=np.float32))

    wording = Wording(Said(("a", "b"), ("no",)))
    (result,) = zeroshot_all(bank, ["bleed"], wording=wording, opened_by=opened(Written()))
    present = np.array([2.0, 1.0]) / np.sqrt(5)  # the mean of (0.6, 0.8) and (1, 0) is (0.8, 0.4)
    X = bank.features(VOLUME.name).vectors().astype(np.float64)
    for p in bank.sql("SELECT item, score FROM predictions").to_pylist():
        x = X[int(p["item"][1:])]
        assert p["score"] == pytest.approx(100 * (x[:2] @ present + x[1]) / np.linalg.norm(x), rel=1e-5)
    assert (result.settings["prompt"], result.settings["negative"]) == (["a", "b"], "no")
    assert bank.features("toy/prompt").rows == 3


def test_subgroups_metrics_and_intervals_are_as_in_a_sweep(bank: Bank) -> None:
    toy_bank(bank)
    with bank.commit("attributes") as commit:
        rows = [{"item": f"v{i}", "level": "volume", "name": "site", "value": "ab"[i % 2], "source": "table"} for i in range(60)]
        commit.append("attributes", rows)
    bank.refresh()
    measuring = Measuring(("auroc", "sensitivity"), "delong")
    zeroshot(bank, "bleed", everyone=True, protocol=Protocol(measuring=measuring, by=("site",), predictions=True), opened_by=opened(Toy()))
    found = bank.sql("SELECT subgroup, metric, value, interval FROM metrics").to_pylist()
    assert {row["metric"] for row in found} == {"auroc", "sensitivity", "threshold"}
    predictions = bank.sql("SELECT item, y, score FROM predictions").to_pylist()
    for subgroup, sites in ((None, "ab"), ("site=a", "a"), ("site=b", "b")):
        mine = [p for p in predictions if "ab"[int(p["item"][1:]) % 2] in sites]
        (row,) = [row for row in found if (row["subgroup"], row["metric"]) == (subgroup, "auroc")]
        assert row["value"] == pytest.approx(roc_auc_score([p["y"] for p in mine], [p["score"] for p in mine]), abs=1e-12)
        assert row["interval"] == "delong"
    zeroshot(bank, "bleed", protocol=Protocol(measuring=measuring, predictions=False), opened_by=opened(Toy()))
    assert bank.sql("SELECT count(*) AS n FROM predictions").to_pylist() == [{"n": len(predictions)}]


def test_prompts_that_do_not_suffice_cost_nothing(bank: Bank) -> None:
    two_findings(bank)
    before, encoder = bank.snapshot.id, Toy()
    for findings, wording, pattern in (
        (["bleed"], Wording(Said(("blood",))), "prompts of bleed say nothing of absence; .* --single"),
        (["bleed", "lump"], Wording(Said(("a",), ("b",))), "'a' would stand for 'bleed' and for 'lump'"),
        (["bleed", "lump"], Wording(None, {"bleed": Said(("a",), ("b",))}, "a file"), "a file says nothing of finding 'lump'"),
    ):
        with pytest.raises(UsageError, match=pattern):
            zeroshot_all(bank, findings, wording=wording, opened_by=opened(encoder))
    assert encoder.texts == []
    assert Bank.open(bank.path).snapshot.id == before
