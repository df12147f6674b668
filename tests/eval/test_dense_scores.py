"""Studies whose predictions are kept as one array: the same numbers come out of it."""

from __future__ import annotations

import numpy as np
import pytest

from eval_banks import VOLUME, add_labels, toy_bank
from scanbank.eval.compare import compare_methods
from scanbank.eval.feature_choice import FeatureChoice
from scanbank.eval.methods import Method, item_scores
from scanbank.eval.report import report
from scanbank.eval.sweep import Protocol, sweep_all
from scanbank.store import Bank
from scanbank.store.errors import UnknownNameError, UsageError

CHOICE = FeatureChoice((VOLUME.name,))
DENSE = Protocol(predictions=True, most_rows=0)
HEADS = ["cosine", "knn"]
COUNTS = "SELECT (SELECT count(*) FROM predictions) AS rows, (SELECT count(*) FROM dense_cells) AS cells"


@pytest.fixture
def toy(bank: Bank) -> Bank:
    toy_bank(bank)
    add_labels(bank, "lump", {f"v{i}": str(int(i % 4 == 1)) for i in range(60) if i % 7})
    return bank


def test_an_array_holds_what_the_rows_would(toy: Bank) -> None:
    results = sweep_all(toy, ["bleed", "lump"], HEADS, [1, 5, None], 3, protocol=DENSE, choice=CHOICE)
    for one in results:
        assert any("kept as one array a run" in remark and "Bank.dense_predictions(RUN)" in remark for remark in one.remarks)
    assert toy.sql(COUNTS).to_pylist() == [{"rows": 0, "cells": 2 * 2 * 7}]
    arrays = {one.run: toy.dense_predictions(one.run) for one in results}
    for one in results:
        held = arrays[one.run]
        metrics = toy.sql(f"SELECT cell, head, shots, repeat, value FROM metrics WHERE run = '{one.run}' AND metric = 'auroc'").to_pylist()
        value = {row["cell"]: row["value"] for row in metrics}
        assert held.shape == (14, len(held.items))
        assert held.scores().dtype == np.float32
        truth = {
            r["item"]: r["value"]
            for r in toy.sql(f"SELECT item, value FROM labels WHERE finding = '{one.study.units.finding}'").to_pylist()
        }
        assert held.y.tolist() == [truth[item] for item in held.items]
        for cell, scores in zip(held.cells.column("cell").to_pylist(), held.scores(), strict=True):
            ranks = scores[held.y == 1][:, None] - scores[held.y == 0]
            assert ((ranks > 0) + 0.5 * (ranks == 0)).mean() == pytest.approx(value[cell], abs=1e-6)


def test_comparisons_and_report_are_those_of_rows(tmp_path_factory: pytest.TempPathFactory) -> None:
    found, pages = [], []
    for protocol in (Protocol(), DENSE):
        folder = tmp_path_factory.mktemp("bank")
        bank = Bank.create(folder / "bank", key_file=folder / "key")
        toy_bank(bank)
        sweep_all(bank, ["bleed"], HEADS, [1, 5], 3, protocol=protocol, choice=CHOICE)
        found.append([one.row for one in compare_methods(bank, *HEADS)])
        pages.append(report(bank))
        scores = item_scores(bank, bank.sql("SELECT run FROM runs").to_pylist()[0]["run"], Method("knn", VOLUME.name))
        assert [(k, one.repeats, one.scores.shape) for k, one in scores.items()] == [(1, (0, 1, 2), (3, 12)), (5, (0, 1, 2), (3, 12))]
    for row, dense in zip(*found, strict=True):
        assert row.keys() == dense.keys()
        for name in ("shots", "metric", "items", "patients"):
            assert row[name] == dense[name]
        for name in ("first_value", "second_value", "difference", "lo", "hi", "p"):
            assert dense[name] == pytest.approx(row[name], abs=1e-6), (row["metric"], name)
    assert pages[0].count("<svg") == pages[1].count("<svg")
    assert "none were kept of single items" not in pages[1]


def test_rows_and_array_of_one_run_are_read_together(toy: Bank) -> None:
    sweep_all(toy, ["bleed"], ["cosine"], [1, 5], 2, choice=CHOICE)
    (result,) = sweep_all(toy, ["bleed"], ["cosine"], [1, 5], 4, protocol=DENSE, choice=CHOICE)
    assert result.made == 4
    assert toy.sql(COUNTS).to_pylist() == [{"rows": 4 * 12, "cells": 4}]
    scores = item_scores(toy, result.run, Method("cosine", VOLUME.name))
    assert [(k, one.repeats) for k, one in scores.items()] == [(1, (0, 1, 2, 3)), (5, (0, 1, 2, 3))]
    sweep_all(toy, ["bleed"], ["cosine"], [5], 4, protocol=Protocol(predictions=True), choice=CHOICE)
    assert toy.sql(COUNTS).to_pylist() == [{"rows": 4 * 12, "cells": 4}]  # all were kept already


def test_fits_whose_scores_were_not_kept_are_made_again_for_them(toy: Bank) -> None:
    sweep_all(toy, ["bleed", "lump"], ["cosine"], [1], 2, protocol=Protocol(predictions=False), choice=CHOICE)
    with pytest.raises(UnknownNameError, match="run with dense predictions 'sweep-x' is unknown"):
        toy.dense_predictions("sweep-x")
    before = toy.sql("SELECT cell, metric, value FROM metrics ORDER BY ALL").to_pylist()
    one, other = sweep_all(toy, ["bleed", "lump"], ["cosine"], [1], 2, protocol=DENSE, choice=CHOICE)
    assert (one.made, other.made) == (2, 2)
    assert toy.sql("SELECT cell, metric, value FROM metrics ORDER BY ALL").to_pylist() == before
    again, _ = sweep_all(toy, ["bleed", "lump"], ["cosine"], [1], 2, protocol=DENSE, choice=CHOICE)
    assert again.made == 0


def test_beyond_the_limit_nothing_is_kept_unasked(toy: Bank) -> None:
    (result,) = sweep_all(toy, ["bleed"], ["cosine", "knn"], [1], 2, protocol=Protocol(most_rows=47), choice=CHOICE)
    assert "scores of each item are not kept: 48 rows are more than 47; ask for them with --predictions" in result.remarks
    assert toy.sql(COUNTS).to_pylist() == [{"rows": 0, "cells": 0}]
    with pytest.raises(UsageError, match=r"kept no scores of items by .*; run it again with --predictions"):
        compare_methods(toy, "cosine", "knn")
