"""Statuses as values."""

from __future__ import annotations

import numpy as np
import pytest

from scanbank.eval.label_policy import RANKED_STATUSES, LabelPolicy
from scanbank.store.errors import UnknownNameError


def test_statuses_become_values_by_the_policy() -> None:
    codes = np.array([RANKED_STATUSES.index(status) for status in ("present", "absent", "uncertain", "unmentioned")])
    assert LabelPolicy().values(codes).tolist() == [1, 0, -1, 0]
    assert LabelPolicy(uncertain="present", unmentioned="unknown").values(codes).tolist() == [1, 0, 1, -1]
    assert LabelPolicy(uncertain="absent", unmentioned="present").values(codes).tolist() == [1, 0, 0, 1]


def test_a_policy_of_another_word_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"what uncertain counts as 'missing' is unknown; choose one of: absent, present, unknown"):
        LabelPolicy(uncertain="missing")  # pyright: ignore[reportArgumentType]
    with pytest.raises(UnknownNameError, match="what unmentioned counts as"):
        LabelPolicy(unmentioned="0")  # pyright: ignore[reportArgumentType]
