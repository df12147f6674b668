from __future__ import annotations

import numpy as np
import pytest

from scanbank.eval.retrieval.measures import Patients, chance, measures
from scanbank.eval.retrieval.ranking import Ranks

PATIENTS = np.array([f"p{n // 2}" for n in range(20)])


def ranks(own: list[int], alike: list[int] | None = None, ap: float = np.nan) -> Ranks:
    graded = np.full(len(own), ap)
    graded[:2] = np.nan
    return Ranks(np.array(own), np.array(alike or own), graded, graded)


def test_values_by_hand() -> None:
    own = [1, 1, 2, 4, 5, 6, 10, 11, *range(12, 24)]
    found = {one.name: one for one in measures(ranks(own, [1] * 20, ap=0.5), Patients(PATIENTS))}
    assert found["recall_at_1"].value == 2 / 20
    assert found["recall_at_5"].value == 5 / 20
    assert found["recall_at_10"].value == 7 / 20
    assert found["median_rank"].value == 13.5
    assert found["mrr"].value == pytest.approx(np.mean([1 / rank for rank in own]))
    assert found["recall_at_1_duplicates"].value == 1.0
    assert found["map"].value == 0.5
    for name in ("recall_at_10", "mrr", "median_rank", "map"):
        one = found[name]
        assert one.lo is not None
        assert one.hi is not None
        assert one.value is not None
        assert one.lo <= one.value <= one.hi
    # a pool of 20 holds the right one among 50 whatever the order
    assert found["recall_at_50"].value is None
    assert "pool of 20" in found["recall_at_50"].reason


def test_without_findings_there_is_a_reason_and_of_one_patient_no_interval() -> None:
    found = {one.name: one for one in measures(ranks([1, 2, 3]), Patients(np.array(["p", "p", "p"])))}
    assert (found["map"].value, found["ndcg"].value) == (None, None)
    assert "no query has a finding" in found["map"].reason
    assert (found["recall_at_1"].value, found["recall_at_1"].lo) == (pytest.approx(1 / 3), None)
    assert (found["median_rank"].value, found["median_rank"].lo) == (2.0, None)


def test_a_share_of_one_has_wilsons_interval_by_patients() -> None:
    found = {one.name: one for one in measures(ranks([1] * 20), Patients(PATIENTS))}
    one = found["recall_at_1"]
    assert (one.value, one.hi) == (1.0, 1.0)
    assert one.lo == pytest.approx(1 - 1.959964**2 / (10 + 1.959964**2))


def test_intervals_are_wider_where_a_patients_queries_go_together() -> None:
    rng = np.random.default_rng(0)
    own = np.where(np.repeat(rng.random(50) < 0.5, 4), 1, 100)
    together = {one.name: one for one in measures(ranks(own.tolist()), Patients(np.repeat(np.arange(50).astype(str), 4)))}
    apart = {one.name: one for one in measures(ranks(own.tolist()), Patients(np.arange(200).astype(str)))}

    def width(found: dict, name: str = "recall_at_10") -> float:
        return found[name].hi - found[name].lo

    assert width(together) == pytest.approx(2 * width(apart), rel=0.15)


def test_the_median_of_each_draw_is_numpys(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    own, patients = rng.integers(1, 50, size=20), PATIENTS
    from scanbank.eval.replicates import drawn
    from scanbank.eval.retrieval import measures as module

    monkeypatch.setattr(module, "_ROWS", 60)  # a few draws at a time
    found = {one.name: one for one in measures(ranks(own.tolist()), Patients(patients, draws=99))}
    _, codes = np.unique(patients, return_inverse=True)
    medians = [np.median(np.repeat(own, times.astype(int)[codes])) for times in drawn(10, 99, 0)]
    lo, hi = np.quantile(medians, [0.025, 0.975], method="inverted_cdf")
    assert (found["median_rank"].lo, found["median_rank"].hi) == (lo, hi)


def test_chance_is_the_mean_over_random_orders() -> None:
    found = chance(20)
    ranks_of = np.arange(1, 21)
    assert found["recall_at_5"] == np.mean(ranks_of <= 5)
    assert found["median_rank"] == np.median(ranks_of)
    assert found["mrr"] == pytest.approx(np.mean(1 / ranks_of))
    assert "recall_at_50" not in found
