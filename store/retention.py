"""Which snapshots stay, and what goes with the others. Whoever calls these holds the writer's lock."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime

import icechunk

from .artifacts import FOLDER as ARTIFACTS
from .checksums import FOLDER as CHECKSUMS
from .checksums import read_checksums, snapshot_files, write_checksums
from .errors import BankDamagedError
from .places import Place
from .places.base import FEATURES
from .repository import BRANCH, kept_snapshots, told

MARKER = "compacting.json"
"""There while snapshots are rewritten: what a kill left half done is finished by the next `compact`."""


def expire(place: Place, repository: icechunk.Repository, keep: int) -> int:
    """Forget all snapshots but those with tags and the last `keep` of the history, and say how many were forgotten.

    Raises:
        BankDamagedError: a file of a snapshot that stays is not what was written; it must not be given a new digest.
    """
    before = kept_snapshots(repository)
    history = [name for name, _ in zip((s.id for s in repository.ancestry(branch=BRANCH)), range(keep), strict=False)]
    interrupted = is_compacting(place)
    if not interrupted:
        for name in before:
            check_files(place, name)
    place.write(MARKER, json.dumps({"since": datetime.now(UTC).isoformat(timespec="seconds")}).encode())
    with told("expiring snapshots"):
        repository.expire_snapshots(before[[name for name in history if name in before][-1]].written_at)
    after = kept_snapshots(repository)
    for name, info in after.items():
        # Icechunk writes a snapshot anew where the one before it went.
        if interrupted or info.parent_id != before[name].parent_id:
            place.sync([f"{FEATURES}/snapshots/{name}"])
            sequence = read_checksums(place, name).sequence
            write_checksums(place, name, info.parent_id or "", sequence, snapshot_files(repository, name, info.parent_id))
    place.delete(MARKER)
    return len(before) - len(after)


def is_compacting(place: Place) -> bool:
    """Whether a compaction was killed while it rewrote snapshots, or is at it now."""
    try:
        place.read(MARKER)
    except FileNotFoundError:
        return False
    return True


def check_files(place: Place, snapshot: str) -> None:
    """Compare the repository's files that a commit wrote with their digests. Raises BankDamagedError."""
    for name, why in damaged_files(place, snapshot):
        raise BankDamagedError(f"{name} {why}; restore it from a copy of the bank, or see `scanbank doctor`")


def damaged_files(place: Place, snapshot: str) -> Iterator[tuple[str, str]]:
    """(name, what is wrong) of files that are not what the commit wrote."""
    try:
        listed = read_checksums(place, snapshot).files
    except FileNotFoundError:
        yield f"{CHECKSUMS}/{snapshot}.json", "is missing"
        return
    except BankDamagedError:
        yield f"{CHECKSUMS}/{snapshot}.json", "is not what was written"
        return
    for name, expected in listed.items():
        try:
            data = place.read(name)
        except FileNotFoundError:
            yield name, "is missing"
            continue
        if hashlib.sha256(data).hexdigest() != expected["sha256"]:
            yield name, "is not what was written"


def sweep(place: Place, listed: Collection[str], snapshots: Iterable[str], before: datetime) -> tuple[int, int]:
    """Remove files that no snapshot lists: of tables, artifacts, checksums, and what a kill left aside.

    Args:
        place: of the bank.
        listed: names of files of tables and artifacts that a snapshot lists.
        snapshots: that stay.
        before: younger files stay, as they may be of a commit that is under way.

    Returns:
        Files removed, and their bytes.
    """
    known = {f"{CHECKSUMS}/{snapshot}.json" for snapshot in snapshots}
    count = total = 0
    for entry in place.entries():
        folder = entry.name.partition("/")[0]
        aside = entry.name.endswith(".tmp") or (folder == FEATURES and "#" in entry.name)
        unlisted = (folder in ("tables", ARTIFACTS) and entry.name not in listed) or (folder == CHECKSUMS and entry.name not in known)
        if (aside or unlisted) and entry.modified < before:
            place.delete(entry.name)
            count, total = count + 1, total + entry.bytes
    return count, total
