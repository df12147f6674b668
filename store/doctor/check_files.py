"""Files that nothing needs: what a kill left, what no snapshot lists, and what scanbank did not make."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from ..artifacts import FOLDER as ARTIFACTS
from ..card import CARD
from ..checksums import FOLDER as CHECKSUMS
from ..erasure import FOLDER as FORGETTING
from ..lock import HOLDER, LOCK
from ..places.base import FEATURES
from ..retention import MARKER
from .case import FIRST, Case, snapshot_file
from .cures import Discard, SetAside
from .findings import Finding

GRACE = timedelta(hours=1)
"""Younger files may be of a commit that is under way."""
_OURS = {FEATURES, "tables", CHECKSUMS, "indexes", "cache", ARTIFACTS, FORGETTING}
_WELL_KNOWN = {CARD, LOCK, HOLDER, MARKER}


def check_files(case: Case) -> Iterator[Finding]:
    """None of these is wrong: the bank is what its snapshots list."""
    old = {name for name, entry in case.entries.items() if entry.modified < case.now - GRACE}
    leftovers = {name for name in case.entries if _is_aside(name)}
    for name in sorted(leftovers & old):
        yield Finding("note", name, "was left by a writer that was stopped", "`scanbank compact` or --repair deletes it", Discard(name))
    if case.interrupted:
        problem = "tells of a compaction that was stopped before its end"
        yield Finding("note", MARKER, problem, "`scanbank compact` goes on with it", Discard(MARKER))
    for name in sorted(name for name in case.entries if name.startswith(f"{FORGETTING}/")):
        yield Finding("warning", name, "tells of a patient who is being forgotten, or was to be", "`scanbank compact` finishes it")
    needed = _needed(case)
    if needed is not None:
        for name in sorted((_listable(case) - needed - leftovers) & old):
            how = "`scanbank compact` deletes it; --repair sets it aside"
            yield Finding("note", name, "is not listed by any snapshot that is kept", how, SetAside(name, "no snapshot listed it"))
    for name in sorted(case.entries):
        if name not in _WELL_KNOWN and name.partition("/")[0] not in _OURS and name not in leftovers:
            yield Finding("note", name, "is not of scanbank's making", "it is left alone")


def _is_aside(name: str) -> bool:
    return not name.startswith("cache/") and (name.endswith(".tmp") or (name.startswith(f"{FEATURES}/") and "#" in name))


def _listable(case: Case) -> set[str]:
    """Files that count only if they are listed. What chunks count, only Icechunk can tell; `compact` asks it."""
    starts = (f"{CHECKSUMS}/", f"{ARTIFACTS}/", "tables/", *(f"{FEATURES}/{part}/" for part in ("snapshots", "manifests", "transactions")))
    return {name for name in case.entries if name.startswith(starts) and not _is_aside(name)}


def _needed(case: Case) -> set[str] | None:
    """What snapshots that are kept list; None where one of them cannot be read, as then that is not known."""
    found: set[str] = set()
    for name in case.kept:
        held = case.opened(name) if name != FIRST else None
        if (held is None and name != FIRST) or (case.has_digests and name not in case.lists):
            return None
        found |= {snapshot_file(name), f"{FEATURES}/transactions/{name}", f"{CHECKSUMS}/{name}.json", *case.manifests(name)}
        found |= set(case.lists[name].files) if name in case.lists else set()
        found |= {f"tables/{table}/{file.name}" for table, file in case.table_files(name)} if held else set()
        found |= {file.path for file in case.artifact_files(name)}
    return found
