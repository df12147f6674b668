"""The report: one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ...embed.encoder import Encoder
from ...embed.named import open_named
from ...store.errors import ScanbankError
from ...store.progress import Progress, Silent
from ...store.status import overview
from ..contact import contact_sheet
from ..search import SearchResult, cleaned, search
from ..search_sets import searchable
from .charts import roc_chart, shots_chart
from .studies import FoundStudy, curves, found_studies, rocs, shots_label

if TYPE_CHECKING:
    from ...store.bank import Bank

QUERIES = 3
"""Searched where none is asked for: the bank's findings with results, or else those most often present."""
HITS = 5
_CURVES, _ROCS = 8, 6
"""More than these cannot be told apart in a chart."""
_PATH = re.compile(r"""(?:^|(?<=[\s('"`]))(?:~|[A-Za-z]:)?[/\\].*?(?=;|\.\s|$)""", re.DOTALL)
"""An absolute path, and what follows it up to the end of the sentence: a folder's name may hold blanks."""
_TITLES = {"auroc": "AUROC", "ap": "AP", "f1": "F1 at Youden's threshold"}
_TINY = "The encoder tiny was trained on synthetic phantoms. It shows how things work and is no clinical model."


def report(
    bank: Bank,
    *,
    queries: Sequence[str] | None = None,
    opened_by: Callable[[str], Encoder] = open_named,
    progress: Progress | None = None,
) -> str:
    """The page as HTML.

    Args:
        bank: the bank, at any snapshot.
        queries: to search for, with pictures of what is found; None chooses some by the bank's findings and leaves out what cannot be
            searched or drawn, and says so; an empty list searches nothing.
        opened_by: opens an encoder by its name.
        progress: told of each part.

    Raises:
        UsageError: a query that was asked for cannot be searched.
        EncoderError: its encoder is not on this machine.
    """
    progress = progress or Silent()
    for query in queries or ():
        cleaned(query)  # mistakes first
    shown, studies = overview(bank), found_studies(bank)
    progress.start("charts", len(studies))
    found = []
    for study in studies:
        found.append(_study(bank, study))
        progress.advance(note=study.finding)
    hits, unsearched = _hits(bank, queries, studies, opened_by, progress)
    encoders = {row["encoder"] for row in shown["feature_sets"]}
    page = Environment(loader=PackageLoader(__package__ or "", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return page.get_template("page.html.j2").render(
        title=bank.name.rpartition("/")[2] or "bank",
        snapshot=shown["snapshot"],
        written=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        version=version("scanbank"),
        synthetic=_TINY if any(name.startswith("tiny@") for name in encoders) else "",
        counts=[(name, f"{count:,}") for name, count in shown["items"].items()],
        sets=shown["feature_sets"],
        findings=shown["labels"],
        studies=found,
        hits=hits,
        unsearched=unsearched,
        left_out=shown["left_out"],
        failures=bank.sql("SELECT stage, reason, sum(files)::BIGINT AS files FROM failures GROUP BY ALL ORDER BY ALL").to_pylist(),
    )


def _study(bank: Bank, study: FoundStudy) -> dict[str, Any]:
    """A finding's tables and charts."""
    sides = ", ".join(
        f"{side} {count['present']} {study.unit}s with it and {count['absent']} without, of {count['patients']} patients"
        for side in ("train", "val", "test")
        if (count := study.counts[side])["patients"]
    )
    charts = []
    if any(shots for shots in study.shots):
        charts.append(
            {
                "svg": shots_chart(curves(study, "auroc", _CURVES), "AUROC on the test side"),
                "caption": "Mean over repeats; the band is one standard deviation." + _cut(study, _CURVES, ", zero-shot always among them"),
            }
        )
    if drawn := rocs(bank, study, _ROCS):
        caption = "ROC at each method's largest number of shots, on the test side; mean over repeats at equal false positive rates."
        charts.append({"svg": roc_chart(drawn), "caption": caption + _cut(study, _ROCS)})
    draws = "" if study.drawn is None else f" {study.drawn[1]} draws of each number of shots, seed {study.drawn[0]}."
    return {
        "finding": study.finding,
        "caption": f"By {study.unit}, labels of {study.source or 'any source'}, split {study.split}: {sides}.{draws}",
        "tables": [_table(study, metric) for metric in _TITLES],
        "shots": [shots_label(shots) for shots in study.shots],
        "reasons": sorted({cell.reason for cell in study.cells.values() if cell.reason}),
        "charts": charts,
    }


def _cut(study: FoundStudy, most: int, more: str = "") -> str:
    count = len(study.methods)
    return f" The best {most} of {count} methods{more}." if count > most else ""


def _table(study: FoundStudy, metric: str) -> dict[str, Any]:
    rows, before = [], None
    for method in study.methods:
        cells = []
        for shots in study.shots:
            cell = study.cells.get((method, shots, metric))
            mean = cell.mean if cell else None
            if cell is None or mean is None:
                cells.append({"text": "–" if cell else "", "best": False, "reason": cell.reason if cell else ""})
                continue
            text = f"{mean:.3f}"
            if cell.sd is not None:
                text += f" ± {cell.sd:.3f}"
            elif cell.lo is not None:
                text += f" ({cell.lo:.2f}–{cell.hi:.2f})"
            cells.append({"text": text, "best": round(mean, 3) == study.best(shots, metric), "reason": cell.reason})
        pool = method.features.rpartition("/")[2]
        encoder = f"{method.encoder} ({pool})" if pool in ("mean", "max") else method.encoder
        named = {"head": method.head, "encoder": encoder, "window": method.window, "prompts": method.prompts}
        rows.append(named | {"cells": cells, "first": method.head != before})
        before = method.head
    return {"title": _TITLES[metric], "rows": rows, "open": metric == "auroc"}


def _hits(
    bank: Bank, queries: Sequence[str] | None, studies: Sequence[FoundStudy], opened_by: Callable[[str], Encoder], progress: Progress
) -> tuple[list[dict[str, str]], str]:
    """Pictures of what searches find; and why there are none, where none were asked for by name."""
    asked = queries is not None
    if queries is None:
        present = bank.sql(
            "SELECT finding FROM labels WHERE status = 'present' GROUP BY finding ORDER BY count(*) DESC, finding"
        ).to_pylist()
        names = dict.fromkeys([*(s.finding for s in studies), *(row["finding"] for row in present)])
        queries = [name.replace("_", " ") for name in names][:QUERIES]
    queries = list(dict.fromkeys(queries))
    found = []
    for query in queries:
        try:
            features, encoder = searchable(bank, query, opened_by=opened_by)
            result = search(bank, encoder, features, query, k=HITS)
        except ScanbankError as error:
            if asked:
                raise
            return [], without_paths(str(error).replace(bank.name, "BANK"))
        sheet = contact_sheet(bank, result, features.key.view, progress=progress)
        file = io.BytesIO()
        sheet.save(file, "WEBP", quality=88)
        image = f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
        found.append({"query": query, "image": image, "caption": _caption(result)})
    return found, ""


def without_paths(text: str) -> str:
    """A message without the paths in it: the page is sent to others, and they tell of accounts, folders and names."""
    return _PATH.sub("…", text)


def _caption(result: SearchResult) -> str:
    return (
        f"The best slice of each of the {len(result.hits)} best studies of {result.studies}, by cosine similarity in {result.features}; "
        "the number is the score of the whole scan."
    )
