"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

# Text, not a Path: that would make one slash of the two in s3://.
BankPath = Annotated[str, typer.Argument(metavar="BANK", help="Folder of the bank, or s3://BUCKET/PREFIX.", show_default=False)]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key-file", help="Key of the bank, where it is not in the usual folder (also $SCANBANK_KEY_FILE).", show_default=False),
]
At = Annotated[str | None, typer.Option("--at", metavar="SNAPSHOT", help="The bank as it was at this snapshot or tag.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

ALL = "all"
"""Shots: the whole training side."""


class Format(StrEnum):
    """How a query's answer is printed."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


def listed(values: Iterable[str] | None) -> tuple[str, ...]:
    """Names from options that take commas and may be repeated."""
    return tuple(name.strip() for value in values or () for name in value.split(",") if name.strip())


def shots_of(text: str) -> tuple[int | None, ...]:
    """Numbers of shots with commas, None for `all`. Raises UsageError for what is none."""
    from ..store.errors import UsageError

    words = listed([text])
    wrong = [word for word in words if word != ALL and not (word.isascii() and word.isdigit() and word.strip("0") and len(word) < 19)]
    if wrong or not words:
        raise UsageError(
            f"--shots holds {', '.join(map(repr, wrong)) or 'nothing'}; expected whole numbers from 1, or all: --shots 1,5,all"
        )
    return tuple(None if word == ALL else int(word) for word in words)
