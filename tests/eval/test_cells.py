"""What is missing is fitted, and nothing else; in whichever order, in whatever parts and with however many threads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from eval_banks import SLICE, VOLUME, add_labels, toy_bank
from scanbank.eval import cells
from scanbank.eval.averaging import MACRO, MICRO
from scanbank.eval.feature_choice import FeatureChoice
from scanbank.eval.measuring import Measuring
from scanbank.eval.sweep import Protocol, sweep, sweep_all
from scanbank.store import Bank
from scanbank.store.errors import EncoderError, UsageError
from scanbank.store.progress import Silent

pytestmark = pytest.mark.long

HEADS = ["linear", "cosine", "knn"]


def labelled(bank: Bank) -> Bank:
    toy_bank(bank, gap=1.0)
    add_labels(bank, "lump", {f"v{i}": str(int(i % 4 == 1)) for i in range(60) if i % 7})
    return bank


def held(bank: Bank) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    rows = bank.sql("SELECT finding, features, head, shots, repeat, metric, value, lo, hi, reason FROM metrics").to_pylist()
    keys = ("finding", "features", "head", "shots", "repeat", "metric")
    return {tuple(row[key] for key in keys): tuple(row[name] for name in ("value", "lo", "hi", "reason")) for row in rows}


def assert_same(found: dict[Any, Any], expected: dict[Any, Any]) -> None:
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        assert found[key] == pytest.approx(values, abs=1e-12, nan_ok=True), key


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[Any, Any]:
    """All of a study in one go."""
    folder = tmp_path_factory.mktemp("whole")
    bank = labelled(Bank.create(folder / "bank", key_file=folder / "key"))
    sweep_all(bank, ["bleed", "lump"], HEADS, [1, 5], 3)
    return held(bank)


def test_the_order_of_the_question_does_not_matter(bank: Bank, whole: dict[Any, Any]) -> None:
    sweep_all(labelled(bank), ["lump", "bleed"], HEADS[::-1], [5, 1], 3)
    assert_same(held(bank), whole)


def test_a_study_in_parts_is_the_study(bank: Bank, whole: dict[Any, Any]) -> None:
    labelled(bank)
    made = [
        sum(result.made for result in sweep_all(bank, ["bleed", "lump"], heads, shots, repeats))
        for heads, shots, repeats in (
            (["cosine"], [1], 3),
            (["cosine", "knn"], [1, 5], 2),
            (HEADS, [1, 5], 3),
            (HEADS, [1, 5], 3),
        )
    ]
    assert made == [2 * 2 * draws for draws in (3, 2 + 4, 3 * 6 - 3 - 6, 0)]  # sets x findings x new fits
    assert_same(held(bank), whole)


class Killed(Silent):
    """A listener in whose call the process ends."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def advance(self, steps: int = 1, note: str = "") -> None:
        del steps
        self.left -= 1 if note else 0
        if self.left < 0:
            raise RuntimeError("as if killed")


def test_what_was_committed_before_a_kill_is_not_made_again(bank: Bank, whole: dict[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    labelled(bank)
    monkeypatch.setattr(cells, "_SCORES", 64)  # chunks of a draw
    monkeypatch.setattr("scanbank.eval.ledger._SECONDS", 0.0)  # each committed at once
    with pytest.raises(RuntimeError, match="as if killed"):
        sweep_all(bank, ["bleed", "lump"], HEADS, [1, 5], 3, progress=Killed(5))
    bank.refresh()
    before = bank.sql("SELECT count(DISTINCT cell) AS n FROM metrics WHERE finding NOT LIKE '(%'").to_pylist()[0]["n"]
    assert 0 < before < 2 * 2 * 3 * 6
    results = sweep_all(bank, ["bleed", "lump"], HEADS, [1, 5], 3)
    assert sum(result.made for result in results) == 2 * 2 * 3 * 6 - before
    assert_same(held(bank), whole)


def test_threads_do_not_matter(bank: Bank, whole: dict[Any, Any]) -> None:
    import torch

    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with threadpool_limits(2):
            sweep_all(labelled(bank), ["bleed", "lump"], HEADS, [1, 5], 3)
    finally:
        torch.set_num_threads(threads)
    assert_same(held(bank), whole)


def test_other_metrics_and_other_intervals_are_other_cells(bank: Bank) -> None:
    labelled(bank)
    first = sweep(bank, "bleed", ["cosine"], [5], 2)
    (other,) = sweep_all(bank, ["bleed"], ["cosine"], [5], 2, protocol=Protocol(measuring=Measuring(("auroc",), "bootstrap")))
    assert (first.run, first.made) == (other.run, other.made)
    kinds = bank.sql("SELECT DISTINCT interval FROM metrics WHERE metric = 'auroc'").to_pylist()
    assert kinds == [{"interval": "bootstrap"}]


def averages(bank: Bank) -> Iterator[dict[str, Any]]:
    yield from bank.sql(f"SELECT * FROM metrics WHERE finding IN ('{MACRO}', '{MICRO}') ORDER BY ALL").to_pylist()


def test_averages_over_findings(bank: Bank) -> None:
    """Macro is the mean of the findings' own values; micro ranks all of their items by the probabilities that their scores stand for."""
    from sklearn.metrics import f1_score, roc_auc_score

    labelled(bank)
    sweep_all(bank, ["bleed", "lump"], ["linear"], [5], 2, choice=FeatureChoice((VOLUME.name,)))
    found = {(row["finding"], row["metric"], row["repeat"]): row["value"] for row in averages(bank)}
    mine = bank.sql("SELECT finding, metric, repeat, value FROM metrics WHERE finding IN ('bleed', 'lump')").to_pylist()
    cut = {(row["finding"], row["repeat"]): row["value"] for row in mine if row["metric"] == "threshold"}
    for repeat in (0, 1):
        for metric in ("auroc", "f1", "brier"):
            values = [row["value"] for row in mine if (row["metric"], row["repeat"]) == (metric, repeat)]
            assert found[MACRO, metric, repeat] == pytest.approx(np.mean(values), abs=1e-12)
        rows = bank.sql(f"SELECT finding, y, score FROM predictions WHERE repeat = {repeat}").to_pylist()
        y = [row["y"] for row in rows]
        chance = [1 / (1 + np.exp(-row["score"])) for row in rows]
        called = [row["score"] >= cut[row["finding"], repeat] for row in rows]
        assert found[MICRO, "auroc", repeat] == pytest.approx(roc_auc_score(y, chance), abs=1e-9)
        assert found[MICRO, "f1", repeat] == pytest.approx(f1_score(y, called), abs=1e-9)


def test_a_finding_that_lacks_examples_is_left_out_of_that_number_alone(bank: Bank) -> None:
    labelled(bank)
    add_labels(bank, "rare", {f"v{i}": str(int(i in (1, 9, 30, 50, 57))) for i in range(60)})
    add_labels(bank, "none", {f"v{i}": "0" for i in range(60)})
    results = sweep_all(bank, ["bleed", "rare", "none"], ["cosine"], [1, 5], 2)
    assert [result.study.units.finding for result in results] == ["bleed", "rare"]
    assert {(row.shots) for row in results[1].summary()} == {1}
    said = " ".join(remark for result in results for remark in result.remarks)
    assert "finding 'none' has one class only" in said
    assert "5 shots, each of another patient, are more than the training side" in said
    assert {row["shots"] for row in averages(bank)} == {1}


def test_subgroups_are_measured_apart(bank: Bank) -> None:
    from sklearn.metrics import roc_auc_score

    labelled(bank)
    with bank.commit("attributes") as commit:
        rows = [{"item": f"v{i}", "level": "volume", "name": "site", "value": "ab"[i % 2], "source": "table"} for i in range(60)]
        commit.append("attributes", rows)
    bank.refresh()
    sweep_all(bank, ["bleed"], ["cosine"], [5], 1, protocol=Protocol(by=("site",)), choice=FeatureChoice((VOLUME.name,)))
    found = bank.sql("SELECT subgroup, value FROM metrics WHERE metric = 'auroc'").to_pylist()
    values = {row["subgroup"]: row["value"] for row in found}
    assert set(values) == {None, "site=a", "site=b"}
    rows = bank.sql("SELECT item, y, score FROM predictions").to_pylist()
    for name in "ab":
        mine = [row for row in rows if "ab"[int(row["item"][1:]) % 2] == name]
        expected = roc_auc_score([row["y"] for row in mine], [row["score"] for row in mine])
        assert values[f"site={name}"] == pytest.approx(expected, abs=1e-12)


def test_heads_on_slices_and_on_several_sets_are_named_like_any_other(bank: Bank) -> None:
    labelled(bank)
    result = sweep(bank, "bleed", ["linear", "mean_probability", "fusion"], [5], 2)
    assert {(row.head, row.features) for row in result.summary()} == {
        ("linear", VOLUME.name),
        ("linear", f"{SLICE.name}/mean"),
        ("mean_probability", f"{SLICE.name}/bag"),
        ("fusion", f"fusion({SLICE.name}/mean+{VOLUME.name})"),
    }
    only = FeatureChoice((VOLUME.name,))
    with pytest.raises(UsageError, match="'fusion' learns from several feature sets at once; one is chosen"):
        sweep(bank, "bleed", ["fusion"], [5], choice=only)
    with pytest.raises(UsageError, match="'attention_mil' learns from the slices of scans, and toy/brain/volume holds none"):
        sweep(bank, "bleed", ["attention_mil"], [5], choice=only)
    with pytest.raises(UsageError, match="'router' routes by source"):
        sweep(bank, "bleed", ["router"], [5])
    with pytest.raises(EncoderError, match="encoder 'flat', which the bank names, is of no kind that is installed here"):
        sweep(bank, "bleed", ["tip_adapter"], [5])
