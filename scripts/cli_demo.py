"""The command `scanbank demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Argument(metavar="[OUT]", help="Folder for everything it makes; run it again there to go on.")] = Path(
        "demo"
    ),
) -> None:
    """See in three minutes what scanbank is for: phantoms as DICOM, ingest, embed, zero-shot, few-shot, search, SQL, report."""
    from ..store.errors import UsageError
    from ..store.repository import told
    from .demo import run_demo

    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; name a folder for the demo")
    with told(f"making the folder {out}"):
        out.mkdir(parents=True, exist_ok=True)
        foreign = sorted(path.name for path in out.iterdir() if path.name.partition(".")[0] not in ("chest", "head", "search"))
    if foreign:
        raise UsageError(f"{out} holds other things than a demo's ({foreign[0]}); name a new or empty folder")
    run_demo(out)
