"""When memory that was freed goes back to the system.

While scans stream by, at once: glibc keeps it between small blocks that live on, and takes more for the next scan. While a model trains,
not before the end, for each step takes the same tensors again, and mapping them anew takes a third of a step's time; but where memory is
short, at once as well.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

_PAUSE_SECONDS = 0.5
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Of `mallopt`, in malloc.h: how much may be free at the end of the heap before it is given back, and the size from which blocks are mapped
each by itself, to go back when they are freed. glibc moves both until one is set.
"""
_MOST, _LARGEST = 2**31 - 1, 2**25
"""Bytes: the most that `mallopt` takes, and the most that older ones take for the second (and to where glibc raises it by itself)."""
_LARGE = 2**22
"""Bytes of what is mapped by itself where memory is short: smaller blocks do not come to much, and mapping takes time."""


@final
class Heap:
    """Trimmed from time to time; where the C library is none of glibc's kind, nothing is done."""

    def __init__(self) -> None:
        library = _glibc()
        self._trim = None if library is None else library.malloc_trim
        self._last = time.monotonic()

    def trim_if_due(self) -> None:
        """Give back what is free, at most twice a second: that takes some milliseconds."""
        if self._trim is not None and time.monotonic() - self._last > _PAUSE_SECONDS:
            self._trim(0)
            self._last = time.monotonic()


@contextmanager
def freed_is_kept() -> Iterator[None]:
    """Freed memory is kept for the next step, and given back at the end. Elsewhere than on glibc nothing is done."""
    with _bounds(_MOST, _MOST):
        yield


@contextmanager
def freed_is_given_back() -> Iterator[None]:
    """Freed blocks of 4 MB or more are given back at once. Elsewhere than on glibc nothing is done.

    Left to itself, glibc raises its bounds with the largest block that was freed, up to 32 MB. Activations would then come and go on the
    heap between gradients that stay, and it would grow to several times what is in use.
    """
    with _bounds(2 * _LARGE, _LARGE):
        yield


@contextmanager
def _bounds(trim: int, mapped: int) -> Iterator[None]:
    """Both bounds, of the process; afterwards they are where glibc would have raised them to. What the user has set stays."""
    library = _glibc()
    if library is None or _set_by_user():
        yield
        return
    try:
        library.mallopt(_TRIM_THRESHOLD, trim)
        if not library.mallopt(_MMAP_THRESHOLD, mapped):
            library.mallopt(_MMAP_THRESHOLD, min(mapped, _LARGEST))
        yield
    finally:
        library.mallopt(_TRIM_THRESHOLD, 2 * _LARGEST)
        library.mallopt(_MMAP_THRESHOLD, _LARGEST)
        library.malloc_trim(0)


def _set_by_user() -> bool:
    names = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")
    return any(name in os.environ for name in names) or "_threshold" in os.environ.get("GLIBC_TUNABLES", "")


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
