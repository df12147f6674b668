"""Requests run together: who waits for whom, what is refused, and what becomes of those who leave."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager

import numpy as np
import pytest

from scanbank.embed.encoder import Encoded, Side
from scanbank.embed.registry import open_encoder
from scanbank.scripts.service.batcher import Batcher
from scanbank.scripts.service.limits import Limits
from scanbank.scripts.service.problems import Problem
from scanbank.scripts.service.rows import joined, part
from scanbank.store.errors import EncoderError
from service_servers import Gated

Seen = list[tuple[Side, int, int]]


@contextmanager
def batching(limits: Limits | None = None) -> Iterator[tuple[Gated, Batcher, Seen]]:
    encoder, seen = Gated(), Seen()
    batcher = Batcher(encoder, limits or Limits(wait_ms=0), lambda side, rows, requests, _: seen.append((side, rows, requests)))
    batcher.start()
    try:
        yield encoder, batcher, seen
    finally:
        encoder.gate.set()
        batcher.close()


def first_of(future: Future[Encoded]) -> list[float]:
    return future.result(30).vector[:, 0].tolist()


def test_a_lone_request_runs_at_once_and_what_comes_meanwhile_runs_together() -> None:
    with batching() as (encoder, batcher, seen):
        alone = batcher.submit("text", ["a"])
        encoder.entered.acquire()
        rest = [batcher.submit("text", ["b" * (k + 2)] * 2) for k in range(5)]
        assert batcher.waiting == 5
        encoder.gate.set()
        assert first_of(alone) == [1]
        assert [first_of(one) for one in rest] == [[k + 2] * 2 for k in range(5)]
    assert seen == [("text", 1, 1), ("text", 10, 5)]


def test_after_a_full_batch_it_waits_for_as_many_as_before() -> None:
    """A minute is allowed, and not needed: it goes on as soon as both are there."""
    with batching(Limits(wait_ms=60_000)) as (encoder, batcher, seen):
        first = batcher.submit("text", ["a"])
        encoder.entered.acquire()
        waiting = batcher.submit("text", ["bb"])
        encoder.gate.set()
        first_of(first)
        again = batcher.submit("text", ["ccc"])
        assert (first_of(waiting), first_of(again)) == ([2], [3])
    assert seen == [("text", 1, 1), ("text", 2, 2)]


def test_batches_are_bounded_and_a_large_request_lets_others_in_between() -> None:
    with batching(Limits(wait_ms=0, max_batch=4)) as (encoder, batcher, seen):
        first = batcher.submit("text", ["a"])
        encoder.entered.acquire()
        large = batcher.submit("text", ["x" * k for k in range(1, 11)])
        small = batcher.submit("text", ["yy"])
        encoder.gate.set()
        assert first_of(large) == list(range(1, 11))
        assert first_of(small) == [2]
        first_of(first)
    assert [rows for _, rows, _ in seen] == [1, 4, 4, 3]
    assert "yy" in encoder.batches[2]


def test_a_full_queue_refuses_and_those_who_left_make_room() -> None:
    with batching(Limits(wait_ms=0, queue=2)) as (encoder, batcher, _):
        running = batcher.submit("text", ["a"])
        encoder.entered.acquire()
        leaves, stays = batcher.submit("text", ["b"]), batcher.submit("text", ["c"])
        with pytest.raises(Problem) as refused:
            batcher.submit("text", ["d"])
        assert refused.value.status_code == 429
        assert refused.value.headers == {"Retry-After": "1"}
        leaves.cancel()
        later = batcher.submit("text", ["dddd"])
        encoder.gate.set()
        assert [first_of(one) for one in (running, stays, later)] == [[1], [1], [4]]
        with pytest.raises(CancelledError):
            leaves.result(30)
    assert [text for batch in encoder.batches for text in batch] == ["a", "c", "dddd"]


def test_a_task_that_is_cancelled_is_not_run() -> None:
    async def leave(encoder: Gated, batcher: Batcher) -> None:
        running = batcher.submit("text", ["a"])
        await asyncio.to_thread(encoder.entered.acquire)
        task = asyncio.create_task(batcher.encode("text", ["gone"]))
        await asyncio.sleep(0)
        assert batcher.waiting == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        encoder.gate.set()
        await asyncio.wrap_future(running)

    with batching() as (encoder, batcher, _):
        asyncio.run(leave(encoder, batcher))
    assert encoder.batches == [["a"]]


def test_a_request_that_fails_costs_itself_only() -> None:
    with batching() as (encoder, batcher, _):
        running = batcher.submit("text", ["a"])
        encoder.entered.acquire()
        good, bad, other = (batcher.submit("text", [text]) for text in ("bb", "bad", "cccc"))
        encoder.gate.set()
        assert [first_of(one) for one in (running, good, other)] == [[1], [2], [4]]
        with pytest.raises(EncoderError, match="failed with ValueError") as failed:
            bad.result(30)
        assert "secret" not in str(failed.value)


def test_closing_finishes_what_was_accepted() -> None:
    with batching() as (encoder, batcher, _):
        futures = [batcher.submit("text", ["a" * k]) for k in range(1, 6)]
        encoder.gate.set()
        batcher.close()
        assert [first_of(one) for one in futures] == [[1], [2], [3], [4], [5]]
        with pytest.raises(Problem) as refused:
            batcher.submit("text", ["late"])
        assert refused.value.status_code == 503


def test_planes_of_different_sizes_do_not_mix() -> None:
    encoder = open_encoder("intensity")
    seen = Seen()
    batcher = Batcher(encoder, Limits(), lambda side, rows, requests, _: seen.append((side, rows, requests)))
    rows = [np.random.default_rng(k).random((2, 1, 8 + k % 2, 9), np.float32) for k in range(6)]
    futures = [batcher.submit("slice", one) for one in rows]  # before it runs, so that all are waiting
    batcher.start()
    for one, future in zip(rows, futures, strict=True):
        np.testing.assert_array_equal(future.result(30).vector, encoder.encode_slices(one).vector)
    batcher.close()
    assert seen == [("slice", 6, 3), ("slice", 6, 3)]


def test_rows_come_apart_and_together() -> None:
    vector, depth = np.arange(8, dtype=np.float32).reshape(4, 2), np.arange(24, dtype=np.float32).reshape(4, 3, 2)
    whole = Encoded(vector, depth=depth, depth_mask=depth[..., 0] > 3, grid=(3, 1))
    again = joined([part(whole, 0, 1), part(whole, 1, 4)])
    np.testing.assert_array_equal(again.vector, vector)
    assert again.depth is not None
    np.testing.assert_array_equal(again.depth, depth)
    assert (again.tokens, again.grid) == (None, (3, 1))
