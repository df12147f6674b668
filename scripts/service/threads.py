"""Threads that decode and search: few, with a bounded line before them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast, final

from .problems import too_busy

T = TypeVar("T")
_END = object()


@final
class Threads:
    """Runs functions aside of the event loop."""

    def __init__(self, name: str, workers: int, queue: int) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._most = workers + queue
        self._there = 0

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """What `function` gives. Called from the event loop. Raises Problem 429 where too many wait."""
        if self._there >= self._most:
            raise too_busy("too many requests wait for their scans to be read", seconds=2)
        self._there += 1
        future = self._pool.submit(function, *arguments)
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._done))
        return await asyncio.wrap_future(future)

    async def each(self, made: Iterator[T]) -> AsyncIterator[T]:
        """What an iterator gives, each made aside. Raises as `run`."""
        while (one := await self.run(next, made, _END)) is not _END:
            yield cast(T, one)

    def _done(self) -> None:
        self._there -= 1

    def close(self) -> None:
        """Wait for what runs; what waits is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)
