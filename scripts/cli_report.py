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
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE.html",
            help="Page to write; an older one is replaced. By default report.html, or none where only tables are asked for.",
            show_default=False,
        ),
    ] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE.md", help="Write the tables as Markdown too.", show_default=False)] = None,
    latex: Annotated[
        Path | None, typer.Option(metavar="FILE.tex", help="Write the tables as LaTeX too, with booktabs.", show_default=False)
    ] = None,
    query: Annotated[
        list[str] | None,
        typer.Option(help='Search for this and show what is found; repeat it. By default the findings with results, such as "nodule".'),
    ] = None,
    pictures: Annotated[
        bool,
        typer.Option(
            "--pictures/--no-pictures", help="Draw search hits and the hardest scans. They are scans of patients: share the page as such."
        ),
    ] = True,
    device: Annotated[str, typer.Option(help="Where queries are encoded: auto, cpu, cuda, cuda:N or mps.")] = "auto",
    trust_code: TrustCode = False,
    at: At = None,
) -> None:
    """Write one self-contained HTML page: contents, full-data and few-shot tables, charts, the hardest scans, search hits, failures."""
    from ..eval import report as reports
    from ..store import Bank
    from ..store.errors import UsageError
    from .target import check_target, save
    from .text_encoders import opener

    if query and not pictures:
        raise UsageError("--query asks for pictures and --no-pictures for none; give one of them")
    if output is None and not (markdown or latex):
        output = Path("report.html")
    for option, path, *suffixes in (("-o", output, ".html", ".htm"), ("--markdown", markdown, ".md"), ("--latex", latex, ".tex")):
        if path is not None:
            check_target(option, path, *suffixes)
    opened_by = opener(device, trust_code=trust_code)
    opened = Bank.open(bank, at=at)
    asked = [] if not pictures else query or None
    pages: list[tuple[Path, str]] = []
    if output is not None:
        with progress() as listener:
            pages.append((output, reports.report(opened, queries=asked, pictures=pictures, opened_by=opened_by, progress=listener)))
    pages += [(path, write(opened)) for path, write in ((markdown, reports.markdown), (latex, reports.latex)) if path is not None]
    for path, page in pages:
        save(path, page.encode())
        say(f"{path}  {size(len(page.encode()))}")
