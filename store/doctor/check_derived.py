"""Indexes and copies of feature sets: made again at any time, so what does not fit is only deleted."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import google_crc32c
import numpy as np

from ..chunks import CRC_BYTES
from ..index_folder import FOLDER, read_card, sha256_of, vectors_fit, versions_of
from .case import Case
from .cures import DiscardLocal
from .findings import Finding, Severity

_HOW = "it is made again when it is needed; --repair deletes it"
_UPDATED = "it is brought up to date when it is needed"


def check_derived(case: Case) -> Iterator[Finding]:
    """Each is of the newest snapshot, and what was written."""
    if case.card is None:
        return
    cache = case.place.cache(case.card["bank"])
    head = case.opened(case.head.snapshot)
    yield from _indexes((case.place.folder or cache) / FOLDER, versions_of(head.feature_sets) if head else None)
    for path in _files(cache):
        if path.suffix == ".npy" and not _fits(path):
            yield Finding("warning", str(path), "(a copy of what the bank holds) is not what was written", _HOW, DiscardLocal(path))


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_file())
    except OSError:
        return []


def _indexes(folder: Path, versions: dict[str, str] | None) -> Iterator[Finding]:
    """`versions`: of the sets at the newest snapshot, by digest; None where it cannot be read."""
    named: set[str] = set()
    for path in _files(folder):
        if path.suffix != ".json":
            continue
        try:
            card = read_card(path)
            files = {what: folder / name for what, name in card["files"].items()}
            severity, problem = _index(card, files, versions)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            files, severity, problem = dict[str, Path](), "warning", "cannot be read"
        named |= {path.name, *(file.name for file in files.values())}
        if problem and severity == "note":
            yield Finding(severity, str(path), f"(an index) {problem}", _UPDATED)
        elif problem:
            for one in (path, *(file for file in files.values() if file.exists())):
                yield Finding(severity, str(one), f"(an index) {problem}", _HOW, DiscardLocal(one))
    for path in _files(folder):
        if path.name not in named and path.suffix != ".tmp":
            yield Finding("warning", str(path), "(of an index) is named by no card", _HOW, DiscardLocal(path))


def _index(card: dict[str, Any], files: dict[str, Path], versions: dict[str, str] | None) -> tuple[Severity, str]:
    """What is wrong with an index."""
    for what, file in files.items():
        if what == "vectors":
            if not vectors_fit(file, card["parts"], card["dim"]):
                return "warning", "is not what was written"
        elif sha256_of(file) != card["sha256"][what]:
            return "warning", "is not what was written"
    if versions is not None and card["set"] not in versions:
        return "warning", "is of a feature set that the bank does not hold"
    if versions is not None and versions[card["set"]] != card["version"]:
        return "note", "is of an older version of its feature set"
    return "note", ""


def _fits(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            whole = np.frombuffer(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ), np.uint8)
    except (OSError, ValueError):  # the second of an empty file
        return False
    crc = google_crc32c.value(cast("Any", whole[:-CRC_BYTES]))
    return crc == int.from_bytes(whole[-CRC_BYTES:].tobytes(), "little")
