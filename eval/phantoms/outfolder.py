"""The folder that a cohort is written to: what may stand there, what may be removed, and whether there is room."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

from ...store.errors import BankAccessError, BankExistsError
from .tables import COLUMNS

CARD = "cohort.json"
"""Written last: a folder without it is not finished."""
MARK = ".unfinished-phantoms"
"""Stands in a folder while a cohort is written to it."""
README = "README.txt"

_ID = r"PHANTOM-[A-Z]+-\d{5,}"
_FILES = re.compile(
    rf"dicom/{_ID}/\d+/\d+/IM\d{{4,}}\.dcm"
    rf"|masks/nifti/{_ID}/\d+/\d+/\w+\.nii\.gz|masks/seg/{_ID}/\d+/\d+\.dcm"
    rf"|{re.escape(MARK)}|\.?({'|'.join(re.escape(f'{name}.csv') for name in COLUMNS)}|{CARD}|{README})(\.\w+\.tmp)?"
)
"""Everything that a cohort's folder may hold, relative to it."""
_FOLDERS = re.compile(rf"(dicom|masks|masks/nifti|masks/seg)|(dicom|masks/nifti|masks/seg)/{_ID}(/\d+){{0,2}}")


def check(out: Path, *, force: bool, needed: int) -> None:
    """Refuse a folder that a cohort may not be written to. Changes nothing.

    Args:
        out: the folder.
        force: a cohort that is there may be replaced.
        needed: bytes that will be written.

    Raises:
        BankExistsError: something is there.
        BankAccessError: no space.
    """
    own = 0
    if out.exists():
        if not out.is_dir():
            raise BankExistsError(f"{out} is a file; expected a new or an empty folder")
        if any(out.iterdir()):
            _check_what_is_there(out, force)
            own = sum(path.stat().st_size for path in _walk(out) if path.is_file())
    standing = next(parent for parent in (out, *out.absolute().parents) if parent.exists())
    free = shutil.disk_usage(standing).free + own
    if free < needed:
        raise BankAccessError(
            f"{out}: {needed / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB are free; "
            "make room, or choose another folder or fewer patients"
        )


def _check_what_is_there(out: Path, force: bool) -> None:
    cohort = _cohort_of(out)
    if cohort is None and not (out / MARK).is_file():
        raise BankExistsError(f"{out} is not empty and holds no phantom cohort; choose a new or an empty folder")
    if not force:
        there = cohort if cohort and not (out / MARK).is_file() else "a phantom cohort that was not finished"
        raise BankExistsError(f"{out} holds {there}; choose another folder, or replace it with --force")
    foreign = sorted(str(path.relative_to(out)) for path in _walk(out) if not _is_own(path, out))
    if foreign:
        some = ", ".join(foreign[:3]) + (f" and {len(foreign) - 3} more" if len(foreign) > 3 else "")
        raise BankExistsError(f"{out} holds {some}, not written by `scanbank phantom`; move that away, or choose another folder")


def _cohort_of(out: Path) -> str | None:
    """The finished cohort of a folder, in words."""
    try:
        card = json.loads((out / CARD).read_text(encoding="utf-8"))
        return f"the phantom cohort {card['cohort']}, seed {card['seed']}, of {card['patients']} patients"
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _walk(out: Path) -> list[Path]:
    """All files, links and folders below, deepest first."""
    return [Path(folder, name) for folder, folders, files in os.walk(out, topdown=False) for name in (*files, *folders)]


def _is_own(path: Path, out: Path) -> bool:
    name = path.relative_to(out).as_posix()
    return not path.is_symlink() and bool((_FOLDERS if path.is_dir() else _FILES).fullmatch(name))


def clear(out: Path) -> None:
    """Remove what a cohort wrote, but for the mark. Anything else stays."""
    for path in _walk(out):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif _is_own(path, out) and path.name != MARK:
            path.unlink()
