"""Thresholds by other rules and calibrated probabilities of a study: those of each fit's own validation scores, and of nothing else."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from eval_banks import VOLUME, add_labels, toy_bank
from scanbank.eval.averaging import MICRO
from scanbank.eval.battery import battery
from scanbank.eval.calibration import fit_calibrator
from scanbank.eval.feature_choice import FeatureChoice
from scanbank.eval.measuring import Measuring
from scanbank.eval.sweep import Protocol, sweep_all
from scanbank.eval.thresholding import fit_threshold, rule_named
from scanbank.eval.validation import Validation
from scanbank.heads.cosine import CosineHead
from scanbank.store import Bank
from scanbank.store.errors import UnknownNameError, UsageError

CHOICE = FeatureChoice((VOLUME.name,))


def measured(bank: Bank, how: Measuring, findings: tuple[str, ...] = ("bleed",), head: str = "cosine") -> Any:
    return sweep_all(bank, findings, [head], [5], 2, protocol=Protocol(measuring=how), choice=CHOICE)


@pytest.mark.parametrize("rule", ["sensitivity=0.95", "cost=5:1"])
@pytest.mark.parametrize("calibration", ["temperature", "platt", "isotonic"])
def test_are_those_of_each_fits_validation_scores(bank: Bank, rule: str, calibration: str) -> None:
    toy_bank(bank)
    (result,) = measured(bank, Measuring(threshold=rule, calibration=calibration))
    assert (result.settings["threshold"], result.settings["calibration"]) == (rule, calibration)
    study = result.study
    X, place = study.features[0].X[study.rows].astype(np.float64), {item: row for row, item in enumerate(study.units.items)}
    val, test = study.split.side("val"), study.split.side("test")
    held = bank.sql("SELECT repeat, metric, value FROM metrics").to_pylist()
    value = {(row["repeat"], row["metric"]): row["value"] for row in held}
    for repeat in range(2):
        drawn = bank.sql(f"SELECT item FROM draws WHERE repeat = {repeat}").column("item").to_pylist()
        rows = np.array([place[item] for item in drawn])
        scores = CosineHead().fit(X[rows], study.units.y[rows]).decision_function(X)
        side = Validation(study.units, study.split, val, scores[val])
        cut, chance = fit_threshold(rule_named(rule), side).value, fit_calibrator(calibration, side).probabilities(scores[test])
        names = ["f1", "sensitivity", "brier", "ece"]
        expected = battery(names, study.units.y[test], [scores[test]], threshold=[cut], probability=[chance])
        assert value[repeat, "threshold"] == pytest.approx(cut, abs=1e-12)
        for metric, found in expected.values.items():
            assert value[repeat, metric] == pytest.approx(found[0], abs=1e-9), metric
        kept = bank.sql(f"SELECT item, score, probability FROM predictions WHERE repeat = {repeat}").to_pylist()
        of = {row["item"]: row["probability"] for row in kept}
        assert [of[study.units.items[row]] for row in test.tolist()] == pytest.approx(chance.tolist(), abs=1e-9)


def test_each_rule_is_a_run_of_its_own_and_the_usual_one_is_as_it_was(bank: Bank) -> None:
    toy_bank(bank)
    usual, fixed, platt = (
        measured(bank, how)[0] for how in (Measuring(), Measuring(threshold="sensitivity=0.95"), Measuring(calibration="platt"))
    )
    assert len({usual.run, fixed.run, platt.run}) == 3
    assert [result.made for result in (usual, fixed, platt)] == [2, 2, 2]
    assert measured(bank, Measuring(threshold="sensitivity=0.95"))[0].made == 0
    settings = json.loads(bank.sql(f"SELECT settings FROM runs WHERE run = '{fixed.run}'").to_pylist()[0]["settings"])
    assert (settings["threshold"], settings["calibration"]) == ("sensitivity=0.95", "none")
    assert not any("temperature" in remark for remark in platt.remarks)
    rows = bank.sql("SELECT run, metric, repeat, value FROM metrics WHERE metric IN ('auroc', 'brier')").to_pylist()
    value = {(row["run"], row["metric"], row["repeat"]): row["value"] for row in rows}
    for repeat in range(2):
        assert value[usual.run, "auroc", repeat] == value[fixed.run, "auroc", repeat] == value[platt.run, "auroc", repeat]
        assert value[usual.run, "brier", repeat] == value[fixed.run, "brier", repeat] != value[platt.run, "brier", repeat]


def test_the_heads_own_probabilities_are_kept_where_nothing_is_calibrated(bank: Bank) -> None:
    toy_bank(bank)
    measured(bank, Measuring())
    rows = bank.sql("SELECT score, probability FROM predictions").to_pylist()
    assert [row["probability"] for row in rows] == pytest.approx([1 / (1 + np.exp(-10 * row["score"])) for row in rows])


def test_a_validation_side_of_one_class_calibrates_nothing(bank: Bank) -> None:
    toy_bank(bank)
    with bank.commit("sides") as commit:
        sides = ["val" if i % 3 == 1 and i < 30 else "test" if i % 2 else "train" for i in range(60)]
        commit.append("splits", [{"split": "user", "item": f"v{i}", "level": "volume", "side": side} for i, side in enumerate(sides)])
    bank.refresh()
    (result,) = measured(bank, Measuring(calibration="platt"))
    assert any("cannot be calibrated on it: there is no Brier score and no ECE" in remark for remark in result.remarks)
    held = bank.sql("SELECT DISTINCT metric, value, reason FROM metrics WHERE metric IN ('brier', 'f1')").to_pylist()
    reason = "one class only: 0 of 10 are positive"
    assert {row["metric"]: (row["value"], row["reason"]) for row in held} == {
        "brier": (None, f"no probabilities: no calibration: {reason}"),
        "f1": (None, f"no threshold: {reason}"),
    }
    assert bank.sql("SELECT count(probability) AS n FROM predictions").to_pylist() == [{"n": 0}]


def test_micro_averages_call_by_scores_though_calibrated_ones_tie(bank: Bank) -> None:
    """Isotonic probabilities of several scores are equal; an average that called by them would call more."""
    toy_bank(bank)
    add_labels(bank, "lump", {f"v{i}": str(int(i % 4 == 1)) for i in range(60)})
    results = measured(bank, Measuring(calibration="isotonic"), ("bleed", "lump"))
    assert len(results) == 2
    cuts = {
        (row["finding"], row["repeat"]): row["value"]
        for row in bank.sql("SELECT finding, repeat, value FROM metrics WHERE metric = 'threshold'").to_pylist()
    }
    rows = bank.sql("SELECT finding, repeat, y, score FROM predictions").to_pylist()
    found = bank.sql(f"SELECT repeat, value FROM metrics WHERE finding = '{MICRO}' AND metric = 'accuracy'").to_pylist()
    for average in found:
        mine = [row for row in rows if row["repeat"] == average["repeat"]]
        right = [(row["score"] >= cuts[row["finding"], row["repeat"]]) == (row["y"] == 1) for row in mine]
        assert average["value"] == pytest.approx(np.mean(right))
    assert len(found) == 2


def test_what_calibrators_say_is_told_with_counts(bank: Bank) -> None:
    toy_bank(bank, gap=40.0)
    (result,) = measured(bank, Measuring(calibration="temperature"), head="prototype")
    said = "temperature: the scores separate the classes of the validation side; none is best, and it is left at 1 (2 of 2 fits)"
    assert said in result.remarks


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({"threshold": "yuden"}, UnknownNameError, "did you mean 'youden'"),
        ({"threshold": "cost=1"}, UsageError, "such as cost=5:1"),
        ({"calibration": "plat"}, UnknownNameError, "calibration 'plat' is unknown; did you mean 'platt'"),
    ],
)
def test_mistakes_are_told_before_anything_is_fitted(how: dict[str, str], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Measuring(**how)
