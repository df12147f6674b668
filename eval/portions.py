"""Fits in portions, so that what is held for each score stays in bounds."""

from __future__ import annotations

from collections.abc import Iterator

SCORES = 1 << 17
"""That are measured at once, as many as a processor's cache holds about; some 100 bytes each are held meanwhile."""


def portions(fits: int, items: int) -> Iterator[slice]:
    """Slices of the fits, each of so many scores or fewer, or of one fit."""
    step = max(1, SCORES // max(items, 1))
    return (slice(start, start + step) for start in range(0, fits, step))
