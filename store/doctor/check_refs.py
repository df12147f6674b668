"""The branch and the tags: small files that say which snapshot counts. What they said can often be told from the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator

from .case import HEAD_REF, Case, Ref, snapshot_file
from .cures import Cure, PutBack, SetAside, Stage
from .findings import Finding

_CHANGED = 4
"""Bytes of a ref that may have changed for it to be told from others: ids of snapshots differ in about 19 of 20 letters."""
_BEGINNING = 24
"""Bytes of what is left of a ref that was cut: `{"snapshot":"` and some letters of an id."""


def check_refs(case: Case) -> Iterator[Finding]:
    """Each leads to a snapshot that is there."""
    if problem := _problem(case, case.head):
        cure, how = _branch(case)
        yield Finding("error", case.head.file, f"(which commit is the newest) {problem}", how, cure)
    for tag in case.tags:
        if problem := _problem(case, tag):
            cure, how = _tag(case, tag)
            yield Finding("error", tag.file, f"(tag {tag.name!r}) {problem}", how, cure)


def _problem(case: Case, ref: Ref) -> str:
    if ref.file not in case.entries:
        return "is missing"
    if not ref.snapshot:
        return "does not name a snapshot"
    if snapshot_file(ref.snapshot) in case.entries or (ref.snapshot in case.lists and case.history(ref.snapshot)):
        return ""
    return f"names snapshot {ref.snapshot!r}, which is not there"


def _branch(case: Case) -> tuple[Cure | None, str]:
    found = _resembling(case, case.head)
    if not found:
        found = newest(case)
    if not found:
        return None, "restore it from a copy of the bank: it cannot be told from what is left which commit was the newest"
    message = "the newest commit that was written whole"
    return PutBack(HEAD_REF, ref_bytes(found), f"snapshot {found}, {message}", Stage.FILES), f"--repair lets it name {found}, {message}"


def newest(case: Case) -> str:
    """The newest commit of all that have a sound list of digests; empty where that is not certain."""
    listed = sorted(case.lists.values(), key=lambda one: one.sequence)
    if not listed:
        return ""
    last = [one.snapshot for one in listed if one.sequence == listed[-1].sequence]
    if len(last) == 1:
        return last[0]
    if case.place.folder is None:
        return ""  # writers did not wait for one another, so which was first is not told by the time
    # In a folder one writer waits for the other, so the later one was made knowing that the earlier did not come to count.
    return max(last, key=lambda name: case.entries[f"checksums/{name}.json"].modified)


def _tag(case: Case, tag: Ref) -> tuple[Cure, str]:
    found = _resembling(case, tag)
    if found:
        return PutBack(tag.file, ref_bytes(found), f"snapshot {found}, which its bytes resemble"), f"--repair lets it name {found} again"
    how = "tag the snapshot again under another name (`scanbank log` lists them); --repair sets this tag aside"
    return SetAside(tag.file, "a tag that names no snapshot", Stage.FILES), how


def ref_bytes(snapshot: str) -> bytes:
    """A ref as Icechunk writes it."""
    return json.dumps({"snapshot": snapshot}, separators=(",", ":")).encode()


def _resembling(case: Case, ref: Ref) -> str:
    """The one snapshot that a damaged ref meant, if its bytes tell."""
    try:
        data = case.place.read(ref.file)
    except OSError:
        return ""
    found = [name for name in case.snapshots_listed if _like(data, ref_bytes(name)) and snapshot_file(name) in case.entries]
    return found[0] if len(found) == 1 else ""


def _like(data: bytes, written: bytes) -> bool:
    if len(data) < len(written):
        return len(data) >= _BEGINNING and written.startswith(data)
    return len(data) == len(written) and sum(a != b for a, b in zip(data, written, strict=True)) <= _CHANGED
