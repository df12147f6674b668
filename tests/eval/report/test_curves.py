from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from eval_banks import toy_bank
from scanbank.eval.report.curves import part_dots, roc_lines, shot_curves, shown_over_shots
from scanbank.eval.report.rows import Cell, Method
from scanbank.eval.report.scores import Scores, last_scores, precision_recall, reliability, roc
from scanbank.eval.report.studies import FoundStudy, found_studies
from scanbank.eval.report.styles import COLOURS, styles
from scanbank.eval.sweep import Protocol, sweep, sweep_all
from scanbank.store import Bank


def predicted(bank: Bank, one: Scores, repeat: int = 0) -> tuple[np.ndarray, np.ndarray]:
    shots = "IS NULL" if np.isinf(one.shots) else f"= {int(one.shots)}"
    of = f"head = '{one.method.head}' AND features = '{one.method.features}' AND repeat = {repeat} AND shots {shots}"
    rows = bank.sql(f"SELECT y, score FROM predictions WHERE {of}")
    return rows.column("y").to_numpy(), rows.column("score").to_numpy()


def test_curves_of_a_single_fit_are_scikit_learns(bank: Bank) -> None:
    toy_bank(bank)
    sweep(bank, "bleed", ["knn", "cosine"], [1, None], repeats=3)
    (study,) = found_studies(bank)
    found = last_scores(bank, study)
    assert len(found) == 4
    for one in found:
        y, score = predicted(bank, one)
        false, true, _ = roc_curve(y, score, drop_intermediate=False)
        np.testing.assert_allclose(roc(one), (false, true))
        recall, precision = precision_recall(one)
        area = (np.diff(np.append(0, recall)) * precision).sum()  # as the chart draws it, in steps
        assert area == pytest.approx(average_precision_score(y, score), abs=1e-12)
        line = roc_lines(study, [one], styles(study.methods))[0]
        assert f"all: AUROC {roc_auc_score(y, score):.2f}, AP {average_precision_score(y, score):.2f}, ECE" in line.label


def test_over_repeats_rates_are_averaged(bank: Bank) -> None:
    toy_bank(bank)
    sweep(bank, "bleed", ["knn"], [2], repeats=4)
    (study,) = found_studies(bank)
    one = last_scores(bank, study)[0]
    tpr, best = [], []
    for repeat in range(4):
        y, score = predicted(bank, one, repeat)
        false, true, _ = roc_curve(y, score)
        tpr.append(np.interp(0.5, false, true))
        order = np.argsort(-score, kind="stable")
        cuts = [t for t in score[order] if (score[y == 1] >= t).mean() >= 0.5]
        best.append((y[score >= cuts[0]]).mean())  # the precision of the highest threshold that finds half of them
    x, y_ = roc(one)
    assert np.interp(0.5, x, y_) == pytest.approx(np.mean(tpr), abs=1e-9)
    assert (x[0], y_[0], y_[-1]) == (0, 0, 1)
    recall, precision = precision_recall(one)
    assert precision[np.flatnonzero(np.isclose(recall, 0.5))[0]] == pytest.approx(np.mean(best), abs=1e-9)


def test_reliability_is_what_the_ece_is_computed_from(bank: Bank) -> None:
    toy_bank(bank)
    sweep(bank, "bleed", ["linear"], [None])
    (study,) = found_studies(bank)
    for one in last_scores(bank, study):
        np.testing.assert_allclose(one.chance[0], expit(one.scores[0]))
        said, happened, items = reliability(one)
        cell = study.cells[one.method, one.shots, "ece"]
        assert (np.abs(said - happened) * items).sum() / items.sum() == pytest.approx(cell.mean, abs=1e-9)
        assert items.sum() == len(one.y)


def test_nothing_is_drawn_of_scores_that_were_not_kept(bank: Bank) -> None:
    toy_bank(bank)
    sweep_all(bank, ["bleed"], ["knn"], [2], 2, protocol=Protocol(predictions=False))
    (study,) = found_studies(bank)
    assert last_scores(bank, study) == []


def test_bands_are_deviations_and_intervals(bank: Bank) -> None:
    toy_bank(bank)
    sweep(bank, "bleed", ["knn"], [1, 5, None], repeats=3)
    (study,) = found_studies(bank)
    methods = shown_over_shots(study, 1)
    (curve,) = shot_curves(study, "auroc", methods, styles(study.methods))
    assert curve.shots == (1, 5, np.inf)
    few, full = study.cells[methods[0], 1.0, "auroc"], study.cells[methods[0], np.inf, "auroc"]
    assert few.mean is not None
    assert few.sd is not None
    assert (curve.lo[0], curve.hi[0]) == pytest.approx((few.mean - few.sd, few.mean + few.sd))
    assert (curve.lo[-1], curve.hi[-1]) == (full.lo, full.hi)


def test_parts_without_a_value_are_left_out(bank: Bank) -> None:
    y = toy_bank(bank)
    with bank.commit("attributes") as commit:
        named = (
            {"item": f"v{i}", "level": "volume", "name": "source", "value": "ab"[i % 2] if label else "c", "source": "t"}
            for i, label in enumerate(y)
        )
        commit.append("attributes", named)  # each part is of one class
    bank.refresh()
    sweep_all(bank, ["bleed"], ["knn"], [2], 2, protocol=Protocol(by=("source",)))
    (study,) = found_studies(bank)
    assert {"source=a", "source=b", "source=c"} >= set(study.parts) > set()
    parts, dots = part_dots(study, "auroc", study.ranked_by_part(2), styles(study.methods))
    assert parts == ["all"]
    assert [one.value for one in dots] == [(study.cells[m, 2.0, "auroc"].mean,) for m in study.ranked_by_part(2)]


def test_a_method_looks_the_same_everywhere_and_few_have_colours_of_their_own() -> None:
    few = [Method(head, "e", "w", f"e/w/{kind}") for head in ("knn", "linear", "zeroshot") for kind in ("a", "b")]
    assert len({style.colour for style in styles(few).values()}) == 6
    assert styles(few) == styles(reversed(few))
    many = [Method(head, "e", "w", f"e/{k}") for head in ("knn", "linear", "zeroshot") for k in range(5)]
    found = styles(many)
    assert {found[method].colour for method in many if method.head == "knn"} == {COLOURS[1]}
    assert len({(style.colour, style.marker) for style in found.values()}) == 15


def test_zero_shot_stays_among_the_curves() -> None:
    cells = {}
    for head, shots, value in (("zeroshot", 0.0, 0.1), ("knn", 5.0, 0.9), ("linear", 5.0, 0.8), ("lda", 5.0, 0.7)):
        cells[Method(head, "e", "w", "f"), shots, "auroc"] = Cell("r", (value,), None, None, "")
    study = FoundStudy("bleed", "volume", "user", "table", (0, 1), {}, cells)
    assert [m.head for m in shown_over_shots(study, 2)] == ["zeroshot", "knn"]
