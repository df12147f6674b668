"""The report: one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from ...embed.encoder import Encoder
from ...embed.named import open_named
from ...store.progress import Progress, Silent
from ...store.status import overview
from ..query_words import query_words
from .chapters import chapters
from .figures import NO_FIGURES, figures
from .hits import found_hits
from .styles import styles

if TYPE_CHECKING:
    from ...store.bank import Bank

TINY = "The encoder tiny was trained on synthetic phantoms. It shows how things work and is no clinical model."


def report(
    bank: Bank,
    *,
    queries: Sequence[str] | None = None,
    pictures: bool = True,
    opened_by: Callable[[str], Encoder] = open_named,
    progress: Progress | None = None,
) -> str:
    """The page as HTML.

    Args:
        bank: the bank, at any snapshot.
        queries: to search for, with pictures of what is found; None chooses some by the bank's findings and leaves out what cannot be
            searched or drawn, and says so; an empty list searches nothing.
        pictures: whether the scans that methods get most wrong are drawn.
        opened_by: opens an encoder by its name.
        progress: told of each part.

    Raises:
        UsageError: a query that was asked for cannot be searched.
        EncoderError: its encoder is not on this machine.
    """
    progress = progress or Silent()
    for query in queries or ():
        query_words(query)  # mistakes first
    shown, parts = overview(bank), chapters(bank)
    looks = styles(method for part in parts if part.study for method in part.study.methods)
    progress.start("charts", len(parts))
    drawn = []
    for part in parts:
        drawn.append((part, figures(bank, part.study, looks, drawn=pictures) if part.study else NO_FIGURES))
        progress.advance(note=part.title)
    studies = [part.study for part in parts if part.study and not part.study.over]
    hits, unsearched = found_hits(bank, queries, studies, opened_by, progress)
    encoders = {row["encoder"] for row in shown["feature_sets"]}
    page = Environment(
        loader=PackageLoader(__package__ or "", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return page.get_template("page.html.j2").render(
        title=bank.name.rpartition("/")[2] or "bank",
        snapshot=shown["snapshot"],
        written=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        version=version("scanbank"),
        synthetic=TINY if any(name.startswith("tiny@") for name in encoders) else "",
        counts=[(name, f"{count:,}") for name, count in shown["items"].items()],
        sets=shown["feature_sets"],
        findings=shown["labels"],
        sources=len({row["source"] for row in shown["labels"]}),
        chapters=drawn,
        hits=hits,
        unsearched=unsearched,
        left_out=shown["left_out"],
        failures=bank.sql("SELECT stage, reason, sum(files)::BIGINT AS files FROM failures GROUP BY ALL ORDER BY ALL").to_pylist(),
    )
