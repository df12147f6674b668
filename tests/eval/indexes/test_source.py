"""What is put into an index: items that are there, pooled where they are slices."""

from __future__ import annotations

import numpy as np
import pytest

from scanbank.eval.indexes.source import MEAN, poolings, source_of
from scanbank.eval.indexes.vectors import unit
from scanbank.store import Bank
from search_banks import Fixed, catalog, f32, put

ENCODER = Fixed(f32([1, 0]))


def test_slices_as_they_are_and_their_volumes(bank: Bank) -> None:
    first, second, third = catalog(bank, range(3), slices=2).tolist()
    vectors = f32([[2, 0], [0, 2], [1, 0], [3, 4], [9, 9], [0, 1]])
    items = np.array([first + 1, first + 2, third + 2, third + 1, 10**6, second + 1])
    put(bank, ENCODER, "slice", vectors, items)
    (features,) = bank.feature_sets
    assert poolings(features) == ("", MEAN)
    pooled = source_of(bank, features, MEAN)
    assert pooled.items.tolist() == [first, third]  # of the second one slice has no vector
    assert pooled.name == f"{features.name}/mean"
    np.testing.assert_allclose(np.concatenate(list(pooled.read(np.ones(2, bool)))), unit(f32([[1, 1], [4, 4]])), atol=1e-7)
    np.testing.assert_allclose(np.concatenate(list(pooled.read(np.array([False, True])))), unit(f32([[4, 4]])), atol=1e-7)
    plain = source_of(bank, features, "")
    assert plain.items.tolist() == items[[0, 1, 2, 3, 5]].tolist()  # there is no slice of ordinal 10**6
    chosen = np.array([False, True, False, True, True])
    np.testing.assert_allclose(np.concatenate(list(plain.read(chosen))), unit(vectors[[1, 3, 5]]), atol=1e-7)


def test_of_an_item_that_comes_twice_the_first_vector_counts(bank: Bank) -> None:
    ordinals = catalog(bank, range(2))
    put(bank, ENCODER, "volume", f32([[1, 0], [0, 1]]), ordinals)
    put(bank, ENCODER, "volume", f32([[1, 1]]), ordinals[:1])
    source = source_of(bank, bank.feature_sets[0], "")
    assert source.items.tolist() == ordinals.tolist()
    np.testing.assert_array_equal(np.concatenate(list(source.read(np.ones(2, bool)))), f32([[1, 0], [0, 1]]))


@pytest.mark.parametrize("rows", [1, 8191, 8193, 20_000])
def test_blocks_are_read_whole(bank: Bank, rows: int) -> None:
    vectors = np.random.default_rng(0).standard_normal((rows, 2)).astype(np.float32)
    put(bank, ENCODER, "text", vectors, np.arange(rows))
    source = source_of(bank, bank.feature_sets[0], "")
    np.testing.assert_array_equal(np.concatenate(list(source.read(np.ones(rows, bool)))), unit(vectors))
    every = np.arange(rows) % 3 == 0
    np.testing.assert_array_equal(np.concatenate(list(source.read(every))), unit(vectors[every]))
