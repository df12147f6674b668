from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanbank.heads import Bags, bags
from scanbank.heads.bags import log_means, sub_bags, sums, windows
from scanbank.store.errors import UsageError

SIZES = st.lists(st.integers(1, 6), min_size=1, max_size=7)


def counted(sizes: list[int]) -> Bags:
    """Vectors that are the number of their row."""
    starts = np.concatenate([[0], np.cumsum(sizes)])
    return Bags(np.arange(starts[-1], dtype=np.float64)[:, None], starts)


def test_bags_are_runs_of_rows() -> None:
    some = counted([2, 0, 3])
    assert (len(some), some.width, some.sizes.tolist(), some.owner.tolist()) == (3, 1, [2, 0, 3], [0, 0, 2, 2, 2])
    taken = some.of(np.array([2, 0, 2]))
    assert taken.X[:, 0].tolist() == [2, 3, 4, 0, 1, 2, 3, 4]
    assert taken.starts.tolist() == [0, 3, 5, 8]
    assert some.of(np.array([False, False, True])).X[:, 0].tolist() == [2, 3, 4]
    assert len(some.of(np.array([], dtype=np.int64))) == 0


def test_of_rows_and_arrays() -> None:
    X = np.arange(12.0).reshape(2, 3, 2)
    equal = Bags.of_equal(X)
    assert equal.starts.tolist() == [0, 3, 6]
    assert np.array_equal(equal.of(np.array([1])).X, X[1])
    assert Bags.of_rows(X[0]).sizes.tolist() == [1, 1, 1]


@given(SIZES, st.integers(1, 7), st.integers(0, 99))
def test_sub_bags_are_runs_of_neighbours(sizes: list[int], length: int, seed: int) -> None:
    whole = counted(sizes)
    part = sub_bags(whole, length, np.random.default_rng(seed))
    assert part.sizes.tolist() == [min(size, length) for size in sizes]
    for row in range(len(sizes)):
        run = part.of(np.array([row])).X[:, 0]
        assert (np.diff(run) == 1).all()
        assert whole.starts[row] <= run[0] <= run[-1] < whole.starts[row + 1]


def test_sub_bags_reach_every_place() -> None:
    places = {tuple(sub_bags(counted([4]), 2, np.random.default_rng(seed)).X[:, 0]) for seed in range(60)}
    assert places == {(0, 1), (1, 2), (2, 3)}


@given(SIZES, st.integers(1, 7))
def test_windows_hold_every_vector_once(sizes: list[int], length: int) -> None:
    whole = counted(sizes)
    cut, of = windows(whole, length)
    assert np.array_equal(cut.X, whole.X)
    assert np.array_equal(of[cut.owner], whole.owner)
    assert cut.sizes.max() <= length
    assert len(cut) == sum(-(-size // length) for size in sizes)


@given(SIZES)
def test_sums_and_means_by_bag(sizes: list[int]) -> None:
    some = counted(sizes)
    values = np.random.default_rng(0).normal(size=(len(some.X), 2)) * 400
    parts = np.split(values, some.starts[1:-1])
    assert sums(values, some.starts) == pytest.approx(np.array([part.sum(axis=0) for part in parts]))
    expected = [np.logaddexp.reduce(part, axis=0) - np.log(len(part)) for part in parts]
    assert log_means(values, some.starts) == pytest.approx(np.array(expected))


def test_blocks_are_all_vectors_in_double(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bags, "BLOCK", 4)
    some = Bags(np.arange(9, dtype=np.float16)[:, None], np.array([0, 9]))
    seen = list(some.blocks())
    assert [place for place, _ in seen] == [slice(0, 4), slice(4, 8), slice(8, 9)]
    assert np.concatenate([block for _, block in seen]).dtype == np.float64
    assert np.concatenate([block for _, block in seen])[:, 0].tolist() == list(range(9))


@pytest.mark.parametrize(
    ("X", "starts", "message"),
    [
        (np.zeros(3), [0, 3], r"float64 of shape \(3,\)"),
        (np.zeros((3, 2), dtype=np.int64), [0, 3], r"int64 of shape \(3, 2\)"),
        (np.zeros((3, 2)), [0, 2], "rise from 0 to 3"),
        (np.zeros((3, 2)), [1, 3], "rise from 0 to 3"),
        (np.zeros((3, 2)), [0, 2, 1, 3], "rise from 0 to 3"),
        (np.zeros((3, 2)), [0.0, 3.0], "starts of bags are float64"),
        (np.zeros((3, 2)), [], "rise from 0 to 3"),
    ],
)
def test_what_are_no_bags(X: np.ndarray, starts: list[float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Bags(X, np.array(starts))
