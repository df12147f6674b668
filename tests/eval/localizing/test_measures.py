from __future__ import annotations

import numpy as np
import pytest

from scanbank.eval.localizing.measures import hits_of, measures


def test_means_by_snippet_and_by_scan() -> None:
    errors = np.array([0.0, 6.0, 12.0, 30.0])
    scans, patients = np.array([1, 1, 1, 2]), np.array(["a", "a", "a", "b"])
    found = {one.name: one for one in measures(errors, hits_of(errors), scans, patients)}
    assert found["mae_mm"].value == 12
    assert found["mae_scan_mm"].value == (6 + 30) / 2
    assert [found[f"hit_{mm}mm"].value for mm in (5, 10, 20)] == [0.25, 0.5, 0.75]
    for one in found.values():
        assert one.lo is not None
        assert one.hi is not None
        assert 0 <= one.lo <= one.value <= one.hi


def test_edges() -> None:
    nothing = np.zeros(6)
    found = {one.name: one for one in measures(nothing, hits_of(nothing), np.arange(6), np.array(list("abcdef")))}
    assert (found["mae_mm"].lo, found["mae_mm"].hi) == (0, 0)
    assert (found["hit_5mm"].value, found["hit_5mm"].hi) == (1, 1)
    assert found["hit_5mm"].lo == pytest.approx(1 - 1.959964**2 / (6 + 1.959964**2))
    alone = measures(nothing, hits_of(nothing), np.arange(6), np.array(["a"] * 6))
    assert all(one.lo is None and one.hi is None for one in alone)


def test_an_interval_of_a_mean_is_that_of_a_large_sample() -> None:
    errors = np.random.default_rng(0).gamma(4.0, 5.0, size=400)
    (mae, *_) = measures(errors, hits_of(errors), np.arange(400), np.arange(400).astype(str))
    assert mae.lo is not None
    assert mae.hi is not None
    half = 1.966 * errors.std(ddof=1) / 20
    assert mae.hi - mae.lo == pytest.approx(2 * half, rel=0.1)
