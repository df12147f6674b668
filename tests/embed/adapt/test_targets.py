from __future__ import annotations

import numpy as np
import pytest

from scanbank.embed.adapt.targets import checked_targets, known_each
from scanbank.store.errors import UsageError

NAN = float("nan")


def test_known_labels_of_an_example() -> None:
    targets = checked_targets(np.array([[1, NAN], [0, 1], [NAN, 0]], np.float32), ("nodule", "effusion"))
    assert known_each(targets) == pytest.approx(4 / 3)


def test_one_class_is_refused_by_name() -> None:
    targets = np.array([[1, 0, 1], [0, 0, 1], [1, NAN, NAN]], np.float32)
    with pytest.raises(UsageError, match=r"3 training scans .* effusion \(0 present, 2 absent\), hernia \(2 present, 0 absent\)") as caught:
        checked_targets(targets, ("nodule", "effusion", "hernia"))
    assert "nodule" not in str(caught.value)


@pytest.mark.parametrize(
    ("targets", "says"),
    [
        (np.zeros((3, 2), np.float32), r"shape \(3, 2\); expected \(examples, 1\)"),
        (np.zeros(3, np.float32), r"shape \(3,\)"),
        (np.array([[0], [1], [2], [-1]], np.float32), r"go from -1.0 to 2.0"),
        (np.array([[NAN], [NAN]], np.float32), r"nodule \(0 present, 0 absent\)"),
    ],
)
def test_labels_of_another_form(targets: np.ndarray, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        checked_targets(targets, ("nodule",))
