"""Feature sets and dense predictions: of the newest snapshot every chunk and value, of older ones every chunk not known to be sound."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import zarr

from ..dense import dense_groups
from ..features import SETS
from ..snapshot import Snapshot
from .case import FIRST, Case
from .dense_check import check_dense
from .findings import Finding
from .history import not_whole
from .reading import are_there, lost_rows
from .set_check import check_set

_Version = tuple[str, tuple[int, ...], tuple[str, ...]]
"""Path and shape of an array, and the manifests that say where its chunks are: the same chunks, then, in whatever snapshot."""


def check_vectors(case: Case) -> Iterator[Finding]:
    """Chunks fit their checksums, values are finite, and the arrays of a set, or of a run's dense predictions, agree."""
    seen: set[_Version] = set()
    head = case.opened(case.head.snapshot)
    if head is not None:
        lost = _lost(case, head)
        for digest, group in _sets(head):
            arrays = dict(group.arrays())
            seen |= {_version(case, head, array) for array in arrays.values()}
            yield from check_set(digest, group, {name for name, array in arrays.items() if array.path in lost}, case.progress)
        seen |= {_version(case, head, array) for _, group in dense_groups(head.root) for _, array in group.arrays()}
        yield from check_dense(head, lost)
    broken: dict[str, list[str]] = defaultdict(list)
    older = [name for name in case.kept if name not in (FIRST, case.head.snapshot)]
    case.progress.start("looking through vectors of older commits", len(older))
    for name in older:
        case.progress.advance()
        held = case.opened(name)
        if held is not None and (why := _of_older(case, held, seen)):
            broken[why].append(name)
    for why, names in broken.items():
        yield not_whole(case, names, why)


def _lost(case: Case, held: Snapshot) -> set[str]:
    """Paths of arrays of which Icechunk cannot say any more where their chunks are."""
    return {path for path, files in case.array_manifests(held.id).items() if any(map(case.state, files))}


def _of_older(case: Case, held: Snapshot, seen: set[_Version]) -> str:
    lost = _lost(case, held)
    named_groups = [(f"feature set {group.attrs.get('name', digest)!r}", group) for digest, group in _sets(held)]
    named_groups += [(f"predictions of run {run!r}", group) for run, group in dense_groups(held.root)]
    for named, group in named_groups:
        for name, array in group.arrays():
            version = _version(case, held, array)
            if array.path in lost:
                return f"{named} has lost where its {name!r} lies"
            if version in seen:
                continue
            # what is wrong within a chunk is found in its file (check_chunks); whose it is only reading tells
            if not are_there(array) or (case.bad_chunks and lost_rows(array)):
                return f"{named} has lost chunks of {name!r}"
            seen.add(version)
    return ""


def _sets(held: Snapshot) -> Iterator[tuple[str, zarr.Group]]:
    group = held.root.get(SETS)
    if isinstance(group, zarr.Group):
        yield from group.groups()


def _version(case: Case, held: Snapshot, array: zarr.Array) -> _Version:
    return array.path, array.shape, case.array_manifests(held.id).get(array.path, ())
