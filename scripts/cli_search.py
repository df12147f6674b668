"""The command `scanbank search`: the scans of a bank that a sentence fits best, and where in them."""

from __future__ import annotations

from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import At, BankPath, Json
from .output import complain, print_json, print_table, progress, say
from .text_encoders import TrustCode

if TYPE_CHECKING:
    from ..eval.search import SearchResult

_NAME_DIGITS = 12


def search(
    bank: BankPath,
    query: Annotated[str, typer.Argument(metavar="QUERY", help='What to look for, such as "left pleural effusion".', show_default=False)],
    k: Annotated[int, typer.Option("-k", min=1, help="Studies to list.")] = 10,
    encoder: Annotated[
        str,
        typer.Option(help="Search this encoder's vectors, such as tiny; by default one with a text side.", show_default=False),
    ] = "",
    window: Annotated[
        str,
        typer.Option(help="Search the feature set of this HU window, such as lung; by default what fits the query.", show_default=False),
    ] = "",
    all_series: Annotated[bool, typer.Option("--all-series", help="Search every series of a study, not its primary one alone.")] = False,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the hits' best slices into a PNG.", show_default=False)] = None,
    picture_window: Annotated[
        str, typer.Option(help="HU window of the pictures, such as mediastinum; by default what fits the query.", show_default=False)
    ] = "",
    device: Annotated[str, typer.Option(help="Where the query is encoded: auto, cpu, cuda, cuda:N or mps.")] = "auto",
    trust_code: TrustCode = False,
    at: At = None,
    json: Json = False,
) -> None:
    """Find the scans that a sentence fits best, and the slices in them. At most one scan of a study is listed."""
    from ..eval.contact import contact_sheet
    from ..eval.search import search as search_scans
    from ..eval.search_sets import foreign_window, searchable
    from ..store import Bank, parse_window
    from .target import check_target, save
    from .text_encoders import opener

    shown = parse_window(picture_window) if picture_window else None  # mistakes first, before weights load
    if png:
        check_target("--png", png, ".png")
    opened = Bank.open(bank, at=at)
    features, model = searchable(
        opened, query, encoder=encoder, window=window, opened_by=opener(device, typed=encoder, trust_code=trust_code)
    )
    result = search_scans(opened, model, features, query, k=k, all_series=all_series)
    if png:
        with progress(not json) as listener:
            drawn = BytesIO()
            contact_sheet(opened, result, features.key.view, window=shown, progress=listener).save(drawn, "PNG")
        save(png, drawn.getvalue())
    if json:
        print_json(asdict(result))
    else:
        _tell(result)
        if png:
            say(f"pictures: {png}")
    for note in () if json else filter(None, (model.note, foreign_window(features.key.view, model))):
        complain(f"note: {note}")
    _remark(result, k, bank)


def _tell(result: SearchResult) -> None:
    rows = []
    for hit in result.hits:
        best = hit.places[0] if hit.places else None
        names = (name[:_NAME_DIGITS] for name in (hit.patient, hit.study, hit.volume))
        rows.append((hit.rank, round(hit.score, 4), best and best.z_mm, best and best.index, *names))
    say(f"{result.features}, {result.searched} scan{'s' * (result.searched != 1)}")
    print_table(("rank", "score", "z_mm", "slice", "patient", "study", "volume"), rows)


def _remark(result: SearchResult, k: int, bank: str) -> None:
    """What the list does not show, on stderr."""
    if len(result.hits) < k:
        complain(f"{k} asked for, {len(result.hits)} listed: that is every study with a scan to compare")
    if result.without_vector:
        complain(
            f"{result.without_vector} scans have no vector in {result.features} and were not compared; `scanbank embed {bank}` adds them"
        )
    if result.hits and not any(hit.places for hit in result.hits):
        complain(f"no vectors along depth beside {result.features}: best slices are unknown; `scanbank embed {bank} --depth` adds them")
