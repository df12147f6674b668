"""What was freed goes back to the system, though small blocks between live on. Of glibc, in a process of its own."""

from __future__ import annotations

import platform
import subprocess
import sys
from os import environ

import pytest

_STEPS = """
import sys
from pathlib import Path
from contextlib import nullcontext
from scanbank.embed.heap import large_apart

def resident():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS")) // 1000

def stays():
    before, small = resident(), []
    large = []
    for _ in range(16):
        large.append(bytearray(b"x") * 2**23)
        small.append(bytearray(b"x") * 2**15)
    large.clear()
    return resident() - before, small

held = []
bytearray(b"x") * (2**25 - 2**16)  # freed, and glibc's bound is here
for around in (nullcontext(), large_apart(), nullcontext()):
    with around:
        more, small = stays()
    held.append(small)
    print(more)
"""
"""MB that stay of 134 when blocks of 8 are freed, with small ones between them: before, inside, after."""

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")


def _found(**more: str) -> list[int]:
    plain = {name: value for name, value in environ.items() if name not in ("MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")}
    done = subprocess.run([sys.executable, "-c", _STEPS], check=True, capture_output=True, text=True, env=plain | more)
    return [int(line) for line in done.stdout.split()]


def test_large_blocks_go_back_when_they_are_freed() -> None:
    before, inside, _ = _found()
    assert before > 100
    assert inside < 10


def test_what_the_user_has_set_stays() -> None:
    found = _found(MALLOC_MMAP_THRESHOLD_=str(2**25))
    assert found[0] > 100
    found = _found(MALLOC_MMAP_THRESHOLD_=str(2**20))
    assert max(found) < 10  # after too
