"""The command `scanbank wise`: encoders between a parent and its child."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from .options import BankPath, Json, listed
from .output import print_json, progress, say

if TYPE_CHECKING:
    from ..embed.encoder import Encoder
    from ..eval.results import Result


def wise(
    bank: BankPath,
    child: Annotated[str, typer.Argument(metavar="CHILD", help="An adapted encoder that the bank keeps, by its name.", show_default=False)],
    alphas: Annotated[str, typer.Option(help="Shares of the child's weights, with commas, between 0 and 1.")] = "0.25,0.5,0.75",
    probe: Annotated[
        str, typer.Option(metavar="HEADS", help="Then fit these heads on parent, points and child, such as linear.", show_default=False)
    ] = "",
    parent: Annotated[
        str, typer.Option(metavar="URI", help="Where the parent is, of local files: such as siglip:/models/mine.", show_default=False)
    ] = "",
    source: Annotated[str | None, typer.Option(help="With --probe: whose labels count.", show_default=False)] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    accept_hu: Annotated[bool, typer.Option("--accept-hu", help="As in embed.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Scans that are decoded at a time.")] = min(4, os.cpu_count() or 1),
    json: Json = False,
) -> None:
    """Interpolate the weights of a parent and its child (WiSE-FT): each point is a child of its own, with features."""
    from functools import partial

    from ..embed.adapt.opening import artifact_in, kept_named, within
    from ..embed.named import open_named
    from ..eval.feature_choice import FeatureChoice
    from ..eval.protocol import Protocol
    from ..eval.sweep import sweep_all
    from ..eval.wise_run import Way
    from ..store import Bank
    from ..store.errors import EncoderError, UsageError
    from .result_tables import as_json, check_heads, tell

    points = _alphas(alphas)
    heads = check_heads(probe)
    opened = Bank.open(bank)
    kept = kept_named(opened, child)
    card = artifact_in(opened, kept).card
    findings = list(card.objective.get("findings", ()))
    if heads and not findings:
        raise UsageError(f"--probe fits heads on what {kept.name} learned, and its card names no finding; `scanbank sweep` takes any")

    def reopened() -> Encoder:
        try:
            return within(opened, partial(open_named, device=device, typed=parent))(card.parent.name)
        except EncoderError as error:
            if parent:
                raise
            raise EncoderError(f"{error}. Where its files are is said by --parent {card.parent.name.partition(':')[0]}:PATH") from error

    with progress(not json) as listener:
        way = Way(opened, kept, reopened)
        made = [point.spec for point in way.walk(points, workers, listener, accept_hu=accept_hu)]
        results: Sequence[Result] = ()
        if heads:
            digests = {kept.spec.digest, card.parent.digest, *(spec.digest for spec in made)}
            sets = [
                one.digest
                for one in opened.feature_sets
                if one.key.encoder.digest in digests and one.key.view == way.view and one.key.kind in ("volume", "slice")
            ]
            protocol = Protocol(split=card.data.get("split"), unit=card.data.get("unit"), source=source)
            results = sweep_all(
                opened,
                findings,
                heads,
                (None,),
                1,
                protocol=protocol,
                choice=FeatureChoice(tuple(sets)),
                command="probe",
                progress=listener,
            )
    if json:
        told = [{"alpha": alpha, "encoder": spec.name} for alpha, spec in zip(points, made, strict=True)]
        print_json({"child": kept.name, "points": told} | ({"probe": [as_json(one) for one in results]} if heads else {}))
        return
    for alpha, spec in zip(points, made, strict=True):
        say(f"{alpha:g} of {kept.name}: {spec.name}")
    if heads:
        tell(results, json=False)


def _alphas(text: str) -> list[float]:
    from ..store.errors import UsageError

    found: list[float] = []
    for word in listed([text]):
        try:
            found.append(float(word))
        except ValueError as error:
            raise UsageError(f"--alphas {text!r}: {word!r} is no number; expected numbers from 0 to 1 with commas") from error
    if not found:
        raise UsageError("--alphas names none; expected numbers from 0 to 1 with commas")
    return list(dict.fromkeys(found))
