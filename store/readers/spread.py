"""One function over many files, with helper processes where they are worth their start, while this process works too."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

CHUNK = 32
"""Items that go to a process at once: some 5 ms of reading headers."""
WORTH_SECONDS = 2.0
"""Work left, at the pace so far, from which on helpers are started: several times what one needs for its imports."""
_PACE_SECONDS = 0.1
"""How long the pace is measured, at least."""
_AHEAD = 4
"""Chunks that wait at each helper, so that it never runs dry while this process reads one of its own."""


def spread(function: Callable[[T], R], items: Sequence[T], workers: int) -> Iterator[tuple[int, list[R]]]:
    """`function` of every item, as (place of the first, results of up to CHUNK items), in any order.

    `workers` counts this process: it works from the front while `workers - 1` helpers start and then work from the back.
    A helper that is slow to start or dies costs nothing: this process does what is not done when it gets there.

    Args:
        function: Found by name in an importable module; called once for each item, at the end sometimes twice.
        items: What can be sent to another process.
        workers: Processes in all; with more than one, the main script needs a main guard.
    """
    chunks = deque((at, items[at : at + CHUNK]) for at in range(0, len(items), CHUNK))
    number, start = len(chunks), time.monotonic()
    while chunks and (workers <= 1 or not _worth_helping(time.monotonic() - start, number - len(chunks), len(chunks))):
        at, chunk = chunks.popleft()
        yield at, _each(function, chunk)
    if chunks:
        yield from _helped(function, chunks, workers - 1)


def _worth_helping(elapsed: float, done: int, left: int) -> bool:
    return elapsed > _PACE_SECONDS and left * elapsed > WORTH_SECONDS * done


def _helped(function: Callable[[T], R], chunks: deque[tuple[int, Sequence[T]]], helpers: int) -> Iterator[tuple[int, list[R]]]:
    given: dict[Future[list[R]], tuple[int, Sequence[T]]] = {}
    room = _AHEAD * helpers
    # Spawned, not forked: the bank's storage runs threads, which a fork would copy in mid-step. Ctrl-C is for this process.
    pool = ProcessPoolExecutor(helpers, get_context("spawn"), initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN))
    try:
        while chunks or given:
            try:
                while chunks and len(given) < room:
                    future = pool.submit(_each, function, chunks[-1][1])
                    given[future] = chunks.pop()  # after it was taken: a pool that broke takes nothing
            except BrokenExecutor:
                room = 0
            for future in [future for future in given if future.done()]:
                at, chunk = given.pop(future)
                try:
                    yield at, future.result()
                except BrokenExecutor:
                    room = 0
                    yield at, _each(function, chunk)
            if chunks or given:
                at, chunk = chunks.popleft() if chunks else given.popitem()[1]
                yield at, _each(function, chunk)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _each(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    return [function(item) for item in items]
