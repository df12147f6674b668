"""What lies in `indexes/`, without a word of FAISS: cards that name files, which of them count, and who may write.

An index is a card (`NAME.json`) and the files that it names. Files are written aside, then renamed with the card last, with the
lock held. A file that no card names is nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import google_crc32c
from filelock import FileLock, Timeout

from .digests import spec_digest
from .errors import BankLockedError
from .features import FeatureSet

if TYPE_CHECKING:
    from .bank import Bank

FOLDER = "indexes"
FORMAT = 3
PREFIX = 64
"""Bytes of zero before the first row of a file of vectors, so that rows are aligned and FAISS can be told what it reads."""
_WAIT_SECONDS = 60.0
_READ_BYTES = 2**24


def index_folder(bank: Bank) -> Path:
    """In the bank, or where it lies on an object store, with what else is kept of it on this machine."""
    return (bank.place.folder or bank.cache) / FOLDER


def index_bytes(bank: Bank) -> int:
    """Of every file of an index, or on its way to be one."""
    total = 0
    with suppress(OSError):  # nothing there, or just removed
        for path in index_folder(bank).iterdir():
            total += path.stat().st_size
    return total


@contextmanager
def placing(bank: Bank) -> Iterator[None]:
    """Around renaming files into place, and removing them: for moments. Raises BankLockedError; OSError where nothing can be written."""
    with _held(bank.cache, "placing", _WAIT_SECONDS, bank.name):
        yield


@contextmanager
def building(bank: Bank, wait_s: float) -> Iterator[None]:
    """Around making an index, so that no two processes make the same. Raises BankLockedError after `wait_s` seconds, or OSError.

    What lies aside then is of a process that was killed, and is removed.
    """
    with _held(bank.cache, "building", wait_s, bank.name):
        for path in _aside(bank):
            path.unlink(missing_ok=True)
        yield


def read_card(path: Path) -> dict[str, Any]:
    """The card in a file, which says its own digest. Raises OSError or ValueError where there is none, or one of another format."""
    try:
        card = json.loads(path.read_text("utf-8"))
    except RecursionError as error:
        raise ValueError(f"{path.name} is no card of an index: it is nested too deeply") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT or card.pop("digest", "") != spec_digest(card):
        raise ValueError(f"{path.name} is no card of an index, of format {FORMAT}")
    return cast("dict[str, Any]", card)


def card_text(card: Mapping[str, Any]) -> str:
    """What `read_card` reads. `files` (what to name), `set` and `version` are for whoever knows nothing of FAISS."""
    return json.dumps({**card, "digest": spec_digest(dict(card))}, indent=1) + "\n"


def vectors_fit(path: Path, parts: Sequence[Mapping[str, int]], dim: int) -> bool:
    """Whether a file of vectors holds what was written in these parts (`rows`, `crc32c`). Raises OSError."""
    with path.open("rb") as file:
        if file.read(PREFIX) != bytes(PREFIX):
            return False
        for part in parts:
            left, crc = 4 * dim * part["rows"], 0
            while left and (data := file.read(min(left, _READ_BYTES))):
                left, crc = left - len(data), google_crc32c.extend(crc, data)
            if left or crc != part["crc32c"]:
                return False
    return True


def unneeded(folder: Path, versions: Mapping[str, str], *, only_present: bool) -> list[Path]:
    """Files in the folder that belong to no index of these sets, by name.

    Args:
        folder: of the indexes.
        versions: of feature sets, by digest.
        only_present: whether an index of an older version of its set is unneeded, too. One that is kept is brought up to date.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix != ".tmp") if folder.is_dir() else []
    needed: set[str] = set()
    for path in files:
        if path.suffix != ".json":
            continue
        try:
            card = read_card(path)
        except (OSError, ValueError):
            continue
        version = versions.get(str(card.get("set")))
        if version is not None and (card.get("version") == version or not only_present):
            needed |= {path.name, *card["files"].values()}
    return [path for path in files if path.name not in needed]


def versions_of(sets: list[FeatureSet]) -> dict[str, str]:
    """Of feature sets, by digest."""
    return {one.digest: one.version for one in sets}


def remove_unneeded(bank: Bank, *, only_present: bool) -> int:
    """Remove what `unneeded` lists and say how many files that were. Raises as `placing` does where there are any.

    What a process that was killed left aside may be of anybody and goes, too; one that lives removes its own.
    """
    folder = index_folder(bank)
    if _aside(bank):
        with suppress(BankLockedError), building(bank, 0.0):
            pass
    if not unneeded(folder, versions_of(bank.feature_sets), only_present=only_present):
        return 0
    with placing(bank):
        found = unneeded(folder, versions_of(bank.feature_sets), only_present=only_present)
        for path in found:
            path.unlink(missing_ok=True)
    return len(found)


def sha256_of(path: Path) -> str:
    """Of a file, read in parts."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _aside(bank: Bank) -> list[Path]:
    return list(index_folder(bank).glob("*.tmp"))


@contextmanager
def _held(cache: Path, doing: str, wait_s: float, name: str) -> Iterator[None]:
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(cache / f".indexes.{doing}", timeout=wait_s, mode=0o600)
    try:
        lock.acquire()
    except Timeout as error:
        raise BankLockedError(
            f"another process has been making an index of {name} for longer than {wait_s:g} s; wait for it to end"
        ) from error
    try:
        yield
    finally:
        lock.release()
