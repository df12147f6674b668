from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanbank.store.errors import UsageError
from scanbank.store.slice_policy import check_policy, chosen_slices, needs_z


@pytest.mark.parametrize(
    ("policy", "count", "expected"),
    [
        ("source", 3, [0, 1, 2]),
        ("even:3", 9, [1, 4, 7]),
        ("even:4", 10, [1, 3, 6, 8]),
        ("even:5", 3, [0, 1, 2]),
        ("even:1", 8, [4]),
        ("middle:3", 9, [3, 4, 5]),
        ("middle:2", 5, [1, 2]),
        ("middle:9", 4, [0, 1, 2, 3]),
        ("trim", 150, list(range(150))),
        ("trim", 151, list(range(22, 129))),
        ("trim", 200, list(range(30, 170))),
    ],
)
def test_by_number(policy: str, count: int, expected: list[int]) -> None:
    assert chosen_slices(policy, count).tolist() == expected


def test_every_so_many_mm() -> None:
    positions = np.array([0.0, 1.0, 2.5, 3.0, 9.0, 10.0])
    # targets 0, 3, 6, 9: 6 is as near to 3 as to 9, and the lower goes first
    assert chosen_slices("every:3mm", 6, positions).tolist() == [0, 3, 4]
    assert chosen_slices("every:2.5mm", 6, positions).tolist() == [0, 2, 3, 4, 5]
    assert chosen_slices("every:100mm", 6, positions).tolist() == [0]
    assert chosen_slices("every:1mm", 1, positions[:1]).tolist() == [0]
    assert needs_z("every:3mm")
    assert not needs_z("even:3")
    for unknown in (None, np.full(6, np.nan), np.zeros(6)):
        with pytest.raises(UsageError, match="above each other"):
            chosen_slices("every:3mm", 6, unknown)


@given(st.sampled_from(["source", "trim", "even:7", "middle:12", "every:3.5mm"]), st.integers(1, 400), st.floats(0.2, 8))
def test_planes_are_in_order_and_none_comes_twice(policy: str, count: int, gap: float) -> None:
    found = chosen_slices(policy, count, np.arange(count, dtype=np.float64) * gap)
    assert len(found) >= 1
    assert (np.diff(found) > 0).all()
    assert 0 <= found[0] <= found[-1] < count


@pytest.mark.parametrize("policy", ["", "all", "even:0", "even:-1", "even:", "every:0mm", "every:5", "middle:x", "trim:3"])
def test_what_is_no_policy_is_refused_with_the_forms(policy: str) -> None:
    with pytest.raises(UsageError, match="even:32, middle:16 or every:5mm"):
        check_policy(policy)
