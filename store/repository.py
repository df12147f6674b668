"""The Icechunk repository of a bank: opening it, and its errors in words."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

import icechunk

from .errors import BankAccessError, BankDamagedError, ScanbankError, UsageError
from .places import Place
from .places.base import FEATURES

BRANCH = "main"
# Icechunk has one class for all its errors: what they are is in their text, whose first line may be as little as "I/O error".
_DAMAGED = re.compile(
    r"not found|No such file|doesn't exist|incomplete frame|corrupt|range was invalid|serializ|invalid (file|spec)|flatbuffer|unexpected"
    r"|unknown frame|frame descriptor",
    re.IGNORECASE,
)
_REFUSED = ("no space left", "permission denied", "read-only file system")
_FILE = re.compile(rf"{FEATURES}/[\w./-]+|(?<=_id=)[0-9A-Z]{{20}}")


def create_repository(place: Place) -> icechunk.Repository:
    with told(f"creating the bank {place.name}"):
        return icechunk.Repository.create(place.storage())


def open_repository(place: Place, *, ahead: bool = True) -> icechunk.Repository:
    """`ahead`: whether manifests may be read before they are asked for. Damaged ones are complained of on stderr then."""
    with told(f"opening the bank {place.name}"):
        return icechunk.Repository.open(place.storage(), config=_config(place, ahead))


def _config(place: Place, ahead: bool) -> icechunk.RepositoryConfig:
    """From a disk, Icechunk fetches a chunk in pieces side by side: two are fastest; what comes as one is read in small, slow steps."""
    config = icechunk.RepositoryConfig()
    if place.folder is not None:
        pieces = icechunk.StorageConcurrencySettings(max_concurrent_requests_for_object=2, ideal_concurrent_request_size=4096)
        config.storage = icechunk.StorageSettings(concurrency=pieces)
    if not ahead:
        config.manifest = icechunk.ManifestConfig(preload=icechunk.ManifestPreloadConfig(max_total_refs=0))
    return config


def session_at(repository: icechunk.Repository, at: str | None) -> icechunk.Session:
    """A read-only session on the newest snapshot, or on the snapshot or tag `at` (a unique beginning of an id will do).

    Raises:
        UsageError: no snapshot or tag of that name.
    """
    if at is None:
        return repository.readonly_session(branch=BRANCH)
    if at in repository.list_tags():
        return repository.readonly_session(tag=at)
    ids = [s for s in kept_snapshots(repository) if s.startswith(at.upper())]
    if len(ids) != 1:
        found = "none" if not ids else f"{len(ids)} of them"
        raise UsageError(f"snapshot {at!r}: expected a tag or the beginning of one snapshot's id, found {found}; `scanbank log` lists them")
    return repository.readonly_session(snapshot_id=ids[0])


def kept_snapshots(repository: icechunk.Repository) -> dict[str, icechunk.SnapshotInfo]:
    """Every snapshot that can be read, by id: those of the branch, newest first, then those that only a tag keeps.

    Icechunk's first, which comes before there is a bank, is left out.
    """
    found = {s.id: s for s in repository.ancestry(branch=BRANCH)}
    for tag in sorted(repository.list_tags()):
        found |= {s.id: s for s in repository.ancestry(tag=tag) if s.id not in found}
    return {name: info for name, info in found.items() if info.parent_id is not None}


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
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of Rust, where a folder cannot be used; it is no Exception and cannot be imported
            raise
        raise BankAccessError(f"{doing} failed: {str(error).partition(', context')[0]}") from error


def _in_words(doing: str, error: icechunk.IcechunkError) -> ScanbankError:
    # It comes wrapped to lines of 80 characters, in a frame, with what Icechunk was doing behind it.
    text = " ".join(filter(None, (re.sub(r"^[\s│├╰─▶×|`>-]*(x )?", "", line).strip() for line in str(error).splitlines())))
    refused = next((words for words in _REFUSED if words.lower() in text.lower()), None)
    if refused:
        return BankAccessError(f"{doing} failed: {refused}")
    if _DAMAGED.search(text):
        named = _FILE.search(text)
        what = f"a file under {FEATURES}/ ({named[0].removeprefix(f'{FEATURES}/')})" if named else f"a file under {FEATURES}/"
        return BankDamagedError(f"{doing} failed: {what} is missing or damaged; restore it from a copy of the bank")
    return BankAccessError(f"{doing} failed: {text.partition(' context: ')[0] or type(error).__name__}")
