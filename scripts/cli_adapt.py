"""The command `scanbank adapt`: move a backbone on a bank's training side, then embed the bank with what came out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from .options import BankPath, Json
from .output import complain, print_json, print_table, progress, say

if TYPE_CHECKING:
    from ..embed.adapt.recipe import Recipe
    from ..embed.torch_encoder import TorchEncoder
    from ..eval.adapt_data import Learned
    from ..eval.adapt_run import Child
    from ..eval.results import Result
    from ..eval.units import Unit
    from ..store.bank import Bank

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
            help="lora (by default), partial, adapters, full: with a head on labels; vocabfine: pairs of sentences; contrastive: reports.",
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
    loss: Annotated[str | None, typer.Option(help="bce, cross-entropy or focal.", show_default=False, rich_help_panel=_LEARNED)] = None,
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
        int | None,
        typer.Option(
            min=0, help="Of weights, orders, draws, and of the split where one is made [0].", rich_help_panel=_HOW, show_default=False
        ),
    ] = None,
    precision: Annotated[str | None, typer.Option(help="float32, bf16 or fp16.", show_default=False, rich_help_panel=_SPEED)] = None,
    checkpointing: Annotated[
        bool | None,
        typer.Option("--checkpointing", help="Less memory for a third more time.", show_default=False, rich_help_panel=_SPEED),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel=_SPEED)] = "auto",
    random_weights: Annotated[
        int | None, typer.Option(metavar="SEED", help="Random weights, for trying out.", show_default=False, rich_help_panel=_SPEED)
    ] = None,
    accept_hu: Annotated[bool, typer.Option("--accept-hu", help="As in embed.", rich_help_panel=_SPEED)] = False,
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
    from ..embed.adapt.opening import open_in
    from ..eval.adapt_data import Learned
    from ..eval.adapt_run import child_name, run, told
    from ..eval.adapting import Place, adaptable, plan, prepared
    from ..eval.findings import asked_findings
    from ..eval.units import UNITS
    from ..store import Bank
    from ..store.errors import UnknownNameError, UsageError
    from .result_tables import as_json, check_heads, tell
    from .view_options import windows_of

    heads = check_heads(probe)
    if heads and not (finding and embedded):
        needs = "the child's features; leave --no-embed out" if finding else "findings; name some by --finding"
        raise UsageError(f"--probe {probe} fits heads on {needs}")
    if not cache_gb < 2**20:
        raise UsageError(f"--cache-gb {cache_gb}: expected a number of gigabytes, such as 50")
    how = _recipe(recipe, {
        "method": method, "moves": moves, "sides": sides, "layers": layers, "rank": rank, "alpha": alpha, "dropout": dropout,
        "bottleneck": bottleneck, "loss": loss, "planes": planes, "epochs": epochs, "batch": batch, "micro": micro,
        "learning_rate": learning_rate, "patience": patience, "seed": seed, "precision": precision, "checkpointing": checkpointing,
    })  # fmt: skip
    windows = windows_of([window] if window else None)
    if len(windows) > 1:
        raise UsageError(f"--window {window} names {len(windows)} views; a child is adapted in one: join channels by +")
    opened = Bank.open(bank)

    def parent() -> TorchEncoder:
        return adaptable(open_in(opened, encoder, random_weights=random_weights, device=device))

    model = parent()
    view = model.view.with_windows(windows[0]) if windows else model.view
    model.check_view(view)
    if dry_run:
        _tell_plan(model.spec.name, plan(model, how), sum(value.numel() for value in model.model.parameters()), json=json)
        return
    findings = asked_findings(opened, finding, source) if finding else ()
    if unit not in (None, *UNITS):
        raise UnknownNameError("unit", unit, UNITS)
    asked = Learned(findings, shots, repeat, cast("Unit | None", unit), source, split, how.seed)
    with progress(not json) as listener:
        ready = prepared(opened, model, how, asked, view)
        for remark in ready.items.remarks:
            complain(f"note: {remark}")
        called = name or child_name(model.spec, how, asked, view.window_label if windows else "")
        place = Place(work, cache, int(cache_gb * 2**30), workers, accept_hu)
        uri = encoder if random_weights is None else f"{encoder}+random{random_weights}"
        child = run(ready, uri, called, parent, place, listener, embedded=embedded)
    if not json:
        _tell(child)
    results = _probe(opened, child, findings, heads, asked, shown=not json) if heads else ()
    if json:
        print_json({**told(child), **({"probe": [as_json(one) for one in results]} if heads else {})})
    elif heads:
        tell(results, json=False)
    if child.embedded and child.embedded.failed:
        for reason, count in child.embedded.reasons.items():
            complain(f"not embedded: {count} x {reason}")
        complain(f"{child.embedded.failed} failed; `scanbank status {bank} --failures` lists them")
    if (child.adapted and child.adapted.failed) or (child.embedded and child.embedded.failed):
        raise typer.Exit(1)


def _recipe(path: Path | None, said: dict[str, Any]) -> Recipe:
    from ..embed.adapt.recipe import Recipe, read_recipe

    return (Recipe() if path is None else read_recipe(path)).with_(said)


def _tell_plan(name: str, parameters: list[tuple[str, tuple[int, ...], int]], every: int, *, json: bool) -> None:
    count = sum(size for _, _, size in parameters)
    if json:
        listed = [{"name": one, "shape": list(shape), "parameters": size} for one, shape, size in parameters]
        print_json({"encoder": name, "trained": count, "all": every, "parameters": listed})
        return
    print_table(("parameter", "shape", "numbers"), [(one, "x".join(map(str, shape)), size) for one, shape, size in parameters])
    say(f"{count:,} numbers in {len(parameters)} parameters of {name} would train, {count / every:.1%} of {every:,}")


def _tell(child: Child) -> None:
    spec, card = child.encoder.spec, child.card
    if child.adapted is None:
        say(f"{spec.name} is in the bank already: the same parent, settings and data")
    else:
        print_table(
            ("epoch", "loss", "validation", "seconds"),
            [(one["epoch"], round(one["loss"], 4), one["score"] and round(one["score"], 4), one["seconds"]) for one in card.epochs],
        )
        say(f"{spec.name}: {child.adapted.trained:,} numbers of {card.parent.name} moved; epoch {card.best} is kept")
        for volume, reason in list(child.adapted.failed.items())[:10]:
            complain(f"not trained on: scan {volume}: {reason}")
        if len(child.adapted.failed) > 10:
            complain(f"and {len(child.adapted.failed) - 10} other scans; the features that the bank holds of them stay usable")
    if child.embedded is not None:
        say(", ".join(f"{count} vectors into {name}" for name, count in child.embedded.sets.items()))
        if child.texts:
            say(f"{child.texts} report snippets encoded")


def _probe(bank: Bank, child: Child, findings: Sequence[str], heads: Sequence[str], asked: Learned, *, shown: bool) -> Sequence[Result]:
    """Heads on parent and child, on the test side."""
    from ..eval.feature_choice import FeatureChoice
    from ..eval.protocol import Protocol
    from ..eval.sweep import sweep_all

    card = child.card
    names = [
        one.name
        for one in bank.feature_sets
        if one.key.kind in ("volume", "slice")
        and one.key.encoder.digest in (child.encoder.spec.digest, card.parent.digest)
        and one.key.view == card.view
    ]
    if not any(one.key.encoder.digest == card.parent.digest for one in bank.feature_sets if one.name in names):
        complain(f"note: {card.parent.name} has no vectors of this view here: heads are fitted on the child alone")
    protocol = Protocol(asked.seed, asked.unit, asked.source, asked.split)
    with progress(shown) as listener:
        return sweep_all(
            bank, findings, heads, (None,), 1, protocol=protocol, choice=FeatureChoice(tuple(names)), command="probe", progress=listener
        )
