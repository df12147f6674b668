"""Holm's correction: a table worked by hand, and what defines it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanbank.eval.holm import holm
from scanbank.store.errors import UsageError


def test_by_hand() -> None:
    """Sorted 0.005, 0.01, 0.03, 0.04: times 4, 3, 2, 1 are 0.02, 0.03, 0.06, 0.04, and the last may not be below the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    np.testing.assert_array_equal(holm([np.nan, 0.02, 0.01]), [np.nan, 0.02, 0.02])
    assert holm([]).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_what_is_rejected_step_by_step_has_an_adjusted_p_below_the_level(p: list[float]) -> None:
    adjusted, level = holm(p), 0.05
    rejected = np.zeros(len(p), dtype=bool)
    for step, row in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        if p[row] * (len(p) - step) > level:
            break
        rejected[row] = True
    assert (adjusted <= level).tolist() == rejected.tolist()
    assert (adjusted >= p).all()


@pytest.mark.parametrize("p", [[1.5], [-0.1], [np.inf], [[0.1]]])
def test_bad_input(p: list) -> None:
    with pytest.raises(UsageError, match=r"one row of numbers in \[0, 1\]"):
        holm(p)
