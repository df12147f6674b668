"""Icechunk's own files against their digests, for every snapshot that the branch or a tag leads to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import icechunk
import zarr

from ..checksums import FOLDER as CHECKSUMS
from ..places.base import FEATURES
from .case import FIRST, Case, snapshot_file
from .check_refs import ref_bytes
from .cures import Cure, Follows, ListAgain, PutBack, Stage
from .findings import Finding
from .first import RenewFirst
from .history import not_whole

_COPY = "restore it from a copy of the bank"


def check_repository(case: Case) -> Iterator[Finding]:
    """Lists of digests are there and whole, and the files they name are what was written."""
    case.progress.start("looking through commits", len(case.kept))
    told: set[str] = set()
    for snapshot in case.kept:
        yield from _list(case, snapshot)
        yield from _own_file(case, snapshot)
        one = case.lists.get(snapshot)
        named = [name for name in (one.files if one else ()) if name != snapshot_file(snapshot)]
        for name in [*named, *case.manifests(snapshot)]:
            if name not in told and (problem := case.state(name)):
                told.add(name)
                yield _other_file(case, snapshot, name, problem)
        case.progress.advance()


def _list(case: Case, snapshot: str) -> Iterator[Finding]:
    if not case.has_digests or snapshot in case.lists:
        return
    name = f"{CHECKSUMS}/{snapshot}.json"
    problem = "is missing" if name not in case.entries else "is not what was written"
    cure = list_again(case, snapshot)
    how = "--repair takes the digests anew, as all that the commit names can be read" if cure else _COPY
    yield Finding("error", name, f"(digests of one commit's files) {problem}", how, cure)


def list_again(case: Case, snapshot: str, without: tuple[str, ...] = ()) -> Cure | None:
    """New digests of a snapshot that can be opened."""
    info = case.info(snapshot)
    if info is None:
        return None
    if snapshot == FIRST:
        return ListAgain(snapshot, "", 0)
    held = case.opened(snapshot)
    if held is None:
        return None
    return ListAgain(snapshot, info.parent_id or "", int(cast("int", held.root.attrs["sequence"])), without)


def _own_file(case: Case, snapshot: str) -> Iterator[Finding]:
    name = snapshot_file(snapshot)
    problem = case.state(name)
    if not problem:
        if case.repository is not None and case.info(snapshot) is None:
            yield _without(case, snapshot, f"{name} cannot be read by Icechunk")
        return
    if put_back := _put_back(case, snapshot, name):
        yield put_back
        return
    if snapshot == FIRST:
        yield Finding("error", name, f"(the empty snapshot before the first commit) {problem}", "--repair makes it again", RenewFirst())
    elif case.interrupted and "written" in problem and (cure := _rewritten(case, snapshot)):
        yield Finding("warning", name, "was rewritten by a compaction that was interrupted", "--repair takes its digests anew", cure)
    elif snapshot == case.head.snapshot:
        sound = next((one for one in case.history(snapshot) if one not in (snapshot, FIRST) and is_whole(case, one)), "")
        if not sound:
            yield Finding("error", name, f"(the newest commit) {problem}", f"{_COPY}: no earlier commit can be read")
            return
        lost = list(case.history(snapshot)).index(sound)
        how = f"{_COPY}; --repair goes back to the commit before it ({sound}), losing what the last {lost} commits wrote"
        cure = PutBack(case.head.file, ref_bytes(sound), f"back to snapshot {sound}: {lost} commits are lost", Stage.BRANCH)
        yield Finding("error", name, f"(the newest commit) {problem}", how, cure)
    else:
        yield _without(case, snapshot, f"{name} {problem}")


def is_whole(case: Case, snapshot: str) -> bool:
    """Whether Icechunk's files of a snapshot are all what was written."""
    return case.info(snapshot) is not None and not any(map(case.state, case.manifests(snapshot)))


def _without(case: Case, snapshot: str, why: str) -> Finding:
    if snapshot in (case.head.snapshot, FIRST):
        return Finding("error", f"snapshot {snapshot}", f"cannot be read: {why}", _COPY)
    return not_whole(case, [snapshot], why)


def _put_back(case: Case, snapshot: str, name: str) -> Finding | None:
    """Where one byte is all that has changed."""
    listed = case.lists[snapshot].files.get(name) if snapshot in case.lists else None
    cure = case.byte_put_back(name, int(listed["bytes"]), str(listed["sha256"])) if listed else None
    if cure is None:
        return None
    return Finding("error", name, "is damaged: one byte of it has changed", "--repair puts it back: the digest proves it", cure)


def _rewritten(case: Case, snapshot: str) -> Cure | None:
    """Of a snapshot that an interrupted compaction gave another parent: Icechunk reads it, and it holds what it held."""
    if case.repository is None:
        return None
    try:
        info = case.repository.lookup_snapshot(snapshot)
        session = case.repository.readonly_session(snapshot_id=snapshot)
        sequence: Any = zarr.open_group(session.store, mode="r").attrs["sequence"]
    except (icechunk.IcechunkError, ValueError, KeyError):
        return None
    return ListAgain(snapshot, info.parent_id or "", int(sequence))


def _other_file(case: Case, snapshot: str, name: str, problem: str) -> Finding:
    if put_back := _put_back(case, snapshot, name):
        return put_back
    if name.startswith(f"{FEATURES}/transactions/"):
        one = case.lists[snapshot]
        cure = ListAgain(snapshot, one.parent, one.sequence, (name,))
        how = "--repair sets it aside: it only tells what one commit changed, which nothing asks for any more"
        return Finding("error", name, problem, how, cure)
    how = f"{_COPY}; what is lost with it is said below"
    return Finding("error", name, f"(where chunks of vectors lie) {problem}", how, Follows())
