"""The command `scanbank search`: what of a bank fits words, or is like a scan, and where in it."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import At, BankPath, Json, KeyFile
from .output import complain, print_json, print_table, progress, say
from .text_encoders import TrustCode

if TYPE_CHECKING:
    from ..embed.encoder import Encoder
    from ..eval.hits import Hit, SearchResult
    from ..eval.like import Like
    from ..store import Bank

_NAME_DIGITS = 12
_SENTENCE = 72


class Find(StrEnum):
    """What is looked for."""

    volume = "volume"
    slice = "slice"
    snippet = "snippet"
    report = "report"


class Per(StrEnum):
    """What has at most one hit."""

    study = "study"
    patient = "patient"
    scan = "scan"


def search(
    bank: BankPath,
    query: Annotated[
        str,
        typer.Argument(
            metavar="[QUERY]", help='What to look for, such as "lung nodule -calcified": without what a hyphen denies.', show_default=False
        ),
    ] = "",
    like: Annotated[
        str,
        typer.Option(
            metavar="SCAN",
            help="Instead of words: the id of a scan or slice of the bank, its original UID or path, or a new file or folder.",
            show_default=False,
        ),
    ] = "",
    find: Annotated[Find, typer.Option(help="What to list: scans, slices in them, pieces of report text, or reports.")] = Find.volume,
    per: Annotated[Per, typer.Option(help="What is listed once at most.")] = Per.study,
    where: Annotated[
        str,
        typer.Option(
            metavar="SQL", help="Only scans that meet a condition, such as \"sex = 'F' AND spacing_z_mm <= 3\".", show_default=False
        ),
    ] = "",
    bm25: Annotated[bool, typer.Option("--bm25", help="Fuse with a ranking by words of reports, alone where no encoder can rank.")] = False,
    k: Annotated[int, typer.Option("-k", min=1, help="Hits to list.")] = 10,
    encoder: Annotated[
        list[str] | None,
        typer.Option(
            help="Search this encoder's vectors, such as tiny; several are fused; by default one with a text side.", show_default=False
        ),
    ] = None,
    features: Annotated[
        list[str] | None,
        typer.Option(help="Search this feature set, by name or alias, such as production; several are fused.", show_default=False),
    ] = None,
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
    key_file: KeyFile = None,
    at: At = None,
    json: Json = False,
) -> None:
    """Find what fits words, or is like a scan: scans with their best slices, slices, or what reports say."""
    from ..eval.contact import contact_sheet
    from ..eval.search import Asked, answer
    from ..store import Bank, ViewSpec, parse_window
    from ..store.errors import UsageError
    from .target import check_target, save
    from .text_encoders import opener

    shown = parse_window(picture_window) if picture_window else None  # mistakes first, before weights load
    if png:
        check_target("--png", png, ".png")
    if query and like:
        raise UsageError("a query and a scan with --like are given; give one of them")
    if not query and not like:
        raise UsageError("the query is empty; say what to look for, such as 'left pleural effusion', or name a scan with --like")
    opener(device)
    opened = Bank.open(bank, at=at, key_file=key_file)
    encoders = tuple(encoder or ())
    asked = Asked(
        query,
        like=_like(opened, like) if like else None,
        find=find.value,
        per=per.value,
        where=where,
        encoders=encoders,
        features=tuple(features or ()),
        window=window,
        bm25=bm25,
        k=k,
        all_series=all_series,
    )
    with progress(not json) as listener:
        given = answer(opened, asked, opened_by=lambda name: _open(name, encoders, device, trust_code=trust_code), progress=listener)
    result = given.result
    if png:
        view = (given.chosen[0].scans or given.chosen[0].features).key.view if given.chosen else ViewSpec()
        with progress(not json) as listener:
            drawn = BytesIO()
            contact_sheet(opened, result, view, window=shown, progress=listener).save(drawn, "PNG")
        save(png, drawn.getvalue())
    if json:
        print_json(asdict(result))
        return
    _tell(result)
    if png:
        say(f"pictures: {png}")
    for note in result.notes:
        complain(f"note: {note}")


def _like(bank: Bank, name: str) -> Like:
    from ..embed.one_scan import read_scan
    from ..eval.like import NewScan, resolved

    found = resolved(bank, name)
    return NewScan(found.name, read_scan(found)) if isinstance(found, Path) else found


def _open(name: str, typed: tuple[str, ...], device: str, *, trust_code: bool) -> Encoder:
    from ..embed.named import is_named
    from .text_encoders import opener

    asked = next((one for one in typed if is_named(one, name)), "")
    return opener(device, typed=asked, trust_code=trust_code)(name)


def _tell(result: SearchResult) -> None:
    what = "scan" if result.find in ("volume", "slice") else "piece of text" if result.find == "snippet" else "report"
    many = "pieces of text" if result.find == "snippet" else f"{what}s"
    say(f"{result.features}, {result.searched} {what if result.searched == 1 else many}")
    said, several = any(hit.sentence for hit in result.hits), any(len(hit.standings) > 1 for hit in result.hits)
    columns = ["rank", "score", *(["places"] * several), "z_mm", "slice", "patient", "study", "volume", *(["report"] * said)]
    print_table(columns, [_row(hit, several=several, said=said) for hit in result.hits])


def _row(hit: Hit, *, several: bool, said: bool) -> list[Any]:
    best = hit.places[0] if hit.places else None
    row: list[Any] = [hit.rank, round(hit.score, 4)]
    if several:
        row.append(" ".join("-" if one.rank is None else str(one.rank) for one in hit.standings))
    row += [best and best.z_mm, best and best.index, *((name or "")[:_NAME_DIGITS] for name in (hit.patient, hit.study, hit.volume))]
    if said:
        text = " ".join(hit.sentence.text.split()) if hit.sentence else ""
        row.append(text if len(text) <= _SENTENCE else f"{text[: _SENTENCE - 1]}…")
    return row
