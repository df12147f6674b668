"""What is fitted gets the validation side and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from scanbank.eval.splits import Split
from scanbank.eval.validation import Validation, Validations
from scanbank.store.errors import UsageError
from validation_sides import units_of, validation_of

SPLIT = Split("patients-0", np.array(["train", "val", "val", "test", "val", "", "test"]))
UNITS = units_of([0, 1, 0, 1, 1, 0, 1])


def test_labels_are_those_of_the_units() -> None:
    side = Validation(UNITS, SPLIT, SPLIT.side("val"), np.array([0.5, 0.1, 0.9]))
    assert side.y.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([3, 6], r"these 2 volumes split 'patients-0' has 2 on side 'test'; give the rows of split.side\('val'\)"),
        ([1, 2, 3], "1 on side 'test'"),
        ([0, 1, 2, 5], "1 on no side, 1 on side 'train'"),
        ([1, 1, 2], "each once"),
        ([1, 4], "tells nothing of 'nodule': one class only: 2 of 2 are positive"),
        ([], "no items"),
    ],
)
def test_other_rows_are_refused(rows: list[int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Validation(UNITS, SPLIT, np.array(rows, dtype=np.int64), np.arange(len(rows), dtype=np.float64))


def test_several_fits_are_held_to_the_same() -> None:
    rows = SPLIT.side("val")
    side = Validations(UNITS, SPLIT, rows, np.array([[0.5, 0.1, 0.9], [1.0, 2.0, 3.0]]))
    assert side.y.tolist() == [1, 0, 1]
    with pytest.raises(UsageError, match="1 on side 'test'"):
        Validations(UNITS, SPLIT, np.array([1, 2, 3]), np.zeros((2, 3)))
    with pytest.raises(UsageError, match="as many scores"):
        Validations(UNITS, SPLIT, rows, np.zeros(3))
    with pytest.raises(UsageError, match="1 of 6 scores are NaN"):
        Validations(UNITS, SPLIT, rows, np.array([[0.5, 0.1, 0.9], [1.0, np.nan, 3.0]]))


def test_scores_must_fit() -> None:
    with pytest.raises(UsageError, match="as many scores"):
        Validation(UNITS, SPLIT, SPLIT.side("val"), np.zeros(7))
    with pytest.raises(UsageError, match="1 of 2 scores are NaN"):
        validation_of([0, 1], [np.nan, 1.0])
    with pytest.raises(UsageError, match="tells the sides of 7 units; there are 2"):
        Validation(units_of([0, 1]), SPLIT, np.array([1]), np.zeros(1))
