"""The Icechunk repository of a bank: opening it, and its errors in words."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import icechunk

from .errors import BankAccessError, BankDamagedError, ScanbankError, UsageError

BRANCH = "main"
_FOLDER = "features"
# Icechunk has one class for all its errors: what they are is in their text, whose first line may be as little as "I/O error".
_DAMAGED = re.compile(
    r"not found|No such file|doesn't exist|incomplete frame|corrupt|range was invalid|serializ|invalid (file|spec)|flatbuffer|unexpected"
    r"|unknown frame|frame descriptor",
    re.IGNORECASE,
)
_FILE = re.compile(rf"{_FOLDER}/[\w./-]+|(?<=_id=)[0-9A-Z]{{20}}")


def _storage(bank: Path) -> icechunk.Storage:
    # Icechunk warns at every open that local commits must not race; the writer's lock sees to that.
    icechunk.set_logs_filter("error")
    return icechunk.local_filesystem_storage(str(bank / _FOLDER))


def _config() -> icechunk.RepositoryConfig:
    """Icechunk fetches a chunk in pieces side by side: two are fastest on a disk; what comes as one is read in small, slow steps."""
    pieces = icechunk.StorageConcurrencySettings(max_concurrent_requests_for_object=2, ideal_concurrent_request_size=4096)
    return icechunk.RepositoryConfig(storage=icechunk.StorageSettings(concurrency=pieces))


def create_repository(bank: Path) -> icechunk.Repository:
    with told(f"creating the bank {bank}"):
        return icechunk.Repository.create(_storage(bank))


def open_repository(bank: Path) -> icechunk.Repository:
    with told(f"opening the bank {bank}"):
        return icechunk.Repository.open(_storage(bank), config=_config())


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
        raise _in_words(doing, error) from error
    except OSError as error:
        reason = {errno.ENOSPC: "no space left", errno.EACCES: "permission denied", errno.EROFS: "read-only file system"}.get(
            error.errno or 0, f"{type(error).__name__}: {error.strerror}"
        )
        raise BankAccessError(f"{doing} failed: {reason}") from error


def _in_words(doing: str, error: icechunk.IcechunkError) -> ScanbankError:
    text = str(error)
    if "No space left" in text or "ermission denied" in text:
        return BankAccessError(f"{doing} failed: {'no space left' if 'No space left' in text else 'permission denied'}")
    if _DAMAGED.search(text):
        named = _FILE.search(text)
        what = f"a file under {_FOLDER}/ ({named[0].removeprefix(f'{_FOLDER}/')})" if named else f"a file under {_FOLDER}/"
        return BankDamagedError(f"{doing} failed: {what} is missing or damaged; restore it from a copy of the bank")
    lines = (re.sub(r"^[\s│├╰─▶×|`>-]*(x )?", "", line).strip() for line in text.splitlines())
    return BankAccessError(f"{doing} failed: {next(filter(None, lines), type(error).__name__)}")
