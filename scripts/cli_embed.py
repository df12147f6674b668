"""The command `scanbank embed`: vectors for everything in a bank that lacks them."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from .options import BankPath, Json
from .output import complain, print_json, progress, say

if TYPE_CHECKING:
    from ..embed.pipeline import EmbedReport


def embed(
    bank: BankPath,
    encoder: Annotated[str, typer.Option(help="intensity, tiny, timm:NAME or open_clip:MODEL/TAG.", show_default=False)],
    window: Annotated[
        list[str] | None,
        typer.Option(
            help="HU window: a name such as brain, LEVEL/WIDTH, LO..HI, several as channels joined by +, or as-is for images without HU. "
            "Repeat it for one feature set each; by default the encoder's own.",
            show_default=False,
        ),
    ] = None,
    fit: Annotated[
        bool,
        typer.Option(
            "--fit", help="Resize each plane to what the encoder takes instead of resampling to mm: for images whose spacing is unknown."
        ),
    ] = False,
    random_weights: Annotated[
        int | None, typer.Option(metavar="SEED", help="Random weights instead of trained ones, for trying out.", show_default=False)
    ] = None,
    depth: Annotated[
        bool,
        typer.Option("--depth/--no-depth", help="Keep vectors along depth too, where the encoder gives them: they tell the best slice."),
    ] = True,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    workers: Annotated[int, typer.Option(min=1, help="Threads that decode ahead.")] = min(4, os.cpu_count() or 1),
    accept_changed: Annotated[bool, typer.Option("--accept-changed", help="Read files that changed since ingest.")] = False,
    accept_hu: Annotated[
        bool, typer.Option("--accept-hu", help="Take voxels for HU also where air and soft tissue do not lie where HU have them.")
    ] = False,
    json: Json = False,
) -> None:
    """Encode every scan of a bank that has no vectors yet. Interrupt it any time; run it again to go on."""
    from ..embed import open_encoder
    from ..embed.pipeline import EmbedReport
    from ..embed.pipeline import embed as embed_scans
    from ..embed.texts import embed_texts
    from ..store import Bank
    from ..store.windows import parse_windows

    windows = [parse_windows(part) for text in window or () for part in text.split(",")]  # mistakes first, before weights load
    opened = Bank.open(bank)
    model = open_encoder(encoder, random_weights=random_weights, device=device)
    base = model.view.fitted if fit else model.view
    views = [replace(base, windows=w) for w in windows] or [base]
    with progress(not json) as listener:
        # A collection of reports has no volumes; an encoder with a text side embeds it all the same.
        report, texts = EmbedReport(), 0
        has_text = "text" in model.offers and bool(opened.snapshot.latest("snippets"))
        if not has_text or opened.snapshot.latest("volumes"):
            report = embed_scans(
                opened, model, views, depth=depth, accept_changed=accept_changed, accept_hu=accept_hu, workers=workers, progress=listener
            )
        if has_text and not report.interrupted:
            texts = embed_texts(opened, model, progress=listener)
    if model.note and not json:
        complain(f"note: {model.note}")
    if json:
        print_json(asdict(report) | {"texts": texts})
    else:
        _tell(report)
        if texts:
            say(f"{texts} report snippets encoded")
    if report.interrupted:
        complain("interrupted: what was done is committed; run the same command to go on")
        raise typer.Exit(1)
    if report.failed:
        complain(f"{report.failed} failed; `scanbank status {bank} --failures` lists them")
        raise typer.Exit(1)


def _tell(report: EmbedReport) -> None:
    if report.sets:
        say(f"{report.volumes} volumes encoded: " + ", ".join(f"{count} vectors into {name}" for name, count in report.sets.items()))
    if report.copied:
        say(f"of these {report.copied} copied from scans of equal content")
    if report.skipped:
        say(f"{report.skipped} volumes had theirs already")
    if report.suspicious:
        complain(f"{report.suspicious} volumes were encoded that may hold no HU, such as one: {report.suspicion}")
    for reason, count in report.reasons.items():
        complain(f"{count} x {reason}")
