"""How fast requests may follow each other, over all threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True)
class Timer:
    """What time is."""

    now: Callable[[], float]
    """Seconds since whenever."""
    sleep: Callable[[float], None]
    """For so many seconds."""


@final
class RateLimiter:
    """Requests at even distances, so that no minute has more than it may, and none while the endpoint asks for a pause."""

    def __init__(self, per_minute: float | None, timer: Timer) -> None:
        """`per_minute` None: as fast as they come."""
        self._distance = 60.0 / per_minute if per_minute else 0.0
        self._timer = timer
        self._lock = threading.Lock()
        self._next = timer.now()

    def wait(self) -> None:
        """Return when the next request may go."""
        while True:
            with self._lock:
                now = self._timer.now()
                if now >= self._next:
                    self._next = now + self._distance
                    return
                left = self._next - now
            self._timer.sleep(left)

    def hold(self, seconds: float) -> None:
        """No request goes for so long, whoever sends it."""
        with self._lock:
            self._next = max(self._next, self._timer.now() + seconds)
