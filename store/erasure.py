"""The end of forgetting: what older snapshots, tags, caches and the local map hold of a patient goes.

`forgetting/<token>.json` says that this is to be done. It is written before the commit that takes the patient out of the newest
snapshot, counts only if that commit was made (whose root then has the token), and is the last to go: what a kill left half done,
the next `forget` or `compact` finishes.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import zarr

from .commit import LOCK_SECONDS
from .files import fsync_folder
from .index_folder import remove_unneeded
from .local_map import map_file
from .places import Place
from .repository import kept_snapshots, session_at, told
from .retention import expire
from .voxel_cache import forget_states, forget_voxels

if TYPE_CHECKING:
    from .bank import Bank

FOLDER = "forgetting"
FORGOT = "forgot"
"""The attribute of a bank's root with the tokens of what was forgotten, oldest first: whoever read the bank before can tell."""
_TOKENS = 1000
_HOUR = timedelta(hours=1)
_HOLDING = "quarantine"
"""The folder of files that no snapshot lists and that may hold anything of a patient. Artifacts count by being listed, as tables do."""


@dataclass(frozen=True)
class Pending:
    """A patient whose erasure was begun."""

    token: str
    clean: tuple[str, ...]
    """Snapshots that hold nothing of the patient; those that have the token are clean, too."""
    volumes: tuple[str, ...]
    paths: tuple[str, ...]
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Finished:
    """What the end of forgetting removed."""

    tags: tuple[str, ...] = ()
    snapshots: int = 0
    files: int = 0


def tokens(root: zarr.Group) -> tuple[str, ...]:
    """What was forgotten so far, as a snapshot or a commit has it: one that differs has fewer patients."""
    return tuple(cast("list[str]", root.attrs.get(FORGOT, [])))


def add_token(root: zarr.Group, token: str) -> None:
    root.attrs[FORGOT] = cast("Any", [*tokens(root), token][-_TOKENS:])


def write_pending(place: Place, pending: Pending) -> None:
    place.write(_name(pending.token), json.dumps(asdict(pending)).encode())


def drop_pending(place: Place, token: str) -> None:
    place.delete(_name(token))


def finish(bank: Bank) -> Finished | None:
    """Finish what was begun, and say what was removed; None where nothing was begun.

    Raises:
        BankDamagedError: a file of a snapshot is damaged, so that nothing can be expired; `scanbank doctor` comes first.
        BankLockedError: another process is writing.
    """
    if not _pending(bank.place):
        return None
    with bank.place.writer("forget", LOCK_SECONDS):
        bank.refresh()
        done = set(tokens(bank.snapshot.root))
        found = _pending(bank.place)
        begun = {pending: since for pending, since in found.items() if pending.token in done}
        # With the lock held nobody is between the note and the commit; on an object store somebody may be.
        late = datetime.now(UTC) if bank.place.folder else datetime.now(UTC) - _HOUR
        for pending, since in found.items():
            if pending not in begun and since < late:
                drop_pending(bank.place, pending.token)
        if not begun:
            return None
        removed = _remove(bank, list(begun), min(begun.values()))
        ids = {one for pending in begun for one in pending.ids}
        for pending in found:
            # one that was never committed names the same patient: it was begun, killed, and begun again
            if pending in begun or not ids.isdisjoint(pending.ids):
                drop_pending(bank.place, pending.token)
    bank.refresh()
    return removed


def _pending(place: Place) -> dict[Pending, datetime]:
    """With the time at which they were begun, by the clock of the place."""
    found: dict[Pending, datetime] = {}
    for entry in place.entries(FOLDER):
        if entry.name.endswith(".json"):
            found[_read(entry.name, place.read(entry.name))] = entry.modified
    return found


def _read(name: str, data: bytes) -> Pending:
    token = name.rpartition("/")[2].removesuffix(".json")
    try:
        about: Mapping[str, Any] = json.loads(data)
        pending = Pending(about["token"], *(tuple(map(str, about[part])) for part in ("clean", "volumes", "paths", "ids")))
        if pending.token == token:
            return pending
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    # It cannot be read, but that it is there says that something is to go: no older snapshot is known to be clean then.
    return Pending(token, (), (), (), ())


def _remove(bank: Bank, begun: Collection[Pending], since: datetime) -> Finished:
    from .compact import collect  # which calls this module itself

    # In a folder no other writer is at work. On an object store there may be: what those wrote who began after us stays.
    before = datetime.now(UTC) if bank.place.folder else since
    kept = set(kept_snapshots(bank.repository))
    tags = _drop_tags(bank, begun)
    expire(bank.place, bank.repository, 1)
    files = collect(bank, before)
    for entry in bank.place.entries(_HOLDING):
        bank.place.delete(entry.name)
        files += 1
    with told("removing indexes"):
        # of a set that held something of a patient there is a new version
        files += remove_unneeded(bank, only_present=True)
    volumes = {volume for pending in begun for volume in pending.volumes}
    forget_voxels(bank.card["bank"], volumes)
    forget_states(bank.card["bank"])
    if map_file(bank.card["bank"]).exists():
        bank.local_map.forget(volumes, {path for pending in begun for path in pending.paths})
    if bank.place.folder:  # what is removed must stay so, whatever happens to the machine, before the note of it goes
        for folder in {(bank.path / entry.name).parent for entry in bank.place.entries()}:
            fsync_folder(folder)
    return Finished(tuple(tags), len(kept - set(kept_snapshots(bank.repository))), files)


def _drop_tags(bank: Bank, begun: Collection[Pending]) -> list[str]:
    """Take away the tags of snapshots that hold one of the patients."""
    dropped: list[str] = []
    for tag, snapshot in bank.tags.items():
        root = zarr.open_group(session_at(bank.repository, snapshot).store, mode="r")
        has = set(tokens(root))
        if not all(pending.token in has or snapshot in pending.clean for pending in begun):
            with told(f"taking tag {tag!r} away"):
                bank.repository.delete_tag(tag)
            dropped.append(tag)
    return dropped


def _name(token: str) -> str:
    return f"{FOLDER}/{token}.json"
