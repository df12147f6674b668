"""The command `scanbank adapt`: move a backbone on a bank's training side, then embed the bank with what came out."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import BankPath, Json, listed
from .output import complain, print_json, print_table, progress, say

if TYPE_CHECKING:
    from ..embed.adapt.recipe import Recipe
    from ..eval.adapting import Adapted

_WHAT, _HOW, _LEARNED, _SPEED = "What moves", "How long and how fast", "What is learned", "Speed and places"


def adapt(
    bank: BankPath,
    encoder: Annotated[str, typer.Option(help="What to adapt, as in embed; adapted:NAME is a child of this bank.", show_default=False)],
    finding: Annotated[
        list[str] | None,
        typer.Option(
            "--finding",
            help="What is learned: findings with commas, all, or a set such as chest18.",
            show_default=False,
            rich_help_panel=_LEARNED,
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="lora (by default), partial, adapters or full: a linear head on labels; vocabfine: pairs of sentences; contrastive: reports.",
            show_default=False,
            rich_help_panel=_WHAT,
        ),
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(metavar="FILE.yaml", help="Settings as data, `name: value`; options given beside it go first.", show_default=False),
    ] = None,
    name: Annotated[
        str, typer.Option(help="Of the child; by default from the parent, the method and the finding.", show_default=False)
    ] = "",
    window: Annotated[str, typer.Option(help="HU window of the child's features, as in embed.", show_default=False)] = "",
    shots: Annotated[
        int | None,
        typer.Option(
            min=1, help="Examples of each class; by default the whole training side.", show_default=False, rich_help_panel=_LEARNED
        ),
    ] = None,
    repeat: Annotated[int, typer.Option(min=0, help="Which draw of so many shots, as in sweep.", rich_help_panel=_LEARNED)] = 0,
    unit: Annotated[str | None, typer.Option(help="volume or slice, as in sweep.", show_default=False, rich_help_panel=_LEARNED)] = None,
    source: Annotated[str | None, typer.Option(help="Whose labels count.", show_default=False, rich_help_panel=_LEARNED)] = None,
    split: Annotated[
        str | None, typer.Option(help="A stored split, or patients-SEED.", show_default=False, rich_help_panel=_LEARNED)
    ] = None,
    loss: Annotated[str | None, typer.Option(help="bce, ce or focal.", show_default=False, rich_help_panel=_LEARNED)] = None,
    planes: Annotated[
        int | None,
        typer.Option(min=1, help="Of each scan, for an encoder of slices [16].", show_default=False, rich_help_panel=_LEARNED),
    ] = None,
    moves: Annotated[
        str | None,
        typer.Option(
            help="What moves under vocabfine and contrastive: full, or one of the others.", show_default=False, rich_help_panel=_WHAT
        ),
    ] = None,
    sides: Annotated[str | None, typer.Option(help="image, text or both.", show_default=False, rich_help_panel=_WHAT)] = None,
    layers: Annotated[
        str | None,
        typer.Option(
            help="Blocks: all, lower:0.5 (a share of each stack), upper:2, or names with commas.", show_default=False, rich_help_panel=_WHAT
        ),
    ] = None,
    rank: Annotated[int | None, typer.Option(min=1, help="Of LoRA [8].", show_default=False, rich_help_panel=_WHAT)] = None,
    alpha: Annotated[float | None, typer.Option(help="Of LoRA [16].", show_default=False, rich_help_panel=_WHAT)] = None,
    dropout: Annotated[float | None, typer.Option(help="Of LoRA [0.05].", show_default=False, rich_help_panel=_WHAT)] = None,
    bottleneck: Annotated[int | None, typer.Option(min=1, help="Of adapters [64].", show_default=False, rich_help_panel=_WHAT)] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="At most [10].", show_default=False, rich_help_panel=_HOW)] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Examples of a step [8].", show_default=False, rich_help_panel=_HOW)] = None,
    micro: Annotated[
        int | None, typer.Option(min=0, help="Of these at once on the device; gradients add up.", show_default=False, rich_help_panel=_HOW)
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(help="By default as suits.", show_default=False, rich_help_panel=_HOW)] = None,
    patience: Annotated[
        int | None, typer.Option(min=0, help="Epochs without a better validation; 0 goes on [5].", show_default=False, rich_help_panel=_HOW)
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Of weights, orders, draws, and of the split where one is made.", rich_help_panel=_HOW)
    ] = 0,
    precision: Annotated[str | None, typer.Option(help="float32, bf16 or fp16.", show_default=False, rich_help_panel=_SPEED)] = None,
    checkpointing: Annotated[
        bool | None,
        typer.Option("--checkpointing", help="Less memory for a third more time.", show_default=False, rich_help_panel=_SPEED),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel=_SPEED)] = "auto",
    random_weights: Annotated[
        int | None, typer.Option(metavar="SEED", help="Random weights, for trying out.", show_default=False, rich_help_panel=_SPEED)
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Scans that are decoded at a time.", rich_help_panel=_SPEED)] = min(
        4, os.cpu_count() or 1
    ),
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="For voxels, safe to delete; by default the user's cache.", show_default=False, rich_help_panel=_SPEED
        ),
    ] = None,
    cache_gb: Annotated[float, typer.Option(min=0, help="Most of it.", rich_help_panel=_SPEED)] = 50.0,
    work: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="For the state that a kill is gone on from.", show_default=False, rich_help_panel=_SPEED),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would train, and end.")] = False,
    embedded: Annotated[bool, typer.Option("--embed/--no-embed", help="Embed the bank with the child.")] = True,
    probe: Annotated[
        str, typer.Option(metavar="HEADS", help="Then fit these heads on parent and child, such as linear,knn.", show_default=False)
    ] = "",
    json: Json = False,
) -> None:
    """Adapt an encoder to a bank: LoRA, partial fine-tuning, adapters, VocabFine, contrastive. Its child gets features of its own."""
    from ..embed.adapt.opening import open_for
    from ..eval.adapting import adaptable, plan
    from ..store import Bank
    from .view_options import windows_of

    how = _recipe(recipe, {
        "method": method, "moves": moves, "sides": sides, "layers": layers, "rank": rank, "alpha": alpha, "dropout": dropout,
        "bottleneck": bottleneck, "loss": loss, "planes": planes, "epochs": epochs, "batch": batch, "micro": micro,
        "learning_rate": learning_rate, "patience": patience, "seed": seed or None, "precision": precision, "checkpointing": checkpointing,
    })  # fmt: skip
    windows = windows_of([window] if window else None)
    opened = Bank.open(bank)
    model = adaptable(open_for(opened, encoder, random_weights=random_weights, device=device))
    view = model.view.with_windows(windows[0]) if windows else model.view
    model.check_view(view)
    if dry_run:
        _tell_plan(model.spec.name, plan(model, how), sum(value.numel() for value in model.model.parameters()), json=json)
        return
    from ..eval.adapting import Place
    from ..eval.adapt_run import Asked, adapt_and_embed

    asked = Asked(listed(finding), shots, repeat, unit, source, split, seed, name, encoder, embed=embedded, heads=listed([probe]))
    place = Place(work, cache, int(cache_gb * 2**30), workers)
    with progress(not json) as listener:
        done = adapt_and_embed(opened, model, how, asked, view, place, listener)
