"""Files that are in memory alone, for readers that take a path.

`memfd_create(2)` gives a file that no directory lists and no disk holds; `/proc/PID/fd/N` is a path to it for this process and others
of its user, and it is gone when its descriptor is closed, also when the process is killed.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path


@contextmanager
def memory_files(contents: list[bytearray]) -> Iterator[list[Path]]:
    """A path for each of `contents`, which is emptied as it goes, so that nothing is held twice."""
    # As /proc numbers processes, which may be mounted for other ones than this process lives among.
    descriptors = Path("/proc", Path("/proc/self").readlink(), "fd")
    with ExitStack() as stack:
        paths: list[Path] = []
        contents.reverse()
        while contents:
            data = contents.pop()
            number = os.memfd_create("scanbank", os.MFD_CLOEXEC)
            stack.callback(os.close, number)
            view = memoryview(data)
            while view:
                view = view[os.write(number, view) :]
            del data, view
            paths.append(descriptors / str(number))
        yield paths


def raise_open_files(wanted: int) -> int:
    """Let this process have `wanted` open files, or as many as it may; gives how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        return allowed
    return soft
