"""The writers' lock of a bank in a folder. It is the operating system's: of a process that died nothing is left to wait for."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from .errors import BankLockedError

LOCK = ".lock"
HOLDER = ".lock.holder"
"""Who holds the lock: a file of its own, because taking the lock empties the lock file."""
_PATIENCE_S = 1.0
"""Commits take less; who waits longer is told for whom."""
_log = logging.getLogger("scanbank")


@contextmanager
def writer_lock(folder: Path, doing: str, timeout_s: float) -> Iterator[None]:
    """Hold the lock of a bank. Waiting for long is logged (level WARNING), with who holds it.

    Raises:
        BankLockedError: it was not free within `timeout_s` seconds.
        OSError: the folder cannot be written to.
    """
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=min(_PATIENCE_S, timeout_s))
    except Timeout:
        _log.warning("waiting for %s, which is writing to %s", _holder(folder), folder)
        try:
            lock.acquire(timeout=max(0.0, timeout_s - _PATIENCE_S))
        except Timeout as error:
            raise BankLockedError(
                f"{_holder(folder)} has been writing to {folder} for longer than {timeout_s:g} s; wait for it to end, or stop it"
            ) from error
    try:
        _sign(folder, doing)
        yield
    finally:
        with suppress(OSError):
            (folder / HOLDER).unlink(missing_ok=True)
        lock.release()


def _sign(folder: Path, doing: str) -> None:
    about = {"pid": os.getpid(), "host": socket.gethostname(), "doing": doing, "since": datetime.now(UTC).isoformat(timespec="seconds")}
    with suppress(OSError):  # whether there is space for the commit itself is not told here
        (folder / HOLDER).write_text(json.dumps(about), "utf-8")


def _holder(folder: Path) -> str:
    try:
        about: Any = json.loads((folder / HOLDER).read_text("utf-8"))
        here = about["host"] == socket.gethostname()
        where = "" if here else f" on {about['host']}"
        return f"process {int(about['pid'])}{where} ({about['doing']}, since {about['since']})"
    except (OSError, ValueError, KeyError, TypeError):  # just taken, or just given back
        return "another process"
