"""Memory that was freed goes back to the system: glibc keeps it between small blocks that live on, and takes more for the next scan."""

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
"""Parameters of glibc's mallopt."""
_LARGE = 2**22
"""Bytes of what is mapped by itself inside `large_apart`: smaller ones do not come to much, and mapping each takes time."""
_LARGEST = 2**25
"""What glibc lets the bound between its heap and maps grow to, in bytes."""


@final
class Heap:
    """Trimmed from time to time; where the C library is none of glibc's kind, nothing is done."""

    def __init__(self) -> None:
        self._trim = _of_c("malloc_trim")
        self._last = time.monotonic()

    def trim_if_due(self) -> None:
        """Give back what is free, at most twice a second: that takes some milliseconds."""
        if self._trim is not None and time.monotonic() - self._last > _PAUSE_SECONDS:
            self._trim(0)
            self._last = time.monotonic()


@contextmanager
def large_apart() -> Iterator[None]:
    """Inside, blocks of 4 MB or more are mapped one by one, and go back to the system when they are freed.

    Left to itself, glibc raises that bound to the largest block that was freed, up to 32 MB. Activations of training steps then come and
    go on the heap between gradients that stay, and it grows to several times what is in use. The bound is the process's, and is left where
    glibc would have raised it to. Where the user has set one, or the C library is none of glibc's kind, nothing is done.
    """
    set_to = _of_c("mallopt")
    if set_to is None or "MALLOC_MMAP_THRESHOLD_" in os.environ or "mmap_threshold" in os.environ.get("GLIBC_TUNABLES", ""):
        yield
        return
    set_to(_MMAP_THRESHOLD, _LARGE)
    set_to(_TRIM_THRESHOLD, 2 * _LARGE)
    try:
        yield
    finally:
        set_to(_MMAP_THRESHOLD, _LARGEST)
        set_to(_TRIM_THRESHOLD, 2 * _LARGEST)


def _of_c(name: str) -> Any:
    """A function of the C library; None where it has none of that name."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        return getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError):
        return None
