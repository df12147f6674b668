"""The parts of a running service, and what all its requests share: time, memory, and clients that go away."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar, final

from fastapi import Request
from starlette.responses import Response

from ...embed.encoder import Encoder
from .budget import Budget, Share
from .decoders import Decoders
from .limits import Limits
from .memory_files import raise_open_files
from .metrics import Metrics
from .models import Models, Served
from .problems import Problem, response_of
from .threads import Threads

if TYPE_CHECKING:
    from .searching import Searching

T = TypeVar("T")

DECODERS = min(4, os.cpu_count() or 1)
"""Threads that read scans."""


@final
class Service:
    """Encoders, and a bank to search where there is one. `start` before use, `close` at the end."""

    def __init__(self, encoders: Sequence[Encoder], limits: Limits | None = None, bank: str | None = None) -> None:
        self.limits = limits or Limits()
        self.metrics = Metrics()
        self.models = Models([Served(one, self.limits, self.metrics.observer(one.spec.name)) for one in encoders])
        self.budget = Budget(self.limits.max_held)
        self.readers = Threads("read", DECODERS, self.limits.queue)
        self.decoders = Decoders(self.limits.timeout_s)
        self.search: Searching | None = None
        if bank is not None:
            from .searching import Searching  # brings the index library, which encoding needs not

            self.search = Searching(bank, self.models, self.limits)
        self.metrics.held.set_function(lambda: self.budget.held)
        self.metrics.decoding.set_function(lambda: self.decoders.busy)
        for one in self.models:
            self.metrics.queue.labels(one.name).set_function(lambda batcher=one.batcher: batcher.waiting)

    def start(self) -> None:
        raise_open_files(DECODERS * self.limits.max_files + 1024)  # a file of a scan is one while it is read
        self.models.start()

    def close(self) -> None:
        """Finishes what was accepted."""
        self.readers.close()
        self.decoders.close()
        if self.search is not None:
            self.search.close()
        self.models.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.start()
        try:
            yield
        finally:
            await asyncio.to_thread(self.close)

    async def answer(
        self, request: Request, read: Callable[[Share], Awaitable[T]], work: Callable[[T, Share], Awaitable[Response]]
    ) -> Response:
        """`read` the request, then do the `work`, within the time allowed and while the client is there.

        Raises:
            Problem: 408 where the request came too slowly, 504 where the work took too long, and what those two raise.
        """
        reading = True
        try:
            async with asyncio.timeout(self.limits.timeout_s):
                with self.budget.share() as share:
                    given = await read(share)
                    reading = False
                    return await _while_there(request, work(given, share))
        except TimeoutError:
            if reading:
                raise Problem(408, f"the request did not come within {self.limits.timeout_s:g} s") from None
            raise Problem(504, f"no answer within {self.limits.timeout_s:g} s", headers={"Retry-After": "5"}) from None


async def _while_there(request: Request, work: Awaitable[Response]) -> Response:
    """What `work` gives; it is cancelled when the client hangs up, so that nothing is run for nobody."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        return response_of(Problem(499, "the client hung up"))
    finally:
        task.cancel()
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
