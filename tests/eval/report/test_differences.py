from __future__ import annotations

import math
from typing import Any

import pytest

from scanbank.eval.report.charts_forest import forest_chart
from scanbank.eval.report.differences import difference_table, effects, pair

ROW: dict[str, Any] = {
    "first": "linear:a/brain/volume", "second": "knn:a/brain/volume", "shots": 5, "metric": "auroc", "method": "DeLong", "first_value": 0.9,
    "second_value": 0.8, "difference": 0.1, "lo": 0.02, "hi": 0.18, "p": 0.01, "p_holm": 0.02, "reason": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        ("linear:a/w/volume", "knn:a/w/volume", "linear − knn, a/w/volume"),
        ("linear:a/w/volume", "linear:b/w/volume", "linear: a/w/volume − b/w/volume"),
        ("linear:a/w/volume", "knn:b/w/volume", "linear:a/w/volume − knn:b/w/volume"),
        (f"linear:{'a' * 40}/w", f"knn:{'a' * 40}/w", f"linear − knn,\n{'a' * 40}/w"),
    ],
)
def test_what_two_methods_share_is_named_once(first: str, second: str, shown: str) -> None:
    assert pair(first, second) == shown


def test_effects_are_of_one_metric_and_have_a_value() -> None:
    rows = [ROW, ROW | {"metric": "ap"}, ROW | {"difference": None}, ROW | {"shots": None, "lo": None, "hi": None, "p_holm": None}]
    one, bare = effects(rows, "auroc")
    assert (one.label, one.told, one.clear) == ("linear − knn, a/brain/volume, 5 shots", "+0.100 (+0.020, +0.180)   p = 0.020", True)
    assert (bare.label, bare.told, bare.clear) == ("linear − knn, a/brain/volume, all", "+0.100", False)
    assert math.isnan(bare.lo)
    assert "linear − knn, a/brain/volume, 5 shots" in forest_chart([one, bare], "AUROC")


def test_the_table_says_why_there_is_no_difference() -> None:
    table = difference_table([ROW | {"difference": None, "p": None, "p_holm": None, "reason": "one class"}, ROW | {"p": 0.0001}])
    assert [cell.text for cell in table.rows[0].cells] == ["0.900", "0.800", "–", "–", "–", "DeLong"]
    assert table.reasons == ["one class"]
    assert [cell.text for cell in table.rows[1].cells] == ["0.900", "0.800", "+0.100", "< 0.001", "0.020", "DeLong"]
