"""The command `scanbank demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_OURS = ("chest", "head", "search", "study")
"""What files and folders of a demo are called, before the first dot."""


def demo(
    out: Annotated[Path, typer.Argument(metavar="[OUT]", help="Folder for everything it makes; run it again there to go on.")] = Path(
        "demo"
    ),
    study: Annotated[
        bool,
        typer.Option(
            "--study",
            help="Instead, in about eight minutes: two encoders of chests adapted to heads, every way compared.",
        ),
    ] = False,
) -> None:
    """See in three minutes what scanbank is for: phantoms as DICOM, ingest, embed, zero-shot, few-shot, search, SQL, report."""
    from ..store.errors import UsageError
    from ..store.repository import told
    from .demo import run_demo
    from .demo_study import run_demo_study

    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; name a folder for the demo")
    with told(f"making the folder {out}"):
        out.mkdir(parents=True, exist_ok=True)
        foreign = foreign_in(out)
    if foreign:
        raise UsageError(f"{out} holds other things than a demo's ({foreign[0]}); name a new or empty folder")
    if study:
        run_demo_study(out)
    else:
        run_demo(out)


def foreign_in(out: Path) -> list[str]:
    """Names in a folder that no demo gives."""
    return sorted(path.name for path in out.iterdir() if path.name.partition(".")[0] not in _OURS)
