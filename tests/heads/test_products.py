"""Values of one fit are the same to the bit, whichever fits stand beside it."""

from __future__ import annotations

import numpy as np
import pytest

from scanbank.heads.products import BLOCK, decision_values


@pytest.mark.parametrize("width", [1, 7, 512])
@pytest.mark.parametrize("items", [1, 5, 131])
def test_others_change_no_bit(width: int, items: int) -> None:
    random = np.random.default_rng(width)
    coefficients, intercepts = random.normal(size=(2 * BLOCK + 5, width)), random.normal(size=2 * BLOCK + 5)
    X = random.normal(size=(items, width))
    whole = decision_values(coefficients, intercepts, X)
    assert whole == pytest.approx(coefficients @ X.T + intercepts[:, None], abs=1e-11)
    order = random.permutation(len(coefficients))
    assert np.array_equal(decision_values(coefficients[order], intercepts[order], X), whole[order])
    for kept in ([3], [2 * BLOCK + 4], [0, 77, BLOCK]):
        assert np.array_equal(decision_values(coefficients[kept], intercepts[kept], X), whole[kept])
