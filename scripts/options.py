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


class Format(StrEnum):
    """How a query's answer is printed."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


def listed(values: Iterable[str] | None) -> tuple[str, ...]:
    """Names from options that take commas and may be repeated."""
    return tuple(name.strip() for value in values or () for name in value.split(",") if name.strip())
