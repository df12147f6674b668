"""Tags: names for snapshots, which keep them readable."""

from __future__ import annotations

import re

import icechunk

from .commit import LOCK_SECONDS
from .errors import UnknownNameError, UsageError
from .places import Place
from .places.base import FEATURES
from .repository import session_at, told

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""What a tag or an alias may be called: fit for file names, object stores and the command line."""


def add_tag(place: Place, repository: icechunk.Repository, name: str, at: str | None) -> str:
    """Tag the snapshot `at` (an id's beginning or another tag; None for the newest) and return its id. Raises UsageError."""
    check_name("tag", name)
    with told(f"tagging {place.name}"), place.writer(f"tag {name}", LOCK_SECONDS):
        if name in repository.list_tags():
            raise UsageError(f"tag {name!r} is taken, by snapshot {repository.lookup_tag(name)}; choose another name")
        snapshot = session_at(repository, at).snapshot_id
        try:
            repository.create_tag(name, snapshot)
        except icechunk.IcechunkError as error:
            if "already exists" not in str(error) and "tag" not in str(error).lower():
                raise
            raise UsageError(f"tag {name!r} was given once and taken away, and cannot be given again; choose another name") from error
        place.sync([f"{FEATURES}/refs/tag.{name}/ref.json"])
    return snapshot


def remove_tag(place: Place, repository: icechunk.Repository, name: str) -> None:
    """Raises UnknownNameError."""
    with told(f"taking a tag of {place.name} away"), place.writer(f"tag {name}", LOCK_SECONDS):
        tags = repository.list_tags()
        if name not in tags:
            raise UnknownNameError("tag", name, tags)
        repository.delete_tag(name)


def check_name(kind: str, name: str) -> None:
    if not NAME.fullmatch(name):
        raise UsageError(f"{kind} {name!r}: expected letters, digits, dots, dashes and underscores, beginning with a letter or digit")
