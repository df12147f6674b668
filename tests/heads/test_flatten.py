from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from bag_cohorts import shifted
from scanbank.heads import Bags, FlattenHead
from scanbank.heads.flatten import flattened, nearest_places


@pytest.mark.parametrize(
    ("size", "slices", "expected"),
    [(4, 4, [0, 1, 2, 3]), (8, 4, [1, 3, 5, 7]), (9, 3, [1, 4, 7]), (2, 4, [0, 0, 1, 1]), (1, 3, [0, 0, 0]), (5, 1, [2])],
)
def test_slices_nearest_to_the_middles_of_equal_parts(size: int, slices: int, expected: list[int]) -> None:
    assert nearest_places(np.array([size]), slices).tolist() == [expected]


def test_slices_stand_side_by_side() -> None:
    bags = Bags(np.array([[3.0, 4.0], [0.0, 2.0], [5.0, 0.0]]), np.array([0, 2, 3]))
    assert flattened(bags, 2) * np.sqrt(2) == pytest.approx(np.array([[0.6, 0.8, 0.0, 1.0], [1.0, 0.0, 1.0, 0.0]]))


def test_is_scikit_learns_on_the_long_vectors() -> None:
    cohort = shifted(40)
    rows = [start + (2 * np.arange(3) + 1) * size // 6 for start, size in zip(cohort.bags.starts, cohort.bags.sizes, strict=False)]
    long = np.stack([np.asarray(normalize(cohort.bags.X[three])).ravel() / np.sqrt(3) for three in rows])
    exact = LogisticRegression(C=7.0, solver="newton-cg", tol=1e-10, max_iter=1000).fit(long, cohort.y)
    found = FlattenHead(slices=3, C=7.0).fit(cohort.bags, cohort.y)
    assert found.predict_proba(cohort.bags) == pytest.approx(exact.predict_proba(long), abs=1e-6)


def test_parameters() -> None:
    cohort = shifted(4)
    with pytest.raises(ValueError, match="slices is 0; 1 or more are wanted"):
        FlattenHead(slices=0).fit(cohort.bags, cohort.y)
