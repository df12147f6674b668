"""The Icechunk repository of a bank: opening it, and its errors in words."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import icechunk

from .errors import BankAccessError, ScanbankError, UsageError

BRANCH = "main"
_FOLDER = "features"


def _storage(bank: Path) -> icechunk.Storage:
    # Icechunk warns at every open that local commits must not race; the writer's lock sees to that.
    icechunk.set_logs_filter("error")
    return icechunk.local_filesystem_storage(str(bank / _FOLDER))


def create_repository(bank: Path) -> icechunk.Repository:
    with told(f"creating the bank {bank}"):
        return icechunk.Repository.create(_storage(bank))


def open_repository(bank: Path) -> icechunk.Repository:
    with told(f"opening the bank {bank}"):
        return icechunk.Repository.open(_storage(bank))


def session_at(repository: icechunk.Repository, at: str | None) -> icechunk.Session:
    """A read-only session on the newest snapshot, or on the snapshot or tag `at` (a unique beginning of an id will do).

    Raises:
        UsageError: no snapshot or tag of that name.
    """
    if at is None:
        return repository.readonly_session(branch=BRANCH)
    if at in repository.list_tags():
        return repository.readonly_session(tag=at)
    ids = [s.id for s in repository.ancestry(branch=BRANCH) if s.id.startswith(at.upper())]
    if len(ids) != 1:
        found = "none" if not ids else f"{len(ids)} of them"
        raise UsageError(f"snapshot {at!r}: expected a tag or the beginning of one snapshot's id, found {found}; `scanbank log` lists them")
    return repository.readonly_session(snapshot_id=ids[0])


@contextmanager
def told(doing: str) -> Iterator[None]:
    """Turn what storage raises into one line that says what was being done."""
    try:
        yield
    except ScanbankError:
        raise
    except icechunk.IcechunkError as error:
        text = str(error)
        line = next((part.strip(" │├╰─▶×") for part in text.splitlines() if part.strip(" │├╰─▶×")), type(error).__name__)
        reason = "no space left" if "No space left" in text else "permission denied" if "ermission denied" in text else line
        raise BankAccessError(f"{doing} failed: {reason}") from error
    except OSError as error:
        reason = {errno.ENOSPC: "no space left", errno.EACCES: "permission denied", errno.EROFS: "read-only file system"}.get(
            error.errno or 0, f"{type(error).__name__}: {error.strerror}"
        )
        raise BankAccessError(f"{doing} failed: {reason}") from error
