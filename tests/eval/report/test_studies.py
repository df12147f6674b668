from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from scanbank.eval.report.rows import ALL
from scanbank.eval.report.studies import best, found_studies, label, shots_label
from scanbank.store import Bank

TOLD = {"finding": "bleed", "unit": "volume", "split": "user", "source": "table", "items": "abc", "counts": {}, "seed": 0}


def put(
    bank: Bank, run: str, minute: int, rows: list[tuple[str, int | None, int, float | None]], part: str | None = None, **told: Any
) -> None:
    """A run with AUROC values of (head, shots, repeat, value), of a part of the test side or of all of it."""
    at = datetime(2026, 1, 1, 0, minute, tzinfo=UTC)
    with bank.commit("run") as commit:
        commit.append("runs", [{"run": run, "command": "sweep", "settings": json.dumps(TOLD | told), "started": at, "finished": at}])
        of = {"run": run, "finding": "bleed", "features": "toy/brain/volume", "encoder": "toy", "window": "brain", "metric": "auroc"}
        commit.append(
            "metrics",
            [
                of
                | {
                    "subgroup": part,
                    "head": head,
                    "shots": shots,
                    "repeat": repeat,
                    "value": value,
                    "reason": None if value is not None else "one class",
                }
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


def test_other_draws_are_another_table_and_zero_shot_stands_in_each(bank: Bank) -> None:
    put(bank, "a", 0, [("knn", 1, 0, 0.5), ("knn", 1, 2, 0.5)], seed=0)
    put(bank, "b", 1, [("knn", 1, 0, 0.9)], seed=9)
    put(bank, "c", 2, [("linear", 1, 0, 0.6)], seed=0)
    put(bank, "d", 3, [("zeroshot", 0, 0, 0.7)], prompt="bleed is present.", negative="bleed is not present.", seed=0)
    first, second = found_studies(bank)
    assert (first.drawn, second.drawn) == ((0, 3), (9, 1))
    assert [(m.head, m.prompts) for m in first.methods] == [("zeroshot", ""), ("knn", ""), ("linear", "")]
    assert [m.head for m in second.methods] == ["zeroshot", "knn"]
    assert (first.best(1, "auroc"), second.best(1, "auroc")) == (0.6, 0.9)


def test_other_prompts_are_another_method(bank: Bank) -> None:
    put(bank, "a", 0, [("zeroshot", 0, 0, 0.7)], prompt="bleed is present.", negative="bleed is not present.", seed=0)
    put(bank, "b", 1, [("zeroshot", 0, 0, 0.9)], prompt="Blood!", negative="No blood.", seed=0)
    (study,) = found_studies(bank)
    assert [m.prompts for m in study.methods] == ["", "“Blood!” against “No blood.”"]


def test_ensembles_and_presence_alone_are_named(bank: Bank) -> None:
    put(bank, "a", 0, [("zeroshot", 0, 0, 0.7)], prompt=["Blood!", "A bleed."], negative="No blood.", seed=0)
    put(bank, "b", 1, [("zeroshot_single", 0, 0, 0.9)], prompt="bleed is present.", negative=None, seed=0)
    put(bank, "c", 2, [("zeroshot_single", 0, 0, 0.8)], prompt="Blood!", negative=None, seed=0)
    (study,) = found_studies(bank)
    assert [label(method) for method in study.methods] == [
        "zero-shot, toy/brain/volume, “Blood!”, “A bleed.” against “No blood.”",
        "zero-shot (presence alone), toy/brain/volume",
        "zero-shot (presence alone), toy/brain/volume, “Blood!”",
    ]
    assert all(method.zero_shot for method in study.methods)


def test_other_class_texts_are_another_method_of_heads_that_learn_from_them(bank: Bank) -> None:
    put(bank, "a", 0, [("knn", 1, 0, 0.5), ("clap", 1, 0, 0.6)])
    put(bank, "b", 1, [("knn", 1, 0, 0.7), ("clap", 1, 0, 0.8)], texts={"present": "Blood!", "absent": ["No blood.", "None."]})
    (study,) = found_studies(bank)
    found = {(method.head, method.prompts): cell.mean for (method, _, _), cell in study.cells.items()}
    assert found == {("knn", ""): 0.7, ("clap", ""): 0.6, ("clap", "“Blood!” against “No blood.”, “None.”"): 0.8}


def test_runs_that_draw_nothing_stand_beside_those_that_draw(bank: Bank) -> None:
    put(bank, "sweep-1", 0, [("knn", 1, 0, 0.5)])
    put(bank, "probe-1", 1, [("linear", None, 0, 0.8)])
    (study,) = found_studies(bank)
    assert [(m.head, k) for m, k, _ in sorted(study.cells, key=lambda key: key[1])] == [("knn", 1), ("linear", ALL)]
    assert study.runs == ("probe-1", "sweep-1")
    assert [m.head for m in study.ranked()] == ["linear", "knn"]
    assert [shots_label(k) for k in (0, *study.shots)] == ["zero-shot", "1 shot", "all"]


def test_parts_of_the_test_side_are_kept_apart(bank: Bank) -> None:
    put(bank, "a", 0, [("knn", 1, 0, 0.5), ("linear", 1, 0, 0.6)])
    put(bank, "b", 1, [("knn", 1, 0, 0.9)], part="source=x")
    (study,) = found_studies(bank)
    assert {cell.mean for cell in study.cells.values()} == {0.5, 0.6}
    assert [(part, [cell.mean for cell in cells.values()]) for part, cells in study.parts.items()] == [("source=x", [0.9])]
    assert [m.head for m in study.ranked_by_part(5)] == ["knn"]


def test_what_is_best_depends_on_the_metric() -> None:
    assert best([0.1, 0.4], "auroc") == 0.4
    assert best([0.1234, 0.4], "brier") == 0.123
    assert best([], "ap") is None
