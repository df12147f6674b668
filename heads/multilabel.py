"""Several findings at once: one binary head for each column of labels, learned from the rows whose label is known."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..store.errors import UsageError
from .vectors import Floats, Ints

UNKNOWN = -1
"""What a label that nobody knows may be written as, beside NaN, where labels are whole numbers."""


def is_multilabel(y: ArrayLike) -> bool:
    """Whether labels have a column for each of several findings. One column is what scikit-learn makes of it: labels in a wrong shape."""
    shape = np.asarray(cast("Any", y)).shape
    return len(shape) == 2 and shape[1] > 1


def known_labels(y: ArrayLike, rows: int) -> Floats:
    """(N, F) of 0, 1 and NaN, from labels (N, F) of which unknown ones are NaN or -1.

    Raises:
        ValueError: there is not a row of labels for each row of features, or a label is another.
    """
    given = np.asarray(cast("Any", y))
    try:
        labels = given.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"labels of several findings are {given.dtype}; 0, 1 and NaN (or -1, unknown) are wanted") from error
    if len(labels) != rows:
        raise ValueError(f"labels are of {len(labels)} rows and features of {rows}; one row of labels a row of features is wanted")
    labels = np.where(labels == UNKNOWN, np.nan, labels)
    wrong = ~(np.isnan(labels) | (labels == 0) | (labels == 1))
    if wrong.any():
        row, column = np.argwhere(wrong)[0].tolist()
        found = labels[row, column]
        raise ValueError(f"label {found:g} of row {row}, column {column}; 0, 1 and NaN (or -1, unknown) are wanted of several findings")
    return labels


def known_rows(labels: Floats, column: int, name: str) -> tuple[Ints, Ints]:
    """Numbers (n,) of the rows whose label in a column of `labels` (N, F) is known, and those labels (n,), for a head of that name.

    Raises:
        UsageError: they are none, or of one class.
    """
    rows = np.flatnonzero(~np.isnan(labels[:, column]))
    y = labels[rows, column].astype(np.int64)
    ones = int(y.sum())
    if not 0 < ones < len(y):
        raise UsageError(
            f"{name} needs both classes; column {column} of the labels has {len(y) - ones} absent, {ones} present and "
            f"{len(labels) - len(y)} unknown"
        )
    return rows, y


def side_by_side(values: list[NDArray[Any]]) -> NDArray[Any]:
    """(N, F) from F times (N,)."""
    return np.stack(values, axis=1)
