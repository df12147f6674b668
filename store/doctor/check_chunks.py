"""Every chunk's file by itself, against the checksum behind it: each is read once, however many snapshots share it."""

from __future__ import annotations

from collections.abc import Iterator

from .case import Case
from .cures import SetAside
from .findings import Finding


def check_chunks(case: Case) -> Iterator[Finding]:
    """Chunks are what was written."""
    for name, problem in case.bad_chunks.items():
        how = "what is lost with it is said below, if anything needs it; --repair sets it aside"
        yield Finding("error", name, f"(a chunk of vectors) {problem}", how, SetAside(name, "a chunk that does not fit its checksum"))
