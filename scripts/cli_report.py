"""The command `scanbank report`: one page of what is in a bank and what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import At, BankPath
from .output import progress, say, size
from .text_encoders import TrustCode


def report(
    bank: BankPath,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE.html", help="File to write; an older one is replaced.")] = Path(
        "report.html"
    ),
    query: Annotated[
        list[str] | None,
        typer.Option(help='Search for this and show what is found; repeat it. By default the findings with results, such as "nodule".'),
    ] = None,
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="Draw search hits. They are scans of patients: share the page as such.")
    ] = True,
    device: Annotated[str, typer.Option(help="Where queries are encoded: auto, cpu, cuda, cuda:N or mps.")] = "auto",
    trust_code: TrustCode = False,
    at: At = None,
) -> None:
    """Write one self-contained HTML page: contents, few-shot tables, curves, ROC, search hits, failures."""
    from ..eval.report import report as make_report
    from ..store import Bank
    from ..store.errors import UsageError
    from .target import check_target, save
    from .text_encoders import opener

    if query and not pictures:
        raise UsageError("--query asks for pictures and --no-pictures for none; give one of them")
    check_target("-o", output, ".html", ".htm")
    opened_by = opener(device, trust_code=trust_code)
    opened = Bank.open(bank, at=at)
    asked = [] if not pictures else query or None
    with progress() as listener:
        page = make_report(opened, queries=asked, opened_by=opened_by, progress=listener).encode()
    save(output, page)
    say(f"{output}  {size(len(page))}")
