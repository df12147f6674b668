"""How many bytes all requests together may hold, so that many large ones are told to come again instead of filling the memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import final

from .problems import Problem, too_busy


@final
class Budget:
    """Bytes that are held, of at most `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._lock = threading.Lock()

    @property
    def held(self) -> int:
        return self._held

    @contextmanager
    def share(self) -> Iterator[Share]:
        """What one request takes; given back when it ends."""
        share = Share(self)
        try:
            yield share
        finally:
            with self._lock:
                self._held -= share.taken
                share.taken, share.ended = 0, True

    def take(self, share: Share, count: int) -> None:
        """As `Share.take`."""
        with self._lock:
            if share.ended:  # a thread still at work for a request that was given up
                raise Problem(503, "the request has ended")
            if self._held + count > self._limit:
                raise too_busy("other requests hold all the memory that the service gives to them", seconds=2)
            self._held += count
            share.taken += count


@final
class Share:
    """One request's part of a budget."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.taken = 0
        self.ended = False

    def take(self, count: int) -> None:
        """Raises Problem 429 where there is no room."""
        self._budget.take(self, count)
