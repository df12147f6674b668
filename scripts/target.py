"""A file that a command writes to: checked before the work begins, written as a whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def check_target(option: str, path: Path, *suffixes: str) -> None:
    """Raises UsageError where no file can be written at `path`, it lies in a bank, or its name does not end in one of `suffixes`."""
    from ..store.errors import UsageError

    if path.is_dir():
        raise UsageError(f"{option} {path}: it is a folder; name a file")
    if suffixes and path.suffix.lower() not in suffixes:
        raise UsageError(f"{option} {path}: expected a name that ends in {' or '.join(suffixes)}")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{option} {path}: its folder does not exist; make it first")
    _check_outside(option, path)


def check_folder(option: str, path: Path) -> None:
    """Raises UsageError where no folder can be made at `path`, or it lies in a bank."""
    from ..store.errors import UsageError

    if path.exists() and not path.is_dir():
        raise UsageError(f"{option} {path}: it is a file; name a folder")
    _check_outside(option, path / "new")


def _check_outside(option: str, path: Path) -> None:
    from ..store.errors import UsageError

    inside = next(
        (folder for folder in path.resolve().parents if (folder / "bank.json").is_file() and (folder / "features").is_dir()), None
    )
    if inside:
        raise UsageError(f"{option} {path}: it lies in the bank {inside}, whose files are its own; choose another place")


def save(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Write bytes, or pieces one after the other. A link is followed; into a pipe or device they go as they are.

    Raises:
        BankAccessError: or a leaf of it, where writing fails; an older file is then as it was.
    """
    from ..store.files import write_atomic
    from ..store.repository import told

    def write(to: Path) -> None:
        with to.open("wb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)

    with told(f"writing {path}"):
        if path.exists() and not path.is_file():
            write(path)
        else:
            write_atomic(path.resolve(), write)
