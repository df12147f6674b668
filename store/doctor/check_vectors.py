"""Feature sets of the newest snapshot, every chunk and value; of older ones, every chunk that is not known to be sound."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import zarr

from ..features import SETS, STAMP
from ..snapshot import Snapshot
from .case import FIRST, Case
from .findings import Finding
from .history import ForgetHistory
from .reading import are_there, lost_rows
from .set_check import check_set

_COPY = "restore features/ from a copy of the bank"


def check_vectors(case: Case) -> Iterator[Finding]:
    """Chunks fit their checksums, values are finite, and the arrays of a set agree."""
    seen: set[tuple[str, str]] = set()
    head = case.opened(case.head.snapshot)
    if head is not None:
        lost = lost_arrays(case, case.head.snapshot)
        for digest, group in _sets(head):
            seen.add((digest, _version(group, head)))
            yield from check_set(digest, group, {name for name in _arrays(group) if group[name].path in lost}, case.progress)
    older = [name for name in case.kept if name not in (FIRST, case.head.snapshot)]
    case.progress.start("looking through vectors of older commits", len(older))
    for name in older:
        case.progress.advance()
        held = case.opened(name)
        if held is not None and (why := _of_older(case, held, seen)):
            how = f"{_COPY}; --repair forgets the history, and tags whose snapshots are not whole"
            yield Finding("error", f"snapshot {name}", f"(older) is not whole: {why}", how, ForgetHistory(name))


def lost_arrays(case: Case, snapshot: str) -> set[str]:
    """Paths of arrays of which Icechunk cannot say any more where their chunks are."""
    bad = {name.rpartition("/")[2] for name in case.manifests(snapshot) if case.state(name)}
    if not bad or case.repository is None:
        return set()
    about: Any = json.loads(case.repository.inspect_snapshot(snapshot))
    return {node["path"].strip("/") for node in about["nodes"] if any(ref["id"] in bad for ref in node.get("manifest_refs") or ())}


def _of_older(case: Case, held: Snapshot, seen: set[tuple[str, str]]) -> str:
    lost = lost_arrays(case, held.id)
    for digest, group in _sets(held):
        version = (digest, _version(group, held))
        named = f"feature set {group.attrs.get('name', digest)!r}"
        if any(group[name].path in lost for name in _arrays(group)):
            return f"{named} cannot be found"
        if version in seen:
            continue
        for name in _arrays(group):
            array = cast("zarr.Array", group[name])
            # what is wrong within a chunk is found in its file (check_chunks); whose it is only reading tells
            if not are_there(array) or (case.bad_chunks and lost_rows(array)):
                return f"{named} has lost vectors"
        seen.add(version)
    return ""


def _sets(held: Snapshot) -> Iterator[tuple[str, zarr.Group]]:
    group = held.root.get(SETS)
    if isinstance(group, zarr.Group):
        yield from group.groups()


def _version(group: zarr.Group, held: Snapshot) -> str:
    return str(group.attrs.get(STAMP, held.id))


def _arrays(group: zarr.Group) -> list[str]:
    return [name for name, _ in group.arrays()]
