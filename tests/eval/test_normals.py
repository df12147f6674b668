"""Studies whose draws are of normals alone, from draws to the report."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from eval_banks import VOLUME, add_labels, toy_bank
from scanbank.eval.averaging import MACRO, MICRO
from scanbank.eval.compare import compare_methods
from scanbank.eval.feature_choice import FeatureChoice
from scanbank.eval.report import report
from scanbank.eval.sweep import Protocol, sweep, sweep_all
from scanbank.heads import HEADS, KNNNormalHead
from scanbank.store import Bank
from scanbank.store.errors import UnknownNameError, UsageError

NORMAL = [name for name, kind in HEADS.items() if kind.one_class]
VALUES = "SELECT head, shots, repeat, metric, value FROM metrics WHERE run = {} AND subgroup IS NULL ORDER BY ALL"
NORMALS = Protocol(support="normals")


def test_heads_learn_from_the_normals_of_the_draws_alone(bank: Bank) -> None:
    toy_bank(bank)
    (result,) = sweep_all(bank, ["bleed"], ["knn_normal"], [1, 5, None], 3, protocol=NORMALS, choice=FeatureChoice((VOLUME.name,)))
    assert json.loads(bank.sql("SELECT settings FROM runs").to_pylist()[0]["settings"])["support"] == "normals"
    y = {r["item"]: int(r["value"]) for r in bank.sql("SELECT item, value FROM labels").to_pylist()}
    sides = {r["item"]: r["side"] for r in bank.sql("SELECT item, side FROM splits").to_pylist()}
    ordinal = {r["volume"]: r["ordinal"] for r in bank.sql("SELECT volume, ordinal FROM volumes").to_pylist()}
    test = sorted(item for item, side in sides.items() if side == "test")

    def vectors(items: list[str]) -> np.ndarray:
        return bank.features(VOLUME.name).of(np.array([ordinal[item] for item in items]))

    draws = bank.sql("SELECT shots, repeat, list(item) AS items FROM draws GROUP BY ALL").to_pylist()
    assert sorted((d["shots"] or 0, d["repeat"]) for d in draws) == [(0, 0), *((k, r) for k in (1, 5) for r in range(3))]
    for draw in draws:
        items = draw["items"]
        assert all((sides[item], y[item]) == ("train", 0) for item in items)
        assert len(items) == (draw["shots"] or 24)
        distance = KNNNormalHead().fit(vectors(items)).anomaly(vectors(test))
        (value,) = (
            bank.sql(f"""SELECT value FROM metrics WHERE metric = 'auroc' AND repeat = {draw["repeat"]}
            AND shots IS NOT DISTINCT FROM {draw["shots"] or "NULL"}""")
            .column("value")
            .to_pylist()
        )
        assert value == pytest.approx(roc_auc_score([y[item] for item in test], distance), abs=1e-12)
    assert result.summary()[0].mean is not None


def test_an_ordinary_sweep_gives_them_the_same_normals(bank: Bank) -> None:
    toy_bank(bank)
    choice = FeatureChoice((VOLUME.name,))
    (normals,) = sweep_all(bank, ["bleed"], NORMAL, [1, 5, None], 3, protocol=NORMALS, choice=choice)
    both = sweep(bank, "bleed", [*NORMAL, "cosine"], [1, 5, None], 3, choice=choice)
    assert normals.run != both.run
    first = bank.sql(VALUES.format(f"'{normals.run}'")).to_pylist()
    second = [row for row in bank.sql(VALUES.format(f"'{both.run}'")).to_pylist() if row["head"] in NORMAL]
    assert first == second
    assert len(first) > 100
    (again,) = sweep_all(bank, ["bleed"], NORMAL, [1, 5, None], 3, protocol=NORMALS, choice=choice)
    assert again.made == 0


def test_they_have_every_metric_but_those_of_probabilities(bank: Bank) -> None:
    toy_bank(bank)
    add_labels(bank, "lump", {f"v{i}": str(int(i % 4 == 1)) for i in range(60)})
    sweep_all(bank, ["bleed", "lump"], NORMAL, [3], 2, protocol=NORMALS, choice=FeatureChoice((VOLUME.name,)))
    rows = bank.sql("SELECT finding, metric, value, reason FROM metrics").to_pylist()
    assert {row["finding"] for row in rows} == {"bleed", "lump", MACRO, MICRO}
    for row in rows:
        if row["metric"] in ("brier", "ece"):
            assert row["value"] is None
            assert row["reason"]
        elif row["metric"] != "threshold":
            assert 0 <= row["value"] <= 1, row
    assert {row["reason"] for row in rows if (row["finding"], row["metric"]) == ("bleed", "ece")} == {
        "no probabilities: the head gives none"
    }


def test_they_stand_in_comparisons_and_in_the_report(bank: Bank) -> None:
    toy_bank(bank)
    choice = FeatureChoice((VOLUME.name,))
    sweep_all(bank, ["bleed"], NORMAL, [1, 5], 3, protocol=NORMALS, choice=choice)
    alone = report(bank)
    assert "mahalanobis" in alone
    sweep(bank, "bleed", ["cosine"], [1, 5], 3, choice=choice)
    found = compare_methods(bank, "mahalanobis", "cosine", metrics=("auroc", "brier"))
    assert [(one.shots, one.difference.metric) for one in found] == [(1, "auroc"), (1, "brier"), (5, "auroc"), (5, "brier")]
    assert found[2].difference.value is not None
    assert "no probabilities" in found[3].difference.reason
    page = report(bank)
    assert all(f"{head}, {VOLUME.name}" in page for head in ("knn_normal", "cosine"))


def test_heads_that_need_both_classes_are_refused(bank: Bank) -> None:
    toy_bank(bank)
    told = (
        r"^head 'linear' needs both classes, and these draws are of normals alone; choose of knn_normal, mahalanobis, centroid_normal, or"
    )
    with pytest.raises(UsageError, match=told):
        sweep_all(bank, ["bleed"], ["linear", "knn_normal"], [1], protocol=NORMALS)
    with pytest.raises(UsageError, match=r"^heads linear, mean_probability need both classes"):
        sweep_all(bank, ["bleed"], ["linear", "mean_probability"], [1], protocol=NORMALS)
    with pytest.raises(UnknownNameError, match="support 'normal' is unknown; did you mean 'normals'"):
        Protocol(support="normal")  # pyright: ignore[reportArgumentType]
