from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from eval_banks import toy_bank
from scanbank.eval.report.studies import ALL, curves, found_studies, rocs, shots_label
from scanbank.eval.sweep import sweep
from scanbank.store import Bank

TOLD = {"finding": "bleed", "unit": "volume", "split": "user", "source": "table", "items": "abc", "counts": {}}


def put(bank: Bank, run: str, minute: int, rows: list[tuple[str, int | None, int, float | None]], **told: Any) -> None:
    """A run with AUROC values of (head, shots, repeat, value)."""
    at = datetime(2026, 1, 1, 0, minute, tzinfo=UTC)
    with bank.commit("run") as commit:
        commit.append("runs", [{"run": run, "command": "sweep", "settings": json.dumps(TOLD | told), "started": at, "finished": at}])
        of = {"run": run, "finding": "bleed", "features": "toy/brain/volume", "encoder": "toy", "window": "brain", "metric": "auroc"}
        commit.append(
            "metrics",
            [
                of | {"head": head, "shots": shots, "repeat": repeat, "value": value, "reason": None if value is not None else "one class"}
                for head, shots, repeat, value in rows
            ],
        )
    bank.refresh()


def test_means_and_deviations_by_hand(bank: Bank) -> None:
    put(bank, "a", 0, [("knn", 1, 0, 0.5), ("knn", 1, 1, 0.7), ("knn", None, 0, 0.9), ("linear", 1, 0, 0.8), ("linear", 1, 1, None)])
    (study,) = found_studies(bank)
    by_name = {(m.head, k): cell for (m, k, _), cell in study.cells.items()}
    assert by_name["knn", 1].mean == pytest.approx(0.6)
    assert by_name["knn", 1].sd == pytest.approx(np.sqrt(0.02))
    assert (by_name["knn", ALL].mean, by_name["knn", ALL].sd) == (0.9, None)
    assert (by_name["linear", 1].values, by_name["linear", 1].reason) == ((0.8,), "one class")
    assert study.shots == [1, ALL]
    assert study.best(1, "auroc") == 0.8
    assert study.best(5, "auroc") is None


def test_a_later_run_of_the_same_question_counts_and_another_question_stands_by_itself(bank: Bank) -> None:
    put(bank, "b", 5, [("knn", 1, 0, 0.9)])
    put(bank, "a", 1, [("knn", 1, 0, 0.1), ("linear", 1, 0, 0.2)])
    put(bank, "c", 2, [("knn", 1, 0, 0.4)], split="patients-1")
    one, other = found_studies(bank)
    assert (one.split, other.split) == ("patients-1", "user")
    assert sorted(c.mean for c in other.cells.values() if c.mean is not None) == [0.2, 0.9]
    assert [c.mean for c in one.cells.values()] == [0.4]


def test_curves_are_the_best_and_zero_shot_comes_first(bank: Bank) -> None:
    put(bank, "a", 0, [("knn", 1, 0, 0.5), ("knn", 5, 0, 0.6), ("zeroshot", 0, 0, 0.9), ("linear", 1, 0, 0.2)])
    (study,) = found_studies(bank)
    assert [m.head for m in study.methods] == ["zeroshot", "knn", "linear"]
    kept = curves(study, "auroc", 2)
    assert {c.shots for c in kept} == {(0.0,), (1.0, 5.0)}
    assert [shots_label(k) for k in (*study.shots, ALL)] == ["zero-shot", "1 shot", "5 shots", "all"]


def test_rocs_are_those_of_the_predictions(bank: Bank) -> None:
    toy_bank(bank)
    sweep(bank, "bleed", ["knn", "cosine"], [1, None], repeats=3)
    (study,) = found_studies(bank)
    drawn = rocs(bank, study, 10)
    assert len(drawn) == 4
    for roc in drawn:
        head, features = roc.label.split(",")[0], roc.label.split(", ")[1]
        rows = bank.sql(f"SELECT y, score FROM predictions WHERE shots IS NULL AND head = '{head}' AND features = '{features}'")
        y, score = (rows.column(name).to_numpy() for name in ("y", "score"))
        false, true, _ = roc_curve(y, score, drop_intermediate=False)
        np.testing.assert_allclose(roc.false_positive, false)
        np.testing.assert_allclose(roc.true_positive, true)
        assert roc.label.endswith(f"all: {roc_auc_score(y, score):.2f}")
        assert f"{np.trapezoid(roc.true_positive, roc.false_positive):.2f}" == roc.label[-4:]


def test_over_repeats_the_true_positive_rates_are_averaged(bank: Bank) -> None:
    toy_bank(bank)
    sweep(bank, "bleed", ["knn"], [2], repeats=4)
    (study,) = found_studies(bank)
    for roc in rocs(bank, study, 1):
        features = roc.label.split(", ")[1]
        means = []
        for repeat in range(4):
            rows = bank.sql(f"SELECT y, score FROM predictions WHERE repeat = {repeat} AND features = '{features}'")
            false, true, _ = roc_curve(rows.column("y").to_numpy(), rows.column("score").to_numpy())
            means.append(np.interp(0.5, false, true))
        assert np.interp(0.5, roc.false_positive, roc.true_positive) == pytest.approx(np.mean(means), abs=1e-9)
        assert (roc.false_positive[0], roc.true_positive[0], roc.true_positive[-1]) == (0, 0, 1)


def test_other_draws_are_another_table_and_zero_shot_stands_in_each(bank: Bank) -> None:
    put(bank, "a", 0, [("knn", 1, 0, 0.5)], seed=0, repeats=10)
    put(bank, "b", 1, [("knn", 1, 0, 0.9)], seed=9, repeats=2)
    put(bank, "c", 2, [("linear", 1, 0, 0.6)], seed=0, repeats=10)
    put(bank, "d", 3, [("zeroshot", 0, 0, 0.7)], prompt="bleed is present.", negative="bleed is not present.", seed=0)
    first, second = found_studies(bank)
    assert (first.drawn, second.drawn) == ((0, 10), (9, 2))
    assert [(m.head, m.prompts) for m in first.methods] == [("zeroshot", ""), ("knn", ""), ("linear", "")]
    assert [m.head for m in second.methods] == ["zeroshot", "knn"]
    assert (first.best(1, "auroc"), second.best(1, "auroc")) == (0.6, 0.9)


def test_other_prompts_are_another_method(bank: Bank) -> None:
    put(bank, "a", 0, [("zeroshot", 0, 0, 0.7)], prompt="bleed is present.", negative="bleed is not present.", seed=0)
    put(bank, "b", 1, [("zeroshot", 0, 0, 0.9)], prompt="Blood!", negative="No blood.", seed=0)
    (study,) = found_studies(bank)
    assert [m.prompts for m in study.methods] == ["", "“Blood!” against “No blood.”"]


def test_a_method_has_one_colour_in_all_charts_and_zero_shot_is_never_cut(bank: Bank) -> None:
    toy_bank(bank)
    sweep(bank, "bleed", ["linear", "cosine", "knn"], [1, 5], repeats=2)
    told = json.loads(bank.sql("SELECT settings FROM runs").to_pylist()[0]["settings"])
    names = ("finding", "unit", "split", "source", "items", "counts")
    put(bank, "z", 59, [("zeroshot", 0, 0, 0.01)], prompt="Bleed is present.", negative="x", **{name: told[name] for name in names})
    (study,) = found_studies(bank)
    colours = {curve.label: curve.colour for curve in curves(study, "auroc", 8)}
    assert len(set(colours.values())) == len(colours) == 7
    for roc in rocs(bank, study, 3):
        (label,) = [label for label in colours if roc.label.startswith(label + ",")]
        assert roc.colour == colours[label]
    assert any(not any(curve.shots) for curve in curves(study, "auroc", 2))
