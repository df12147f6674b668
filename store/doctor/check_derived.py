"""Indexes and copies of feature sets: made again at any time, so what does not fit is only deleted."""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import google_crc32c
import numpy as np

from ..chunks import CRC_BYTES
from .case import Case
from .cures import DiscardLocal
from .findings import Finding

_INDEXES = "indexes"
_HOW = "it is made again when it is needed; --repair deletes it"


def check_derived(case: Case) -> Iterator[Finding]:
    """Each is of the newest snapshot, and what was written."""
    if case.card is None:
        return
    cache = case.place.cache(case.card["bank"])
    for path in _files((case.place.folder or cache) / _INDEXES):
        if problem := _index(path, case.head.snapshot):
            severity = "note" if "older" in problem else "warning"
            yield Finding(severity, str(path), f"(an index) {problem}", _HOW, DiscardLocal(path))
    for path in _files(cache):
        if path.suffix == ".npy" and not _fits(path):
            yield Finding("warning", str(path), "(a copy of a feature set) is not what was written", _HOW, DiscardLocal(path))


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_file())
    except OSError:
        return []


def _index(path: Path, head: str) -> str:
    """What is wrong with one of the two files of an index."""
    try:
        card: Any = json.loads(path.with_suffix(".json").read_text("utf-8"))
        expected, snapshot = card["sha256"], card["snapshot"]
        data = path.with_suffix(".faiss").read_bytes()
    except (OSError, ValueError, KeyError, TypeError):
        return "cannot be read"
    if hashlib.sha256(data).hexdigest() != expected:
        return "is not what was written"
    return "" if snapshot == head else "is of an older snapshot"


def _fits(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            whole = np.frombuffer(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ), np.uint8)
    except (OSError, ValueError):  # the second of an empty file
        return False
    crc = google_crc32c.value(cast("Any", whole[:-CRC_BYTES]))
    return crc == int.from_bytes(whole[-CRC_BYTES:].tobytes(), "little")
