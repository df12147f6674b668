"""Commands about encoders that were adapted: lineage, export-encoder, refresh."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import At, BankPath, Json, listed
from .output import answering, complain, print_json, progress, say

if TYPE_CHECKING:
    from rich.tree import Tree

    from ..embed.adapt.lineage import Member
    from ..eval.refreshing import Refreshed

_SHOWN = 20
"""Lines of what is lacking that are shown; `--json` has all."""


def lineage(bank: BankPath, at: At = None, json: Json = False) -> None:
    """Draw which encoder was adapted from which, how and on what, and the vectors that each has made."""
    from dataclasses import asdict

    from ..embed.adapt.lineage import lineage as members_of
    from ..store import Bank

    opened = Bank.open(bank, at=at)
    members = members_of(opened)
    if json:
        print_json([asdict(one) for one in members])
        return
    if not members:
        say(f"{opened.name} has no encoders yet; `scanbank embed` makes vectors with one")
        return
    import sys

    from rich.console import Console
    from rich.tree import Tree

    tree = Tree(opened.name, hide_root=True)
    known = {one.encoder for one in members}
    for one in members:
        if one.parent not in known:
            _grow(tree, one, members)
    with answering():
        Console(width=None if sys.stdout.isatty() else 10_000, highlight=False).print(tree)


def _grow(tree: Tree, one: Member, members: list[Member]) -> None:
    from rich.text import Text

    from ..embed.adapt.lineage import children_of

    branch = tree.add(Text(" ".join(filter(None, (one.name, one.encoder[:8], _how(one))))))
    for each in one.sets:
        aliases = f"  <- {', '.join(each.aliases)}" if each.aliases else ""
        branch.add(Text(f"{each.name}: {each.vectors} {'vector' if each.vectors == 1 else 'vectors'}{aliases}"))
    for child in children_of(members, one.encoder):
        _grow(branch, child, members)


def _how(one: Member) -> str:
    """Of an adapted encoder, in a line."""
    if not one.adapter:
        return ""
    learned, findings = one.objective.get("learns", ""), one.objective.get("findings", ())
    parts = [", ".join(filter(None, ("" if learned == "labels" else str(learned), one.method or "adapted")))]
    parts += [", ".join(map(str, findings[:3])) + (f" and {len(findings) - 3} more" if len(findings) > 3 else "")] if findings else []
    parts += [f"{key} {value}" for key, value in one.data.items() if isinstance(value, str | int) and len(str(value)) < 24]
    if one.trained_items:
        parts.append(f"trained on {one.trained_items} items of the bank")
    if one.epochs:
        scores = ", ".join(f"{key} {value:.4g}" for key, value in one.best.items() if key in ("score", "loss") and value is not None)
        parts.append(f"epoch {one.best.get('epoch', '?')} of {one.epochs}" + (f" ({scores})" if scores else ""))
    if not one.kept:
        parts.append("its adapter is not in the bank")
    return f"({'; '.join(parts)})"


def export_encoder(
    bank: BankPath,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The adapted encoder, with or without adapted: before it.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder.")],
    parent: Annotated[
        str, typer.Option(metavar="URI", help="Where its parent is, of local files: such as siglip:/models/mine.", show_default=False)
    ] = "",
    adapter: Annotated[bool, typer.Option("--adapter", help="Its adapter and card alone, which adapted:FOLDER opens.")] = False,
    at: At = None,
    json: Json = False,
) -> None:
    """Write an adapted encoder as a model that open_clip, transformers, timm, CT-CLIP or scanbank itself loads again."""
    from ..embed.adapt.export import export
    from ..store import Bank

    made = export(Bank.open(bank, at=at), name, folder, parent=parent, adapter_alone=adapter)
    if json:
        print_json({"encoder": made.encoder, "folder": str(made.folder), "files": list(made.files), "opens_as": made.uri})
        return
    say(f"{made.encoder} written to {made.folder}: {', '.join(made.files)}")
    if made.uri:
        say(f"scanbank opens it as {made.uri}")
    if made.elsewhere:
        say(made.elsewhere)


def refresh(
    bank: BankPath,
    old: Annotated[str, typer.Option("--from", metavar="PARENT", help="The encoder whose vectors are made anew.", show_default=False)],
    new: Annotated[
        str, typer.Option("--to", metavar="CHILD", help="The encoder that makes them: adapted:NAME, or any other.", show_default=False)
    ],
    aliases: Annotated[
        list[str] | None,
        typer.Option("--as", metavar="ALIAS", help="Let this name stand for the new set when it is whole.", show_default=False),
    ] = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Move the alias also where scans cannot be read any more.")
    ] = False,
    align: Annotated[
        Path | None, typer.Option(metavar="REFERENCE.nii.gz", help="The CT that aligned views were aligned to.", show_default=False)
    ] = None,
    accept_hu: Annotated[bool, typer.Option("--accept-hu", help="As in embed.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    batch: Annotated[int | None, typer.Option(min=1, help="Planes or volumes at once.", show_default=False)] = None,
    workers: Annotated[int, typer.Option(min=1, help="Scans that are decoded at a time.")] = min(4, os.cpu_count() or 1),
    json: Json = False,
) -> None:
    """Embed with one encoder all that another has embedded; then an alias moves to the new vectors, at once. Run it again to go on."""
    from dataclasses import asdict

    from ..embed.adapt.opening import kept_encoders, open_in
    from ..eval.refreshing import How, encoder_of_sets
    from ..eval.refreshing import refresh as run
    from ..store import Bank

    opened = Bank.open(bank)
    spec = encoder_of_sets(opened, old)
    uri = f"adapted:{new}" if any(one.name == f"adapted:{new}" for one in kept_encoders(opened)) else new
    encoder = open_in(opened, uri, device=device)
    how = How(align, accept_hu, workers, batch)
    with progress(not json) as listener:
        done = run(opened, spec, encoder, aliases=listed(aliases), allow_missing=allow_missing, how=how, progress=listener)
    if json:
        print_json(asdict(done) | {"complete": done.complete})
    else:
        _tell(done)
    if done.interrupted:
        complain("interrupted: what was done is committed; run the same command to go on")
    if not done.complete and not (allow_missing and not done.interrupted):
        raise typer.Exit(1)


def _tell(done: Refreshed) -> None:
    say(f"{done.encoded} volumes encoded with {done.new}")
    for one in done.sets:
        lacking = f", {one.lacking} lacking" if one.lacking else ""
        say(f"{one.new}: {one.items - one.lacking} of the {one.items} that {one.old} has{lacking}")
    for one in done.lacking[:_SHOWN]:
        complain(f"lacking: volume {one.volume}{f' ({one.path})' if one.path else ''}: {one.reason}")
    if len(done.lacking) > _SHOWN:
        complain(f"lacking: {len(done.lacking) - _SHOWN} more volumes; --json lists them all")
    for alias, name in done.aliases.items():
        say(f"{alias} stands for {name}")
    for alias in done.waiting:
        complain(f"alias {alias} stays where it was: the new vectors are not whole, those of {done.old} can be used as before")
