"""Scores of encoders on few studies, by hand, and differences on the same draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scanbank.scripts.tiny.measured import Measured, by_finding, cell, differences, error_mm, recall5, reciprocal, table, zero_shot

OF = Measured(
    "first",
    ranks=np.array([1, 2, 4, 10]),
    margins=np.array([[0.4, 0.1], [0.3, 0.2], [0.2, 0.3], [0.1, 0.4]]),
    labels=np.array([[1, 0], [0, 0], [1, 1], [0, 0]]),
    apart_mm=np.array([3.0, 5.0, 10.0]),
    middle_mm=np.array([20.0, 30.0, 40.0]),
    patients=np.array(["a", "a", "b", "c"]),
    speakers=np.array(["a", "b", "b"]),
)


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanbank.scripts.tiny.draws.DRAWS", 40)


EVERY, SENTENCES = np.arange(4), np.arange(3)


def test_scores_by_hand() -> None:
    assert recall5(OF, EVERY, SENTENCES) == 0.75
    assert reciprocal(OF, EVERY, SENTENCES) == pytest.approx((1 + 1 / 2 + 1 / 4 + 1 / 10) / 4)
    assert zero_shot(OF, EVERY, SENTENCES) == pytest.approx((3 / 4 + 2 / 3) / 2)
    assert error_mm(OF, EVERY, SENTENCES) == 6.0


def test_a_difference_is_taken_on_the_same_draws() -> None:
    """Always 2 mm less: whatever is drawn, the interval has no width."""
    nearer = replace(OF, name="second", apart_mm=OF.apart_mm - 2)
    line = differences([nearer], OF).splitlines()[-1]
    assert line.startswith("| second | 0.000 (0.000 to 0.000) |")
    assert line.endswith("| -2.00 (-2.00 to -2.00) |")


def test_intervals_hold_the_number_and_patients_stay_together() -> None:
    """Of draws of patients a, b, c: the second study of a is never there without its first."""
    seen: set[tuple[int, int]] = set()

    def score(studies: np.ndarray, _: np.ndarray) -> float:
        seen.add((int((studies == 0).sum()), int((studies == 1).sum())))
        return float((OF.ranks[studies] <= 5).mean())

    assert cell(score, OF).startswith("0.75 (")
    assert all(first == second for first, second in seen)


def test_tables_have_a_line_each() -> None:
    assert table([OF, OF]).count("| first |") == 2
    lines = by_finding([OF], ["pleural_effusion", "nodule"]).splitlines()
    assert lines[2].startswith("| pleural effusion | 2 | 0.75 (")
