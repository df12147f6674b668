"""The parts of a variance: by hand, and found again in numbers that were made of known parts."""

from __future__ import annotations

import numpy as np
import pytest

from scanbank.eval.variance import Components, components, replicated


def test_by_hand() -> None:
    """Values 1, 2, 3 of variance 1; deviations that vary by 0.1 each take (0.3 / 2) off."""
    found = components(np.array([1.0, 2.0, 3.0]), 0.5, np.array([0.1, 0.1, 0.1]))
    assert found.support == pytest.approx(0.85)
    assert found.total == pytest.approx(0.85 / 3 + 0.5)
    assert found.error == pytest.approx(np.sqrt(found.total))
    # Satterthwaite: 2 degrees for the draws, 10 for the patients
    assert found.degrees(10) == pytest.approx(found.total**2 / ((0.85 / 3) ** 2 / 2 + 0.5**2 / 10))
    assert components(np.array([1.0, 1.0]), 0.5, np.array([0.1, 0.1])).support == 0


def test_a_single_draw_says_nothing_of_draws() -> None:
    found = components(np.array([1.0]), 0.5, np.array([0.0]))
    assert np.isnan(found.support)
    assert (found.total, found.degrees(7)) == (0.5, 7)
    assert isinstance(found, Components)


def test_parts_are_found_again() -> None:
    """Value of draw r on sample t: a_r + b_t + c_rt with deviations 2, 1 and 1/2, of which a replicate has another b and c."""
    rng = np.random.default_rng(0)
    shape = (200, 8)  # experiments, draws
    parts = []
    for draw in rng.normal(0, 2, shape):
        values = draw + rng.normal() + rng.normal(0, 0.5, shape[1])
        again = values[:, None] + rng.normal(size=200) + rng.normal(0, 0.5, (shape[1], 200))
        parts.append(replicated(values, again))
    assert np.mean([one.support for one in parts]) == pytest.approx(4, rel=0.1)
    assert np.mean([one.test for one in parts]) == pytest.approx(1 + 0.25 / 8, rel=0.05)
    assert np.mean([one.total for one in parts]) == pytest.approx(4 / 8 + 1 + 0.25 / 8, rel=0.05)
