"""Copies of whole sets: as good as the bank, no larger than allowed, silent where they cannot be."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanbank.store import Bank, EncoderSpec, FeatureKey, ViewSpec, Window
from scanbank.store.errors import UsageError
from scanbank.store.vector_cache import LEAST_BYTES, VectorCache

DIM = 1024
ROWS = LEAST_BYTES // (4 * DIM) + 1
KEY = FeatureKey("slice", EncoderSpec("wide", "1", DIM), ViewSpec((Window(0, 80),)))
VECTORS = np.random.default_rng(0).standard_normal((ROWS, DIM), dtype=np.float32)


def put(bank: Bank, first: int, vectors: np.ndarray) -> None:
    with bank.commit("put") as commit:
        commit.append_features(KEY, vectors, np.arange(first, first + len(vectors)))
    bank.refresh()


def copies(bank: Bank) -> list[Path]:
    return sorted((bank.path / "cache").glob("*.npy"))


def test_a_whole_set_is_mapped_the_second_time(bank: Bank) -> None:
    put(bank, 0, VECTORS)
    np.testing.assert_array_equal(bank.features(KEY.name).vectors(3, 9), VECTORS[3:9])
    assert copies(bank) == []
    for _ in range(3):
        held = Bank.open(bank.path).features(KEY.name)
        found = held.vectors()
        np.testing.assert_array_equal(found, VECTORS)
        np.testing.assert_array_equal(held.vectors(5, 7), VECTORS[5:7])
        np.testing.assert_array_equal(held.of(np.array([9, 2])), VECTORS[[9, 2]])
        assert not found.flags.writeable
    (copy,) = copies(bank)
    assert copy.stat().st_mode & 0o777 == 0o600
    np.testing.assert_array_equal(np.load(copy), VECTORS)


def test_a_copy_is_of_its_version(bank: Bank) -> None:
    put(bank, 0, VECTORS)
    old = bank.snapshot.id
    bank.features(KEY.name).vectors()
    put(bank, ROWS, VECTORS[:2])
    np.testing.assert_array_equal(bank.features(KEY.name).vectors()[ROWS:], VECTORS[:2])
    with bank.commit("something else") as commit:
        commit.append("patients", [{"patient": "p"}])
    bank.refresh()
    assert len(bank.features(KEY.name).vectors()) == ROWS + 2
    assert len(Bank.open(bank.path, at=old).features(KEY.name).vectors()) == ROWS
    assert len(copies(bank)) == 2


@pytest.mark.parametrize("harm", ["flipped", "truncated", "emptied", "longer", "another"])
def test_a_copy_that_is_not_what_was_written_is_not_read(bank: Bank, harm: str) -> None:
    put(bank, 0, VECTORS)
    bank.features(KEY.name).vectors()
    (copy,) = copies(bank)
    data = bytearray(copy.read_bytes())
    if harm == "flipped":
        data[len(data) // 2] ^= 1
    elif harm == "truncated":
        del data[-1:]
    elif harm == "emptied":
        data.clear()
    elif harm == "longer":
        data += b"x"
    else:
        np.save(copy, np.zeros_like(VECTORS))
        data = bytearray(copy.read_bytes() + b"1234")
    copy.write_bytes(data)
    np.testing.assert_array_equal(Bank.open(bank.path).features(KEY.name).vectors(), VECTORS)
    assert VectorCache(bank.path / "cache", lambda: True).get(copy.stem, np.float32, VECTORS.shape) is not None, "written anew"


def test_any_flipped_bit_of_a_copy_is_noticed(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path, lambda: True)
    cache.put("a", VECTORS)
    path = tmp_path / "a.npy"
    whole = path.read_bytes()

    @given(st.integers(0, len(whole) - 1) | st.integers(0, 200), st.integers(0, 7))
    @settings(max_examples=40, deadline=None)
    def flipped(at: int, bit: int) -> None:
        with path.open("r+b") as file:
            file.seek(at)
            file.write(bytes([whole[at] ^ 1 << bit]))
            file.flush()
            assert VectorCache(tmp_path, lambda: True).get("a", np.float32, VECTORS.shape) is None
            file.seek(at)
            file.write(whole[at : at + 1])

    flipped()
    assert VectorCache(tmp_path, lambda: True).get("a", np.float32, VECTORS.shape) is not None


def test_the_least_recently_used_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCANBANK_CACHE_BYTES", str(int(2.5 * VECTORS.nbytes)))
    cache = VectorCache(tmp_path, lambda: True)
    for day, name in enumerate("ab"):
        cache.put(name, VECTORS)
        os.utime(tmp_path / f"{name}.npy", (day, day))
    assert cache.get("a", np.float32, VECTORS.shape) is not None
    cache.put("c", VECTORS)
    assert sorted(path.name for path in tmp_path.glob("*.npy")) == ["a.npy", "c.npy"]


def test_off_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cache"
    for limit in (0, VECTORS.nbytes - 1):
        monkeypatch.setenv("SCANBANK_CACHE_BYTES", str(limit))
        VectorCache(folder, lambda: True).put("a", VECTORS)
        assert not folder.exists()
    monkeypatch.setenv("SCANBANK_CACHE_BYTES", "much")
    with pytest.raises(UsageError, match="SCANBANK_CACHE_BYTES='much': expected a number of bytes"):
        VectorCache(folder, lambda: True).put("a", VECTORS)


def test_nothing_comes_back_after_it_was_wiped(bank: Bank) -> None:
    put(bank, 0, VECTORS)
    features = bank.features(KEY.name)
    features.vectors()
    (bank.path / "cache" / "x.npy.12.tmp").write_bytes(b"of a process that was killed")
    (bank.path / "features" / "snapshots" / bank.snapshot.id).unlink()
    bank.snapshot.vector_cache.wipe()
    assert [path.name for path in (bank.path / "cache").iterdir()] == [".lock"]
    np.testing.assert_array_equal(features.vectors(), VECTORS)
    assert copies(bank) == []


def test_a_bank_that_takes_no_copies_is_read(bank: Bank) -> None:
    put(bank, 0, VECTORS)
    (bank.path / "cache").write_text("in the way")
    for _ in range(2):
        np.testing.assert_array_equal(Bank.open(bank.path).features(KEY.name).vectors(), VECTORS)
