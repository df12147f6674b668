"""Many small fits: one thread for each processor, and none inside a fit.

Threads inside small products cost more than they give (seen: 30 times, on a busy machine), and a sum that is shared among threads depends
on how; without them results repeat to the bit.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """In which torch and BLAS compute with one thread, also in threads that are begun inside."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
