"""Writing files so that a reader sees all of one or nothing: aside, fsync, rename, fsync of the folder."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

OTHERS = 0o077
"""The bits of a mode that let group or others at a file."""


def fsync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_atomic(path: Path, write: Callable[[Path], None]) -> None:
    """Call `write` with a path beside `path`, sync what it wrote and rename it into place."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        write(aside)
        fd = os.open(aside, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        aside.replace(path)
    except BaseException:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise
    fsync_folder(path.parent)


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """A new folder of these files, by name; it is there as a whole or not at all. Its missing parents are made."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    aside.mkdir()
    try:
        for name, content in files.items():
            with (aside / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        fsync_folder(aside)
        aside.rename(folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    fsync_folder(folder.parent)


def private_folder(folder: Path) -> None:
    """Make a folder of mode 0700, its missing parents too, whatever the umask; one that is there stays as it is."""
    for made in (*reversed(folder.parents), folder):
        if not made.exists():
            made.mkdir(exist_ok=True, mode=0o700)  # parents=True would give parents the mode of any other folder


def write_private(path: Path, data: bytes) -> None:
    """A new file of mode 0600 in a folder of mode 0700. Raises FileExistsError where there is one."""
    private_folder(path.parent)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fsync_folder(path.parent)
