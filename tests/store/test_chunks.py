"""Reading chunks straight gives what Zarr gives, and notices what is wrong with them."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.buffer.cpu import Buffer, buffer_prototype
from zarr.storage import MemoryStore

from scanbank.store.chunks import ChecksumError, read_rows, read_slice
from scanbank.store.features import CODECS

ROWS, CHUNK = 23, 5
KINDS: dict[str, dict[str, Any]] = {
    "plain": {"shape": (ROWS, 3), "chunks": (CHUNK, 3), "dtype": "float16"},
    "one axis": {"shape": (ROWS,), "chunks": (CHUNK,), "dtype": "int64"},
    "depth": {"shape": (ROWS, 2, 3), "chunks": (CHUNK, 2, 3), "dtype": "float32"},
    "mask": {"shape": (ROWS, 2), "chunks": (CHUNK, 2), "dtype": "bool"},
    "grown along depth": {"shape": (ROWS, 4, 3), "chunks": (CHUNK, 2, 3), "dtype": "float32"},
}


@cache
def made_once(kind: str) -> tuple[zarr.Array, np.ndarray]:
    return made(kind)


def made(kind: str) -> tuple[zarr.Array, np.ndarray]:
    array = zarr.create_group(MemoryStore()).create_array("a", fill_value=1, **KINDS[kind], **CODECS)
    values = np.random.default_rng(0).integers(0, 2 if kind == "mask" else 100, array.shape).astype(array.dtype)
    values[CHUNK : 2 * CHUNK] = 1  # as the fill value is, so that this chunk is not stored
    array[:] = values
    return array, values


@pytest.mark.parametrize("kind", KINDS)
@given(st.integers(-30, 30) | st.none(), st.integers(-30, 30) | st.none())
@settings(deadline=None)
def test_a_slice(kind: str, start: int | None, stop: int | None) -> None:
    array, values = made_once(kind)
    found = read_slice(array, slice(start, stop))
    np.testing.assert_array_equal(found, values[start:stop])
    assert found.dtype == values.dtype


@pytest.mark.parametrize("kind", KINDS)
@given(st.lists(st.integers(0, ROWS - 1), max_size=40))
@settings(deadline=None)
def test_rows_in_any_order(kind: str, rows: list[int]) -> None:
    array, values = made_once(kind)
    chosen = np.array(rows, np.int64)
    np.testing.assert_array_equal(read_rows(array, chosen), values[chosen])


def test_within_an_event_loop() -> None:
    array, values = made("plain")

    async def ask() -> np.ndarray:
        return read_slice(array)

    np.testing.assert_array_equal(asyncio.run(ask()), values)


@pytest.mark.parametrize("kind", ["plain", "grown along depth"])
@pytest.mark.parametrize("harm", ["a byte", "a bit of the checksum", "the end"])
def test_damage_is_noticed(kind: str, harm: str) -> None:
    array, _ = made(kind)
    store = array.store
    key = f"{array.path}/c/" + "/".join("0" * array.ndim)

    async def spoil() -> None:
        stored = await store.get(key, buffer_prototype)
        assert stored is not None
        data = bytearray(stored.to_bytes())
        if harm == "the end":
            del data[-8:]
        else:
            data[3 if harm == "a byte" else -1] ^= 1
        await store.set(key, Buffer.from_bytes(bytes(data)))

    asyncio.run(spoil())
    with pytest.raises(ChecksumError):
        read_rows(array, np.array([2, 0]))
