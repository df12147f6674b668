from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.storage import MemoryStore

from scanbank.store import Bank, EncoderSpec, FeatureKey, ViewSpec, Window
from scanbank.store.errors import BankDamagedError, UnknownNameError, UsageError
from scanbank.store.feature_rows import FeatureRows, joined
from scanbank.store.features import CHUNK_ROWS, append, read_set
from scanbank.store.status import overview

KEY = FeatureKey("slice", EncoderSpec("intensity", "1", 16), ViewSpec((Window(0, 80),)))


def put(bank: Bank, key: FeatureKey, vectors: np.ndarray | FeatureRows, items: np.ndarray) -> None:
    with bank.commit("put") as commit:
        commit.append_features(key, vectors, items)
    bank.refresh()


def test_two_sets_of_one_name_are_told_by_their_digests(bank: Bank) -> None:
    other = FeatureKey("slice", EncoderSpec("intensity", "1", 16, weights="0" * 64), KEY.view)
    for key in (KEY, other):
        put(bank, key, np.zeros((1, 16), np.float32), np.arange(1))
    with pytest.raises(UsageError) as caught:
        bank.features(KEY.name)
    names = [f"{KEY.name}@{key.digest[:8]}" for key in (KEY, other)]
    told = ", ".join(sorted(names))
    assert str(caught.value) == f"several feature sets have the name {KEY.name!r}, of other weights or views; choose one of {told}"
    assert bank.features(other.digest[:12]).key == other
    assert bank.features(names[1]).key == other
    assert [row["name"] for row in overview(bank)["feature_sets"]] == sorted(names)


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


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 900)), min_size=1, max_size=4), st.randoms())
@settings(max_examples=25, deadline=None)
def test_vectors_of_items_by_brute_force(parts: list[tuple[int, int]], random: Random) -> None:
    """Each part is a run of ordinals in one append; what is asked for is any of them, in any order; also of a set without runs."""
    root = zarr.create_group(MemoryStore())
    held: dict[int, np.ndarray] = {}
    for place, (gap, count) in enumerate(parts):
        items = np.arange(10_000 * place + gap, 10_000 * place + gap + count)
        vectors = np.random.default_rng(place).standard_normal((count, 16)).astype(np.float32)
        append(root, KEY, FeatureRows(vectors), items)
        held |= dict(zip(items.tolist(), vectors, strict=True))
    asked = random.choices(sorted(held), k=random.randint(1, 30))
    group = root[f"sets/{KEY.digest}"]
    assert isinstance(group, zarr.Group)
    for _ in range(2):
        np.testing.assert_array_equal(read_set(group).of(np.array(asked)), [held[item] for item in asked])
        if "runs" in group:
            del group["runs"]


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
    vectors = np.random.default_rng(0).standard_normal((1024, 16)).astype(np.float32)
    put(bank, KEY, vectors, np.arange(1024))
    (chunk,) = (p for p in (bank.path / "features" / "chunks").iterdir() if vectors.tobytes() in p.read_bytes())
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)
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


DEPTH = FeatureKey("depth", EncoderSpec("tiny", "1", 4), ViewSpec((Window(0, 80),)))


def along_depth(rng: np.random.Generator, count: int, steps: int) -> FeatureRows:
    mask = rng.random((count, steps)) < 0.8
    z_mm = np.where(mask, rng.uniform(-100, 100, (count, steps)), np.nan).astype(np.float32)
    return FeatureRows(rng.standard_normal((count, steps, 4)).astype(np.float32), z_mm, mask)


def test_vectors_along_depth_keep_their_places_whatever_the_number_of_steps(bank: Bank) -> None:
    rng = np.random.default_rng(1)
    parts = [along_depth(rng, count, steps) for count, steps in ((300, 6), (5, 9), (40, 3))]
    first = 0
    for part in parts:
        with bank.commit("put") as commit:
            commit.append_features(DEPTH, part, np.arange(first, first + len(part)))
        first += len(part)
    bank.refresh()
    held = bank.features(DEPTH.name)
    assert held.vectors().shape == (345, 9, 4)
    assert held.dim == 4
    for part, ordinals in zip(parts, (np.arange(300), np.arange(300, 305), np.arange(305, 345)), strict=True):
        got, steps = held.rows_of(ordinals), part.vector.shape[1]
        assert got.mask is not None
        assert got.z_mm is not None
        np.testing.assert_array_equal(got.vector[:, :steps], part.vector)
        np.testing.assert_array_equal(got.z_mm[:, :steps], part.z_mm)
        np.testing.assert_array_equal(got.mask[:, :steps], part.mask)
        assert not got.mask[:, steps:].any()
        assert np.isnan(got.z_mm[:, steps:]).all()
    np.testing.assert_array_equal(held.mask()[300:305], parts[1].mask)
    np.testing.assert_array_equal(held.z_mm()[300:305], parts[1].z_mm)


def test_vectors_along_depth_need_their_places(bank: Bank) -> None:
    rows = along_depth(np.random.default_rng(0), 2, 3)
    assert rows.mask is not None
    for wrong, words in (
        (FeatureRows(rows.vector), "expected z_mm and mask"),
        (FeatureRows(rows.vector, rows.z_mm, rows.mask[:, :2]), r"\(2, 2\)"),
    ):
        with pytest.raises(UsageError, match=words):
            put(bank, DEPTH, wrong, np.arange(2))
    put(bank, KEY, np.ones((1, 16), np.float32), np.array([0]))
    with pytest.raises(UsageError, match="only sets of kind 'depth' have z_mm"):
        bank.features(KEY.name).z_mm()


def test_rows_are_joined_with_padding() -> None:
    rng = np.random.default_rng(2)
    short, long = along_depth(rng, 2, 2), along_depth(rng, 1, 4)
    both = joined([short, long])
    assert both.mask is not None
    assert both.vector.shape == (3, 4, 4)
    assert both.nbytes == 3 * 4 * (4 * 4 + 4 + 1)
    np.testing.assert_array_equal(both.mask[:2, 2:], False)
    np.testing.assert_array_equal(both.vector[2], long.vector[0])
    np.testing.assert_array_equal(both[np.array([True, False, True])].vector[1], long.vector[0])
