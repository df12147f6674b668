"""How fast it goes and how busy the encoder is, for people who watch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import final


@final
class Speed:
    """Counts from when it is made."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._busy = 0.0
        self._done = 0

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Around what the encoder does."""
        start = time.monotonic()
        try:
            yield
        finally:
            self._busy += time.monotonic() - start

    def done(self, count: int = 1) -> None:
        self._done += count

    def told(self, waiting: int, failed: int) -> str:
        """Such as `3.2 volumes/s, encoder busy 93%, 2 decoded ahead, 1 failed`."""
        elapsed = max(time.monotonic() - self._start, 1e-9)
        rate = self._done / elapsed
        pace = f"{rate:.1f} volumes/s" if rate >= 1 else f"{60 * rate:.1f} volumes/min"
        parts = [pace, f"encoder busy {min(1.0, self._busy / elapsed):.0%}", f"{waiting} decoded ahead"]
        return ", ".join([*parts, f"{failed} failed"] if failed else parts)
