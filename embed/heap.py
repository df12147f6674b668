"""Memory that was freed goes back to the system: glibc keeps it between small blocks that live on, and takes more for the next scan."""

from __future__ import annotations

import ctypes
import sys
import time
from typing import Any, final

_PAUSE_SECONDS = 0.5


@final
class Heap:
    """Trimmed from time to time; where the C library is none of glibc's kind, nothing is done."""

    def __init__(self) -> None:
        self._trim = _trim()
        self._last = time.monotonic()

    def trim_if_due(self) -> None:
        """Give back what is free, at most twice a second: that takes some milliseconds."""
        if self._trim is not None and time.monotonic() - self._last > _PAUSE_SECONDS:
            self._trim(0)
            self._last = time.monotonic()


def _trim() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
