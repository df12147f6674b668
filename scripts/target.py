"""A file that a command writes to: checked before the work begins, written as a whole or not at all."""

from __future__ import annotations

from pathlib import Path


def check_target(option: str, path: Path, suffix: str = "") -> None:
    """Raises UsageError where no file can be written at `path`, or its name does not end as it should."""
    from ..store.errors import UsageError

    if suffix and path.suffix.lower() != suffix:
        raise UsageError(f"{option} {path}: expected a name that ends in {suffix}")
    if path.is_dir():
        raise UsageError(f"{option} {path}: it is a folder; name a file")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{option} {path}: its folder does not exist; make it first")


def save(path: Path, data: bytes) -> None:
    """Raises BankAccessError or a leaf of it where writing fails; an older file is then as it was."""
    from ..store.files import write_atomic
    from ..store.repository import told

    def write(aside: Path) -> None:
        aside.write_bytes(data)

    with told(f"writing {path}"):
        write_atomic(path.absolute(), write)
