"""Digests of the repository's own files, one list a commit: chunks carry checksums of their own, what lists them does not.

`checksums/<snapshot>.json` names the files that the commit wrote, with bytes and sha256. It is written before the commit
counts, so every snapshot that counts has one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import icechunk

from .digests import canonical_json
from .errors import BankDamagedError
from .places import Place
from .places.base import FEATURES

FOLDER = "checksums"


@dataclass(frozen=True)
class Checksums:
    """What one commit wrote."""

    snapshot: str
    parent: str
    sequence: int
    """Number of the commit: the newest list tells where the branch should be."""
    files: Mapping[str, Mapping[str, Any]]
    """Name to `bytes` and `sha256`."""


def snapshot_files(repository: icechunk.Repository, snapshot: str, parent: str | None) -> list[str]:
    """The files of the repository, chunks apart, that a snapshot has and its parent has not."""
    manifests = {m.id for m in repository.lookup_snapshot(snapshot).manifests}
    before = {m.id for m in repository.lookup_snapshot(parent).manifests} if parent else set[str]()
    own = [f"{FEATURES}/snapshots/{snapshot}", *(f"{FEATURES}/manifests/{m}" for m in sorted(manifests - before))]
    return [*own, f"{FEATURES}/transactions/{snapshot}"] if parent else own


def write_checksums(place: Place, snapshot: str, parent: str, sequence: int, names: Iterable[str]) -> None:
    """Read the files and write down what they hold."""
    files: dict[str, dict[str, Any]] = {}
    for name in names:
        data = place.read(name)
        files[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    body = {"snapshot": snapshot, "parent": parent, "sequence": sequence, "files": files}
    place.write(_name(snapshot), json.dumps(body | {"sha256": _own(body)}).encode())


def read_checksums(place: Place, snapshot: str) -> Checksums:
    """The list of a commit.

    Raises:
        FileNotFoundError: there is none.
        BankDamagedError: it is not what was written.
    """
    data = place.read(_name(snapshot))
    try:
        body: dict[str, Any] = json.loads(data)
        own = body.pop("sha256")
        if own != _own(body) or body["snapshot"] != snapshot:
            raise ValueError
        return Checksums(**body)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BankDamagedError(f"{_name(snapshot)} is damaged: it is not what was written") from error


def drop_checksums(place: Place, snapshot: str) -> None:
    place.delete(_name(snapshot))


def _name(snapshot: str) -> str:
    return f"{FOLDER}/{snapshot}.json"


def _own(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(body).encode()).hexdigest()
