from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d

from scanbank.eval.localizing.points import apart_mm, fused, median_mm, middle_mm, peak_mm


def test_distances_by_hand() -> None:
    z = np.array([0.0, 10.0, 25.0, 40.0])
    assert apart_mm(z, [(10, 20), (35, 35)]).tolist() == [10, 0, 5, 5]


def test_peaks_and_equal_scores() -> None:
    z = np.array([0.0, 10.0, 20.0, 30.0, 40.0])
    assert peak_mm(np.array([0, 3, 1, 0, 2.0]), z) == 10
    assert peak_mm(np.zeros(5), z) == 20  # of a scorer that tells nothing, the middle
    assert peak_mm(np.array([1, 0, 0, 1, 0.0]), z) == 30


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(0, 1000))
def test_the_median_is_the_level_of_least_expected_distance(weights: list[int], seed: int) -> None:
    z = np.random.default_rng(seed).permutation(np.arange(len(weights)) * 7.0)
    p = np.array(weights) / sum(weights)
    expected = [(p * np.abs(z - at)).sum() for at in z]
    assert (p * np.abs(z - median_mm(p, z))).sum() == pytest.approx(min(expected))


def test_fusing_is_a_gaussian_filter_on_even_steps_and_knows_millimetres_on_others() -> None:
    scores = np.random.default_rng(0).normal(size=200)
    z = 2.0 * np.arange(200, dtype=np.float64)
    inner = slice(50, 150)  # where no end of the scan is near
    np.testing.assert_allclose(fused(scores, z, 8.0)[inner], gaussian_filter1d(scores, 4.0, truncate=12)[inner], atol=1e-9)
    np.testing.assert_allclose(fused(np.array([1.0, 3.0]), np.array([0.0, 1e6]), 5.0), [1.0, 3.0])
    np.testing.assert_allclose(fused(np.array([1.0, 3.0]), np.array([0.0, 0.0]), 5.0), [2.0, 2.0])


def test_the_middle_slice_is_that_of_the_extent_not_of_the_count() -> None:
    assert middle_mm(np.array([0.0, 1.0, 2.0, 3.0, 48.0, 100.0])) == 48
