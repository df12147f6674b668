"""Two methods compared: the stored scores alone give the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from eval_banks import SLICE, VOLUME, add_labels, add_vectors, toy_bank
from scanbank.eval.compare import compare_encoders, compare_methods
from scanbank.eval.feature_choice import FeatureChoice
from scanbank.eval.holm import holm
from scanbank.eval.measuring import Measuring
from scanbank.eval.sweep import Protocol, sweep_all
from scanbank.store import Bank, EncoderSpec, FeatureKey
from scanbank.store.errors import UnknownNameError, UsageError

FIRST, SECOND = f"linear:{VOLUME.name}", f"cosine:{SLICE.name}/mean"


@pytest.fixture
def measured(bank: Bank) -> Bank:
    toy_bank(bank, 90, gap=1.0)
    add_labels(bank, "lump", {f"v{i}": str(int(i % 4 == 1)) for i in range(90)})
    sweep_all(bank, ["bleed", "lump"], ["linear", "cosine"], [1, 5], 4)
    return bank


def test_differences_are_those_of_the_stored_scores(measured: Bank) -> None:
    found = compare_methods(measured, FIRST, SECOND)
    assert [(one.finding, one.shots, one.difference.metric) for one in found] == [
        (finding, shots, metric) for finding in ("bleed", "lump") for shots in (1, 5) for metric in ("auroc", "ap")
    ]
    rows = measured.sql("SELECT finding, shots, repeat, head, features, y, score FROM predictions ORDER BY ALL").to_pylist()
    for one in found:
        means = []
        for method in (one.first, one.second):
            values = []
            for repeat in range(4):
                asked = (one.finding, one.shots, repeat, method.head, method.features)
                mine = [r for r in rows if (r["finding"], r["shots"], r["repeat"], r["head"], r["features"]) == asked]
                measure = roc_auc_score if one.difference.metric == "auroc" else average_precision_score
                values.append(measure([r["y"] for r in mine], [r["score"] for r in mine]))
            means.append(np.mean(values))
        assert (one.difference.first, one.difference.second) == pytest.approx(tuple(means), abs=1e-9)
        assert one.difference.value == pytest.approx(means[0] - means[1], abs=1e-9)
        assert one.difference.lo is not None
        assert one.difference.hi is not None
        assert one.difference.lo <= means[0] - means[1] <= one.difference.hi
        assert one.difference.draws == 4
        assert one.difference.method == ("DeLong" if one.difference.metric == "auroc" else "bootstrap")
    assert [one.p_holm for one in found] == pytest.approx(holm(np.array([one.difference.p for one in found], dtype=np.float64)))
    held = measured.sql("SELECT first, second, finding, shots, metric, difference, p_holm FROM comparisons").to_pylist()
    assert len(held) == 8
    assert {(h["first"], h["second"]) for h in held} == {(FIRST, SECOND)}
    of = {(h["finding"], h["shots"], h["metric"]): h["difference"] for h in held}
    assert all(of[one.finding, one.shots, one.difference.metric] == one.difference.value for one in found)


def test_full_data_stands_beside_few_shots(measured: Bank) -> None:
    sweep_all(measured, ["bleed"], ["linear", "cosine"], [None], 1, command="probe")
    found = compare_methods(measured, FIRST, SECOND, findings=["bleed"], metrics=["auroc"])
    assert [one.shots for one in found] == [1, 5, None]
    assert [one.runs[0].split("-")[0] for one in found] == ["sweep", "sweep", "probe"]


def test_turned_round_the_sign_turns(measured: Bank) -> None:
    there = compare_methods(measured, FIRST, SECOND, findings=["bleed"])
    back = compare_methods(measured, SECOND, FIRST, findings=["bleed"])
    assert [one.difference.value for one in back] == pytest.approx([-(one.difference.value or 0) for one in there])
    assert [one.difference.p for one in back] == pytest.approx([one.difference.p for one in there])
    assert [(one.difference.lo, one.difference.hi) for one in back] == [
        (pytest.approx(-(one.difference.hi or 0)), pytest.approx(-(one.difference.lo or 0))) for one in there
    ]


def test_mistakes_are_told(measured: Bank) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'linear:toy/brain/volume'"):
        compare_methods(measured, "linear:toy/brain/volumes", SECOND)
    with pytest.raises(UsageError, match="may be any of linear:flat/brain/slice/mean, linear:toy/brain/volume"):
        compare_methods(measured, "linear", SECOND)
    with pytest.raises(UsageError, match="compared with itself"):
        compare_methods(measured, FIRST, FIRST)
    with pytest.raises(UsageError, match="not tested on the same items of mass"):
        compare_methods(measured, FIRST, SECOND, findings=["mass"])
    with pytest.raises(UnknownNameError, match="auroc"):
        compare_methods(measured, FIRST, SECOND, metrics=["aurok"])
    sweep_all(measured, ["bleed"], ["knn", "prototype"], [5], 2, protocol=Protocol(predictions=False))
    with pytest.raises(UsageError, match=r"kept no scores of items by knn.* run it again with --predictions"):
        compare_methods(measured, f"knn:{VOLUME.name}", f"prototype:{VOLUME.name}")


def test_metrics_at_thresholds_are_compared_by_one_rule_only(bank: Bank) -> None:
    toy_bank(bank, 90, gap=1.0)
    for head, rule in (("cosine", "youden"), ("knn", "sensitivity=0.9")):
        sweep_all(bank, ["bleed"], [head], [5], 2, protocol=Protocol(measuring=Measuring(intervals="none", threshold=rule)))
    pair = (f"cosine:{VOLUME.name}", f"knn:{VOLUME.name}")
    assert [one.difference.metric for one in compare_methods(bank, *pair)] == ["auroc", "ap"]
    with pytest.raises(UsageError, match="never tested on the same items with the same threshold rule and calibration"):
        compare_methods(bank, *pair, metrics=("auroc", "f1"))


def test_calibrated_probabilities_are_compared_as_they_were_kept(bank: Bank) -> None:
    toy_bank(bank, 90, gap=1.0)
    protocol = Protocol(measuring=Measuring(intervals="none", calibration="platt"))
    sweep_all(bank, ["bleed"], ["cosine", "knn"], [5], 2, protocol=protocol)
    (found,) = compare_methods(bank, f"cosine:{VOLUME.name}", f"knn:{VOLUME.name}", metrics=("brier",))
    query = "SELECT head, avg((probability - y)**2) AS brier FROM predictions WHERE features = 'toy/brain/volume' GROUP BY head"
    brier = {row["head"]: row["brier"] for row in bank.sql(query).to_pylist()}
    assert (found.difference.first, found.difference.second) == pytest.approx((brier["cosine"], brier["knn"]), abs=1e-12)


def test_two_encoders_are_compared_by_every_head_with_one_correction_over_all(bank: Bank) -> None:
    y = toy_bank(bank, 90, gap=1.0)
    child = FeatureKey("volume", EncoderSpec("adapted:toy", "1", 8, parent=VOLUME.encoder.digest), VOLUME.view)
    ordinals = bank.features(VOLUME.name).items()
    add_vectors(bank, child, ordinals, np.random.default_rng(5).normal(size=(90, 8)) + 2.5 * y[:, None] * np.eye(8)[0])
    choice = FeatureChoice((VOLUME.name, child.name))
    sweep_all(bank, ["bleed"], ["prototype", "cosine"], [1], 3, choice=choice)
    found = compare_encoders(bank, "adapted:toy", "toy")
    assert [(one.first.name, one.second.name) for one in found[::2]] == [
        (f"{head}:{child.name}", f"{head}:{VOLUME.name}") for head in ("cosine", "prototype")
    ]
    each = [compare_methods(bank, f"{head}:{child.name}", f"{head}:{VOLUME.name}") for head in ("cosine", "prototype")]
    assert [one.difference for one in found] == [one.difference for one in (*each[0], *each[1])]
    assert [one.p_holm for one in found] == pytest.approx(holm(np.array([one.difference.p for one in found], dtype=np.float64)))
    assert {one.first.head for one in compare_encoders(bank, "adapted:toy", "toy", head="cosine")} == {"cosine"}
    with pytest.raises(UsageError, match="were not tested by linear on the same kind of vectors"):
        compare_encoders(bank, "adapted:toy", "toy", head="linear")
    with pytest.raises(UnknownNameError, match="encoder with results 'flat' is unknown"):
        compare_encoders(bank, "toy", "flat")
