"""The best of each group against sorting everything."""

from __future__ import annotations

import numpy as np
import pytest

from scanbank.eval.best_of_groups import BestOfGroups
from scanbank.eval.cosines import cosines


@pytest.mark.parametrize("seed", range(5))
def test_streaming_gives_what_sorting_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups, scores = rng.integers(0, 40, 600), rng.integers(0, 12, 600).astype(np.float32)  # many ties
    items = rng.permutation(600)
    best = BestOfGroups(50)
    for part in np.array_split(rng.permutation(600), 7):
        best.add(groups[part], scores[part], items[part])
    expected: dict[int, tuple[float, int]] = {}
    for group, score, item in zip(groups.tolist(), scores.tolist(), items.tolist(), strict=True):
        expected[group] = min(expected.get(group, (1.0, 0)), (-score, item))
    order = sorted(expected, key=lambda group: expected[group])
    found, of, values = best.ranked(1000)
    assert found.tolist() == order
    assert [(-value, item) for value, item in zip(values.tolist(), of.tolist(), strict=True)] == [expected[group] for group in order]
    assert best.ranked(3)[0].tolist() == order[:3]


def test_nothing_is_ranked_where_nothing_came() -> None:
    best = BestOfGroups(3)
    best.add(np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64))
    assert [len(part) for part in best.ranked(5)] == [0, 0, 0]


def test_equal_vectors_are_equally_near_wherever_they_stand() -> None:
    rng = np.random.default_rng(0)
    vectors = np.repeat(rng.normal(size=(1, 77)).astype(np.float32), 1003, axis=0)
    query = rng.normal(size=77).astype(np.float32)
    query /= np.linalg.norm(query)
    found = cosines(vectors, query)
    assert len(set(found.tolist())) == 1
    assert found[0] == pytest.approx(float(vectors[0] @ query / np.linalg.norm(vectors[0])), abs=1e-6)
    assert cosines(np.zeros((2, 77)), query).tolist() == [0, 0]
