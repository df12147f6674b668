"""When freed memory goes back to the system, told by the pages that the system has to give anew."""

from __future__ import annotations

import resource
import sys

import numpy as np
import pytest

from scanbank.embed.heap import freed_is_kept


def faults() -> int:
    """Of ten arrays of 4 MB, one after the other, each freed before the next."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        np.ones(2**20, np.float32)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc alone can be told to keep memory")
def test_freed_memory_is_kept_within_and_given_back_after() -> None:
    with freed_is_kept():
        faults()  # takes what is used again from here on
        within = faults()
    outside = faults()
    assert within < 100  # ten arrays are 10,240 pages of 4 kB
    assert outside > within
