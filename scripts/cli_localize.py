"""The command `scanbank localize`: which slice of a scan a sentence means, or how well that is told."""

from __future__ import annotations

from dataclasses import asdict, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import BankPath, Json, listed
from .output import complain, print_json, print_table, progress, say
from .text_encoders import TrustCode

if TYPE_CHECKING:
    from ..embed.encoder import Encoder
    from ..eval.localizing import Answer, Localization, Measure
    from ..store import Bank
    from ..store.features import FeatureSet

_TITLES = {"mae_mm": "error, mm", "mae_scan_mm": "by scan, mm", "hit_5mm": "within 5 mm", "hit_10mm": "10 mm", "hit_20mm": "20 mm"}


def localize(
    bank: BankPath,
    query: Annotated[
        str | None, typer.Argument(metavar="[QUERY]", help='A sentence, such as "nodule in the left upper lobe".', show_default=False)
    ] = None,
    volume: Annotated[
        str, typer.Option(metavar="ID", help="The scan to look in: its id, or the beginning of it.", show_default=False)
    ] = "",
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="Measure all methods on sentences of test patients that name an image.")
    ] = False,
    k: Annotated[int, typer.Option("-k", min=1, help="Levels to list.")] = 5,
    method: Annotated[
        str,
        typer.Option(help="cosine, cosine_fused (with neighbours), or localizer and localizer_fused, which learn from references first."),
    ] = "cosine_fused",
    features: Annotated[
        list[str] | None,
        typer.Option("--features", help="Feature sets of kind depth or slice by name; take commas or repeat it.", show_default=False),
    ] = None,
    encoder: Annotated[str, typer.Option("--encoder", help="Feature sets of this encoder alone.", show_default=False)] = "",
    window: Annotated[str, typer.Option("--window", help="Feature sets of this HU window alone.", show_default=False)] = "",
    split: Annotated[
        str | None,
        typer.Option("--split", help="A stored split, or patients-SEED; by default the user's, else patients-SEED."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="With --evaluate: of the split where one is made.")] = 0,
    allow_leak: Annotated[
        bool, typer.Option("--allow-leak", help="With --evaluate: go on where an encoder was trained on test patients; the run says so.")
    ] = False,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the levels into a PNG.", show_default=False)] = None,
    device: Annotated[str, typer.Option(help="Where texts are encoded: auto, cpu, cuda, cuda:N or mps.")] = "auto",
    trust_code: TrustCode = False,
    json: Json = False,
) -> None:
    """Which slices of a scan a sentence means; with --evaluate, how far from the slices that reports name (docs/localization.md)."""
    from ..eval.localizing import localization
    from ..eval.localizing import localize as locate
    from ..store import Bank
    from ..store.errors import UsageError
    from .target import check_target
    from .text_encoders import opener

    if evaluate and (query or volume or png):
        raise UsageError("--evaluate measures over the references in reports; leave the query, --volume and --png out")
    if not evaluate and not (query is not None and volume):
        raise UsageError('give a sentence and a scan: scanbank localize BANK "..." --volume ID; or measure with --evaluate')
    if png:
        check_target("--png", png, ".png")
    opened_by, names = opener(device, typed=encoder, trust_code=trust_code), listed(features)
    if evaluate:
        with progress(not json) as listener:
            result = localization(
                Bank.open(bank),
                features=names,
                encoder=encoder,
                window=window,
                split=split,
                seed=seed,
                allow_leak=allow_leak,
                opened_by=opened_by,
                progress=listener,
            )
        _tell_evaluation(result, json=json)
        return
    if len(names) > 1:
        raise UsageError(f"--features names {len(names)} sets; one is looked in")
    opened = Bank.open(bank)
    answer, looked_in, model = locate(
        opened, query or "", volume, k=k, method=method, features="".join(names), encoder=encoder, window=window, opened_by=opened_by
    )
    if png:
        _draw(opened, answer, looked_in, png, shown=not json)
    _tell(answer, model, json=json)
    if png and not json:
        say(f"pictures: {png}")


def _tell(answer: Answer, model: Encoder, *, json: bool) -> None:
    if json:
        print_json(asdict(answer))
        return
    of = f", learned from {answer.learned} sentences" if answer.learned else ""
    say(f"{answer.features}, {answer.method}{of}: z {answer.z_mm:g} mm")
    rows = [(one.rank, round(one.score, 4), one.z_mm, one.index, one.number) for one in answer.levels]
    print_table(("rank", "score", "z_mm", "slice", "image"), rows)
    if model.note:
        complain(f"note: {model.note}")


def _draw(bank: Bank, answer: Answer, features: FeatureSet, png: Path, *, shown: bool) -> None:
    from ..eval.contact import contact_sheet
    from ..eval.hits import Hit, SearchResult
    from .target import save

    hit = Hit(1, 0.0, answer.patient, answer.study, answer.volume, answer.ordinal, ())
    hits = tuple(replace(hit, rank=place, score=of.score, places=(of,)) for place, of in enumerate(answer.places(), 1))
    with progress(shown) as listener:
        drawn = BytesIO()
        result = SearchResult(answer.query, "slice", "scan", answer.features, 1, 1, 0, hits)
        contact_sheet(bank, result, features.key.view, progress=listener).save(drawn, "PNG")
    save(png, drawn.getvalue())


def _tell_evaluation(result: Localization, *, json: bool) -> None:
    if json:
        print_json(asdict(result))
        return
    told = ", ".join(
        f"{side} {of['sentences']} sentences of {of['scans']} scans of {of['patients']} patients"
        for side, of in result.settings["counts"].items()
    )
    say(f"split {result.settings['split']}: {told}")
    rows = [(found.method, found.features, *(_cell(one) for one in found.measures)) for found in result.rows]
    print_table(("method", "features", *_TITLES.values()), rows, "On the test side")
    say(f"run {result.run} is in the bank: tables runs, metrics")
    for remark in result.remarks:
        complain(f"note: {remark}")


def _cell(one: Measure) -> str:
    digits = ".1f" if one.name.startswith("mae") else ".2f"
    return f"{one.value:{digits}}" + ("" if one.lo is None else f" ({one.lo:{digits}}..{one.hi:{digits}})")
