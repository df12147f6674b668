"""One function over many files, with helper processes, while this process works too."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

CHUNK = 64
"""Items that go to a process at once: some 10 ms of reading headers."""
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
    if workers <= 1:
        yield from ((at, _each(function, chunk)) for at, chunk in chunks)
        return
    # Spawned, not forked: the bank's storage runs threads, which a fork would copy in mid-step. Ctrl-C is for this process.
    context = get_context("spawn")
    pool = ProcessPoolExecutor(workers - 1, context, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN))
    given: dict[Future[list[R]], tuple[int, Sequence[T]]] = {}
    room = _AHEAD * (workers - 1)
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
