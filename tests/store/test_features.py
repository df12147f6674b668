from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scanbank.store import Bank, EncoderSpec, FeatureKey, ViewSpec, Window
from scanbank.store.errors import BankDamagedError, UnknownNameError, UsageError
from scanbank.store.features import CHUNK_ROWS

KEY = FeatureKey("slice", EncoderSpec("intensity", "1", 16), ViewSpec((Window(0, 80),)))


def put(bank: Bank, key: FeatureKey, vectors: np.ndarray, items: np.ndarray) -> None:
    with bank.commit("put") as commit:
        commit.append_features(key, vectors, items)
    bank.refresh()


def test_appends_across_chunk_borders_keep_order(bank: Bank) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((3 * CHUNK_ROWS + 7, 16)).astype(np.float32)
    items = rng.permutation(len(vectors)).astype(np.int64)
    for start, stop in ((0, 1000), (1000, 1024), (1024, 3000), (3000, len(vectors))):
        put(bank, KEY, vectors[start:stop], items[start:stop])
    held = bank.features(KEY.name)
    np.testing.assert_array_equal(held.vectors(), vectors)
    np.testing.assert_array_equal(held.items(), items)
    np.testing.assert_array_equal(held.vectors(1020, 1030), vectors[1020:1030])
    assert (held.rows, held.dim, held.dtype, held.key) == (len(vectors), 16, "float32", KEY)
    wanted = np.array([5, 3000, 0])
    np.testing.assert_array_equal(held.of(wanted), vectors[[int(np.flatnonzero(items == w)[0]) for w in wanted]])


def test_missing_items_are_counted(bank: Bank) -> None:
    put(bank, KEY, np.ones((2, 16), dtype=np.float32), np.array([1, 2]))
    with pytest.raises(UsageError, match="no vector for 2 of 3 items"):
        bank.features(KEY.name).of(np.array([1, 7, 0]))
    assert bank.features(KEY.name).of(np.array([], dtype=np.int64)).shape == (0, 16)


@pytest.mark.parametrize(
    ("vectors", "items", "words"),
    [
        (np.ones((2, 15)), [0, 1], r"expected \(2, 16\)"),
        (np.ones((2, 16)), [0], r"expected \(1, 16\)"),
        (np.full((1, 16), np.nan), [0], "not finite"),
        (np.full((1, 16), np.inf), [0], "not finite"),
        (np.ones((2, 16)), [3, 3], "twice"),
    ],
)
def test_what_does_not_fit_is_refused(bank: Bank, vectors: np.ndarray, items: list[int], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        put(bank, KEY, vectors.astype(np.float32), np.array(items))
    bank.refresh()
    assert bank.feature_sets == []


def test_a_flipped_byte_is_noticed(bank: Bank) -> None:
    put(bank, KEY, np.random.default_rng(0).standard_normal((1024, 16)).astype(np.float32), np.arange(1024))
    largest = max((bank.path / "features" / "chunks").iterdir(), key=lambda p: p.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 1
    largest.write_bytes(data)
    with pytest.raises(BankDamagedError, match=r"damaged.*checksum"):
        Bank.open(bank.path).features(KEY.name).vectors()


def test_a_missing_file_of_vectors_is_one_line(bank: Bank) -> None:
    put(bank, KEY, np.ones((1024, 16), dtype=np.float32), np.arange(1024))
    for path in (bank.path / "features" / "chunks").iterdir():
        path.unlink()
    with pytest.raises(BankDamagedError, match=r"'intensity/brain/slice': a file of 'vector' is missing or damaged; restore") as caught:
        Bank.open(bank.path).features(KEY.name).vectors()
    assert "\n" not in str(caught.value)


def test_unknown_set_suggests_the_nearest(bank: Bank, tmp_path: Path) -> None:
    put(bank, KEY, np.ones((1, 16), dtype=np.float32), np.array([0]))
    with pytest.raises(UnknownNameError, match="did you mean 'intensity/brain/slice'"):
        bank.features("intensity/brian/slice")
    assert bank.features(KEY.digest[:10]).name == KEY.name


def test_float16_is_kept(bank: Bank) -> None:
    key = FeatureKey("slice", EncoderSpec("half", "1", 16, precision="float16"), ViewSpec())
    put(bank, key, np.full((1, 16), 0.1, dtype=np.float32), np.array([0]))
    assert bank.features(key.name).vectors().dtype == np.float16
