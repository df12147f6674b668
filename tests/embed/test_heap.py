"""When freed memory goes back to the system: told by the pages that it has to give anew, and by what a process holds."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc alone can be told to keep memory")

_START = """
import resource
from pathlib import Path
import numpy as np
from scanbank.embed.heap import freed_is_given_back, freed_is_kept

def faults(size=2**19):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        np.ones(size, np.float32)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))

def stays(small):
    before, large = resident(), []
    for _ in range(16):
        large.append(bytearray(b"x") * 2**23)
        small.append(bytearray(b"x") * 2**15)
    large.clear()
    return (resident() - before) // 1000
"""
"""`faults`: pages given for ten arrays, of 2 MB if nothing is said (5,120 pages), each freed before the next.
`stays`: MB of 134 when blocks of 8 are freed,
with small ones between them that are not. In a process of its own: what was freed before the test would tell.
"""
_KEPT = """
with freed_is_kept():
    faults()  # takes what is used again from here on
    print(faults())
print(faults())
faults()
print(faults())
"""
_LARGE = """
import ctypes
print(ctypes.CDLL(None).mallopt(-3, 2**31 - 1))
with freed_is_kept():
    faults(2**24)
    print(faults(2**24))
"""
_GIVEN_BACK = """
bytearray(b"x") * (2**25 - 2**16)  # freed, and glibc's bound is here
small = []
print(stays(small))
with freed_is_given_back():
    print(stays(small))
"""


def _told(steps: str, **more: str) -> list[int]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run([sys.executable, "-c", _START + steps], check=True, capture_output=True, text=True, env=plain | more)
    return [int(line) for line in done.stdout.split()]


def test_freed_memory_is_kept_within_and_given_back_after() -> None:
    within, after, further = _told(_KEPT)
    assert within < 100
    assert after > 400  # what was kept went back at the end: one array is given anew
    assert further < 100  # and no slower than glibc left to itself


def test_blocks_of_any_size_are_kept() -> None:
    """Ten of 64 MB, more than glibc keeps by itself: activations of a volume are as large."""
    taken, within = _told(_LARGE)
    if not taken:
        pytest.skip("this glibc takes no such bound")
    assert within < 100  # of 163,840 pages


def test_large_blocks_go_back_when_they_are_freed() -> None:
    before, inside = _told(_GIVEN_BACK)
    assert before > 100
    assert inside < 10


def test_what_the_user_has_set_stays() -> None:
    within, after, _ = _told(_KEPT, MALLOC_MMAP_THRESHOLD_=str(2**20))
    assert min(within, after) > 5000
