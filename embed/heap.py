"""When memory that was freed goes back to the system.

While scans stream by, at once: glibc keeps it between small blocks that live on, and takes more for the next scan. While a model trains,
not before the end: each step takes the same tensors again, and glibc maps each large one anew, which takes a third of a step's time.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

_PAUSE_SECONDS = 0.5
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Of `mallopt`, in malloc.h."""
_MOST, _USUAL = 2**31 - 1, 128 * 2**10
"""Bytes: the most that `mallopt` takes, and what glibc begins with."""


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


@contextmanager
def freed_is_kept() -> Iterator[None]:
    """Freed memory is kept for the next step, and given back at the end. Elsewhere than on glibc nothing is done."""
    library = _glibc()
    if library is not None:
        library.mallopt(_TRIM_THRESHOLD, _MOST)
        library.mallopt(_MMAP_THRESHOLD, _MOST)
    try:
        yield
    finally:
        if library is not None:
            library.mallopt(_TRIM_THRESHOLD, _USUAL)
            library.mallopt(_MMAP_THRESHOLD, _USUAL)
            library.malloc_trim(0)


def _trim() -> Any:
    library = _glibc()
    return None if library is None else library.malloc_trim


def _glibc() -> Any:
    """The C library where it is glibc; else None."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        library = ctypes.CDLL(None)
        _ = library.malloc_trim, library.mallopt
    except (OSError, AttributeError):
        return None
    return library
