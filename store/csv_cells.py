"""What single cells mean. Each function takes a cell's text and says what was expected where it does not fit."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PureWindowsPath

from .csv_types import Split, Status

EXPECTED_FINDING = "expected 1, 0, -1 (uncertain) or nothing"
MAX_NAME = 64
"""Characters of a class or an attribute's value. They enter the bank in clear, so a column of free text must not pass for one."""

_INTEGER = re.compile(r"\+?(\d{1,9})(?:\.0+)?")
_FINDINGS: Mapping[str, Status | None] = {
    "": None,
    "na": None,
    "nan": None,
    "1": "present",
    "1.0": "present",
    "true": "present",
    "0": "absent",
    "0.0": "absent",
    "false": "absent",
    "-1": "uncertain",
    "-1.0": "uncertain",
}
_SPLITS: Mapping[str, Split | None] = {
    "": None,
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
}


class CellError(ValueError):
    """A cell does not fit; the message says what was found and what was expected, the caller adds line and column."""

    def __init__(self, found: str, expected: str = "") -> None:
        super().__init__(f"{found}; {expected}" if expected else found)
        self.found = found


def parse_finding(text: str) -> Status | None:
    """1 present, 0 absent, -1 uncertain (CheXpert's convention), nothing unknown.

    Also as written by pandas and R: `1.0`, `True`, and `NaN` or `NA` for nothing.
    """
    try:
        return _FINDINGS[text.strip().lower()]
    except KeyError:
        raise CellError(f"holds {shown(text)}", EXPECTED_FINDING) from None


def parse_name(text: str) -> str:
    """A class or an attribute's value: one short line, blanks around it removed."""
    name = text.strip()
    if len(name) > MAX_NAME:
        raise CellError(f"holds a text of {len(name):,} characters; expected a name of at most {MAX_NAME}")
    if not name.isprintable():
        raise CellError("holds a line break or control character; expected a short name")
    return name


def parse_split(text: str) -> Split | None:
    """`train`, `val` or `test`, or their common other names, in any case; nothing is None."""
    try:
        return _SPLITS[text.strip().lower()]
    except KeyError:
        raise CellError(f"holds {shown(text)}; expected train, val, test or nothing") from None


def parse_slice_number(text: str) -> int:
    """A slice number from 0 on; `12.0`, as pandas writes integers beside gaps, is 12."""
    if match := _INTEGER.fullmatch(text.strip()):
        return int(match[1])
    raise CellError("is empty; expected a whole number" if not text.strip() else f"holds {shown(text)}; expected a whole number")


def path_parser(folder: Path) -> Callable[[str], Path]:
    """A function from a cell to an absolute path; a relative one counts from `folder`, whose links are resolved.

    Links that a cell passes through stay as they are written, for whoever looks the path up may know it by either name.
    A path written with backslashes only is taken as a Windows path.
    """
    root = folder.resolve()

    def parse(text: str) -> Path:
        if "\0" in text:
            raise CellError("cannot be looked up (ValueError)")
        written = PureWindowsPath(text).as_posix() if "\\" in text and "/" not in text else text
        return Path(os.path.abspath(root / written))  # noqa: PTH100 - resolve() would follow links, absolute() keeps `..`

    return parse


def shown(text: str) -> str:
    """A cell's text for a message: one line, cut where it is long."""
    text = text.strip()
    return repr(text if len(text) <= 24 else text[:21] + "...")
