"""The command `scanbank embed`: vectors for everything in a bank that lacks them."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import BankPath, Json
from .output import complain, print_json, progress, say

if TYPE_CHECKING:
    from ..embed.pipeline import EmbedReport

PRECISIONS = ("float32", "bf16", "fp16")
_VIEW = "View (by default the encoder's own)"
_KEPT = "What is kept"
_SPEED = "Speed"


def embed(
    bank: BankPath,
    encoder: Annotated[
        str,
        typer.Option(
            help="Such as intensity, tiny, timm:NAME, open_clip:MODEL/TAG or adapted:NAME; docs/encoders.md has all.", show_default=False
        ),
    ],
    window: Annotated[
        list[str] | None,
        typer.Option(
            help="HU window: a name such as brain, LEVEL/WIDTH, LO..HI, several as channels joined by +, or as-is for images without HU. "
            "Repeat it for one feature set each.",
            show_default=False,
            rich_help_panel=_VIEW,
        ),
    ] = None,
    fit: Annotated[
        bool,
        typer.Option(
            "--fit",
            help="Resize each plane to what the encoder takes instead of resampling to mm: for images whose spacing is unknown.",
            rich_help_panel=_VIEW,
        ),
    ] = False,
    spacing: Annotated[str, typer.Option(metavar="ZxYxX", help="Resample to these mm, or none.", rich_help_panel=_VIEW)] = "",
    shape: Annotated[str, typer.Option(metavar="ZxYxX", help="Crop or pad to these voxels, or none.", rich_help_panel=_VIEW)] = "",
    size: Annotated[str, typer.Option(metavar="YxX", help="Resize planes to these pixels, or none.", rich_help_panel=_VIEW)] = "",
    take: Annotated[
        str,
        typer.Option(
            metavar="SLICES",
            help="Which of a scan's slices: source (all), trim (without the first and last 15% of more than 150), even:N, middle:N, "
            "every:5mm.",
            rich_help_panel=_VIEW,
        ),
    ] = "",
    orientation: Annotated[
        str, typer.Option(metavar="XYZ", help="Where the axes run to, such as LPS.", rich_help_panel=_VIEW, show_default=False)
    ] = "",
    interpolation: Annotated[str, typer.Option(help="linear, nearest or cubic.", rich_help_panel=_VIEW, show_default=False)] = "",
    mask: Annotated[
        str,
        typer.Option(
            help="Keep body, lung, head (found by HU) or user:FINDING (of ingested masks); with :crop at the end the box around it.",
            rich_help_panel=_VIEW,
            show_default=False,
        ),
    ] = "",
    align: Annotated[
        Path | None,
        typer.Option(
            metavar="REFERENCE.nii.gz", help="Bring scans rigidly to the frame of this CT.", rich_help_panel=_VIEW, show_default=False
        ),
    ] = None,
    depth: Annotated[
        bool,
        typer.Option(
            "--depth/--no-depth",
            help="Vectors along depth too, where the encoder gives them: they tell the best slice.",
            rich_help_panel=_KEPT,
        ),
    ] = True,
    slices: Annotated[
        bool, typer.Option("--slices", help="Vectors of slices, also of an encoder that takes volumes.", rich_help_panel=_KEPT)
    ] = False,
    layers: Annotated[
        str,
        typer.Option(
            metavar="N,N,...",
            help="With --tokens: blocks, from 1; by default the last.",
            rich_help_panel=_KEPT,
            show_default=False,
        ),
    ] = "",
    tokens: Annotated[
        bool, typer.Option("--tokens", help="Patch tokens of --layers too: a vector for each patch.", rich_help_panel=_KEPT)
    ] = False,
    random_weights: Annotated[
        int | None, typer.Option(metavar="SEED", help="Random weights instead of trained ones, for trying out.", show_default=False)
    ] = None,
    precision: Annotated[
        str, typer.Option(help="float32, or bf16 or fp16 for matrix products where that is enough.", rich_help_panel=_SPEED)
    ] = "float32",
    device: Annotated[
        str,
        typer.Option(
            help="auto, cpu, cuda, cuda:N or mps; several with commas get a process each; cuda:all is all.",
            rich_help_panel=_SPEED,
        ),
    ] = "auto",
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="Planes or volumes at once; by default as suits.", rich_help_panel=_SPEED, show_default=False),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Scans that are decoded at a time.", rich_help_panel=_SPEED)] = min(
        4, os.cpu_count() or 1
    ),
    compiled: Annotated[
        bool, typer.Option("--compile", help="Let torch compile the model: slow to start, faster over many scans.", rich_help_panel=_SPEED)
    ] = False,
    accept_changed: Annotated[bool, typer.Option("--accept-changed", help="Read files that changed since ingest.")] = False,
    accept_hu: Annotated[
        bool, typer.Option("--accept-hu", help="Take voxels for HU also where air and soft tissue do not lie where HU have them.")
    ] = False,
    shard: Annotated[str, typer.Option(metavar="I/N", hidden=True)] = "0/1",
    json: Json = False,
) -> None:
    """Encode every scan of a bank that has no vectors yet. Interrupt it any time; run it again to go on."""
    from ..embed.adapt.opening import open_in
    from ..embed.pipeline import EmbedReport, Outputs
    from ..embed.pipeline import embed as embed_scans
    from ..embed.texts import TextReport, embed_texts
    from ..store import Bank
    from ..store.errors import UnknownNameError, UsageError
    from ..store.renumber import accept_changes
    from .devices import beside, devices_of, shard_of
    from .view_options import aided, geometry_of, layers_of, windows_of

    windows, chosen, part = windows_of(window), layers_of(layers), shard_of(shard)  # mistakes first, before weights load
    if chosen and not tokens:
        raise UsageError(f"--layers {layers} says which blocks' tokens are kept; add --tokens")
    if precision not in PRECISIONS:
        raise UnknownNameError("precision", precision, PRECISIONS)
    opened = Bank.open(bank)
    devices = devices_of(device)
    uri = encoder if precision == "float32" else f"{encoder}+{precision}"
    model = open_in(opened, uri, random_weights=random_weights, device=devices[0])
    base = geometry_of(
        model.view, spacing=spacing, shape=shape, size=size, take=take, orientation=orientation, interpolation=interpolation, fit=fit
    )
    base = aided(base, mask, align)
    views = [base.with_windows(w) for w in windows] or [base]
    kept = Outputs(depth, slices, chosen or ((model.blocks,) if tokens else ()))
    if tokens:
        model.check_layers(kept.layers or (1,))
    if compiled:
        model.compile()
    if accept_changed:
        with progress(not json) as listener:
            accept_changes(opened, progress=listener)
    with progress(not json) as listener, beside(devices[1:], len(devices)) as others:
        part = (0, len(devices)) if len(devices) > 1 else part
        # A collection of reports has no volumes; an encoder with a text side embeds it all the same.
        report, texts = EmbedReport(), TextReport()
        has_text = "text" in model.offers and opened.sql("SELECT 1 FROM latest_snippets WHERE snippet IS NOT NULL LIMIT 1").num_rows > 0
        if not has_text or opened.snapshot.latest("volumes"):
            report = embed_scans(
                opened,
                model,
                views,
                outputs=kept,
                accept_hu=accept_hu,
                reference=align,
                workers=workers,
                batch=batch,
                shard=part,
                progress=listener,
            )
        if has_text and not report.interrupted and part[0] == 0:
            texts = embed_texts(opened, model, progress=listener)
        others.join(report)
    if model.note and not json:
        complain(f"note: {model.note}")
    if json:
        print_json(asdict(report) | {"texts": texts.snippets, "texts_pooled": texts.pooled})
    else:
        _tell(report)
        if texts.snippets:
            say(f"{texts.snippets} report snippets encoded")
        for remark in texts.remarks:
            complain(f"note: {remark}")
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
