"""Forgetting the history where it cannot be read whole any more."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import final

import icechunk

from ..checksums import FOLDER as CHECKSUMS
from ..checksums import read_checksums, snapshot_files, write_checksums
from ..places import Place
from ..places.base import FEATURES
from ..repository import BRANCH, kept_snapshots, open_repository, told
from ..retention import MARKER
from .case import FIRST, Case, snapshot_file
from .cures import Cure, Stage
from .findings import Finding
from .quarantine import Quarantine

_NAMED = 3
"""Snapshots that a finding lists by name."""


@final
@dataclass(frozen=True)
class ForgetHistory(Cure):
    """Of snapshots, not the newest, of which something is lost. All such cures are one, by `forget_history`."""

    snapshots: tuple[str, ...]
    stage: Stage = Stage.HISTORY


def not_whole(case: Case, names: Sequence[str], why: str) -> Finding:
    """Of older snapshots, and what becomes of their tags."""
    tags = [repr(tag.name) for tag in case.tags if tag.snapshot in names]
    what = f"snapshot{'s' if len(names) > 1 else ''} {', '.join(names[:_NAMED])}"
    what += f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    lost = f", and with it the tag{'s' if len(tags) > 1 else ''} {', '.join(tags)}" if tags else ""
    how = f"restore a copy of the bank; --repair forgets the history before the newest commit{lost}"
    return Finding("error", what, f"cannot be read whole: {why}", how, ForgetHistory(tuple(names)))


def forget_history(place: Place, quarantine: Quarantine, lost: Collection[str]) -> str:
    """Keep the newest snapshot and those of tags, but for tags of the snapshots `lost`. The writer's lock is held."""
    why = "of a snapshot of which something is lost"
    repository = open_repository(place, ahead=False)
    with told("forgetting what cannot be read of the history"):
        untagged = _untag(repository, quarantine, lost)
        # Icechunk walks through the history to cut it, so each step must be readable: an empty snapshot stands in.
        empty = place.read(snapshot_file(FIRST))
        for name in lost:
            quarantine.keep(snapshot_file(name), why)
            place.write(snapshot_file(name), empty)
        repository = open_repository(place, ahead=False)
        place.write(MARKER, json.dumps({"since": "repair"}).encode())
        head = repository.lookup_branch(BRANCH)
        forgotten = repository.expire_snapshots(repository.lookup_snapshot(head).written_at)
        for name, info in kept_snapshots(open_repository(place, ahead=False)).items():
            one = read_checksums(place, name)
            if one.parent != (info.parent_id or ""):
                place.sync([snapshot_file(name)])
                write_checksums(place, name, info.parent_id or "", one.sequence, snapshot_files(repository, name, info.parent_id))
        place.delete(MARKER)
        for name in lost:
            place.delete(snapshot_file(name))
            quarantine.take(f"{CHECKSUMS}/{name}.json", why)
            quarantine.take(f"{FEATURES}/transactions/{name}", why)
    tags = f", with the tags {', '.join(untagged)}" if untagged else ""
    return f"{len(forgotten | set(lost))} older snapshots forgotten{tags}"


def _untag(repository: icechunk.Repository, quarantine: Quarantine, lost: Collection[str]) -> list[str]:
    names = [tag for tag in sorted(repository.list_tags()) if repository.lookup_tag(tag) in lost]
    for tag in names:
        quarantine.keep(f"{FEATURES}/refs/tag.{tag}/ref.json", "a tag of a snapshot of which something is lost")
        repository.delete_tag(tag)
    return names
