"""Reading arrays of which parts may be damaged: what can be read, and which chunks cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from typing import Any, cast

import icechunk
import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.abc.store import SuffixByteRequest
from zarr.buffer.cpu import buffer_prototype

from ..chunks import CRC_BYTES, ChecksumError, read_slice

BLOCK_BYTES = 2**26
_AT_ONCE = 8
UNREADABLE = (ChecksumError, icechunk.IcechunkError, OSError, ValueError)
"""What is raised where the bytes of a chunk are missing or not those that were written."""


@dataclass(frozen=True)
class Block:
    """Rows start..stop of an array. `values` is None where their chunk is lost: then they are the rows of one chunk."""

    start: int
    stop: int
    values: NDArray[Any] | None


def blocks(array: zarr.Array) -> Iterator[Block]:
    """The array, in order, a bounded part at a time."""
    chunk, rows = array.chunks[0], array.shape[0]
    row_bytes = max(1, int(np.prod(array.shape[1:])) * array.dtype.itemsize)
    step = max(1, BLOCK_BYTES // (row_bytes * chunk)) * chunk
    for start in range(0, rows, step):
        stop = min(start + step, rows)
        try:
            yield Block(start, stop, read_slice(array, slice(start, stop)))
            continue
        except UNREADABLE:
            pass
        for first in range(start, stop, chunk):
            last = min(first + chunk, rows)
            try:
                yield Block(first, last, read_slice(array, slice(first, last)))
            except UNREADABLE:
                yield Block(first, last, None)


def lost_rows(array: zarr.Array) -> list[tuple[int, int]]:
    """Which rows cannot be read, as (start, stop)."""
    return [(block.start, block.stop) for block in blocks(array) if block.values is None]


def chunk_keys(array: zarr.Array, first: int, last: int) -> list[str]:
    """Keys in the store of the chunks that hold the rows first..last."""
    inner = [range(-(-size // chunk)) for size, chunk in zip(array.shape[1:], array.chunks[1:], strict=True)]
    along = range(first // array.chunks[0], -(-last // array.chunks[0]))
    key_of = cast("Any", array.metadata).encode_chunk_key
    return [f"{array.path}/{key_of(place)}" for place in product(along, *inner)]


def are_there(array: zarr.Array) -> bool:
    """Whether every chunk's file is there and long enough, by its last bytes: much cheaper than reading it."""
    try:
        return run_all(lambda key: _ends(array, key), chunk_keys(array, 0, array.shape[0]))
    except UNREADABLE:
        return False


def delete_keys(store: Any, keys: list[str]) -> None:
    """Take chunks out of a store, so that they read as fill values."""
    run_all(lambda key: _deleted(store, key), keys)


def fetch_all(store: Any, keys: list[str]) -> dict[str, bytes]:
    """What a store has under these keys; those that it has not are left out."""
    found: dict[str, bytes] = {}

    async def fetched(key: str) -> bool:
        data = await store.get(key, buffer_prototype)
        if data is not None:
            found[key] = data.to_bytes()
        return True

    run_all(fetched, keys)
    return found


async def _deleted(store: Any, key: str) -> bool:
    await store.delete(key)
    return True


async def _ends(array: zarr.Array, key: str) -> bool:
    found = await array.store.get(key, buffer_prototype, SuffixByteRequest(CRC_BYTES))
    return found is None or len(found) == CRC_BYTES


def run_all(do: Callable[[str], Awaitable[bool]], keys: list[str]) -> bool:
    """Whether all are true; a few at a time, in a thread of their own, as the caller may be within an event loop."""

    async def work(waiting: Iterator[str]) -> bool:
        return all([await do(key) for key in waiting])

    async def every() -> bool:
        waiting = iter(keys)
        return all(await asyncio.gather(*(work(waiting) for _ in range(_AT_ONCE))))

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, every()).result()
