"""Reciprocal ranks by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanbank.eval.rank_fusion import fused


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_scores_are_sums_of_reciprocal_ranks() -> None:
    groups, scores = fused([ints(7, 3, 5), ints(3, 9)])
    assert groups.tolist() == [3, 7, 9, 5]
    np.testing.assert_allclose(scores, [1 / 62 + 1 / 61, 1 / 61, 1 / 62, 1 / 63])


@pytest.mark.parametrize(("rankings", "expected"), [([[1, 2], [2, 1]], [1, 2]), ([[2, 1], [1, 2]], [2, 1]), ([[4], [3], [2]], [4, 3, 2])])
def test_of_equal_scores_the_first_ranking_counts(rankings: list[list[int]], expected: list[int]) -> None:
    assert fused([ints(*one) for one in rankings])[0].tolist() == expected


@given(st.lists(st.lists(st.integers(0, 30), unique=True, max_size=20), max_size=4))
def test_every_group_comes_once_by_falling_score(rankings: list[list[int]]) -> None:
    groups, scores = fused([ints(*one) for one in rankings])
    assert sorted(groups.tolist()) == sorted({group for one in rankings for group in one})
    assert (np.diff(scores) <= 0).all()
    for group, score in zip(groups.tolist(), scores.tolist(), strict=True):
        assert score == pytest.approx(sum(1 / (61 + one.index(group)) for one in rankings if group in one))
