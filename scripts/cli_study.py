"""The commands `scanbank study ...`: whole studies of papers, on any bank."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import BankPath, Json, KeyFile, listed, shots_of
from .output import complain, print_json, print_table, progress, say

if TYPE_CHECKING:
    from ..embed.adapt.recipe import Recipe
    from ..eval.adapt_found import Found

app = typer.Typer(no_args_is_help=True, help="Whole studies of papers as one command each, on any bank.")


@app.callback()
def _study() -> None:
    """Whole studies of papers as one command each, on any bank."""


@app.command("ct-clip-ich")
def ct_clip_ich(
    bank: BankPath,
    backbones: Annotated[
        list[str],
        typer.Option(help="Encoders with commas; adapted:NAME is a child of this bank.", show_default=False),
    ],
    windows: Annotated[str, typer.Option(help="HU windows, with commas.")] = "brain,subdural,bone",
    finding: Annotated[str, typer.Option(help="What is learned, by its name in the labels.")] = "hemorrhage",
    shots: Annotated[str, typer.Option(help="Of the few-shot table, with commas.")] = "1,5,10,20",
    repeats: Annotated[int, typer.Option(min=1, help="Draws for each number of shots.")] = 10,
    lora: Annotated[Path | None, typer.Option(metavar="FILE.yaml", help="Recipe of LoRA.", show_default=False)] = None,
    partial: Annotated[Path | None, typer.Option(metavar="FILE.yaml", help="Recipe of partial fine-tuning.", show_default=False)] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Of both; by default the recipes' own.", show_default=False)] = None,
    split: Annotated[str | None, typer.Option(help="A stored split, or patients-SEED.", show_default=False)] = None,
    source: Annotated[str | None, typer.Option(help="Whose labels count.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of draws, weights, and of the split where one is made.")] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="For tables (Markdown, CSV) and a picture.", show_default=False)
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    workers: Annotated[int, typer.Option(min=1, help="Scans that are decoded at a time.")] = min(4, os.cpu_count() or 1),
    cache: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="For voxels, safe to delete; by default the user's cache.", show_default=False)
    ] = None,
    cache_gb: Annotated[float, typer.Option(min=0, help="Most of it.")] = 50.0,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """Adapting chest CT-CLIP to intracranial hemorrhage: zero-shot, linear probe, LoRA, partial fine-tuning, and few shots.

    Run it again to go on: what the bank holds is not made again.
    """
    from ..embed.adapt.opening import open_in
    from ..embed.adapt.recipe import Recipe
    from ..eval.adapt_said import few_ordering, ordering, reserve
    from ..eval.adapt_study import Compared, study
    from ..eval.adapt_tables import few_table, full_table
    from ..eval.adapting import Place, adaptable
    from ..eval.protocol import Protocol
    from ..store import Bank
    from .view_options import windows_of

    names = tuple(dict.fromkeys(listed([windows])))
    windows_of(names)  # mistakes first
    if out is not None:
        _made(out)
    recipes = {
        "LoRA": _recipe(lora, Recipe(method="lora"), epochs, seed),
        "partial fine-tuning": _recipe(partial, Recipe(method="partial", layers="lower:0.5"), epochs, seed),
    }
    protocol = Protocol(seed, source=source, split=split)
    asked = Compared(finding, _uris(backbones), names, recipes, shots=_shots(shots), repeats=repeats, protocol=protocol)
    opened, place = Bank.open(bank, key_file=key_file), Place(cache=cache, cache_bytes=int(cache_gb * 2**30), workers=workers)
    with progress(not json) as listener:
        found = study(opened, asked, lambda uri: adaptable(open_in(opened, uri, device=device)), place, listener)
    if out is not None:
        _write(out, found)
    if json:
        print_json(asdict(found))
        return
    print_table(*full_table(found), title=f"All training data: {finding}")
    say()
    print_table(*few_table(found), title=f"Few shots, mean and standard deviation over {repeats} draws: {finding}")
    _list("As found, by AUROC:", ordering(found))
    _list(f"Few shots, as found, by mean AUROC over {repeats} draws:", few_ordering(found))
    _list("How sure that is:", reserve(found))
    for remark in found.remarks:
        complain(f"note: {remark}")
    if out is not None:
        say(f"tables are in {out}, and {out / 'study.png'} shows them")


def _list(title: str, lines: Sequence[str]) -> None:
    say(f"\n{title}")
    for line in lines:
        say(f"  {line}")


def _recipe(path: Path | None, otherwise: Recipe, epochs: int | None, seed: int) -> Recipe:
    from ..embed.adapt.recipe import read_recipe

    return replace(otherwise if path is None else read_recipe(path), seed=seed).with_({"epochs": epochs})


def _uris(texts: Sequence[str]) -> tuple[str, ...]:
    """URIs with commas between them; what begins with no kind of encoder belongs to the one before (ctclip:FILE,CONFIG.json)."""
    from ..embed.registry import scheme_of
    from ..store.errors import UsageError

    found: list[str] = []
    for text in texts:
        for place, part in enumerate(text.split(",")):
            if place and scheme_of(part.strip()) is None and found:
                found[-1] += f",{part.strip()}"
            elif part.strip():
                found.append(part.strip())
    if not found:
        raise UsageError("--backbones names no encoder; write some with commas, such as tiny,ctclip:CT-CLIP_v2.pt")
    return tuple(dict.fromkeys(found))


def _shots(text: str) -> tuple[int, ...]:
    """Of the few-shot table: the whole training side has a table of its own."""
    from ..store.errors import UsageError

    found = shots_of(text)
    numbers = tuple(dict.fromkeys(k for k in found if k is not None))
    if None in found:
        raise UsageError(f"--shots {text!r}: all training data is in the other table; give numbers from 1, such as 1,5,10,20")
    return numbers


def _made(out: Path) -> None:
    """The folder, before hours of work."""
    from ..store.errors import UsageError
    from ..store.repository import told

    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file; name a folder")
    with told(f"making the folder {out}"):
        out.mkdir(parents=True, exist_ok=True)


def _write(out: Path, found: Found) -> None:
    from ..eval.adapt_said import few_ordering, ordering, reserve
    from ..eval.adapt_tables import apart_csv, as_csv, few_table, full_table, markdown
    from ..eval.report.charts_study import study_png
    from ..store.repository import told

    def listed(title: str, lines: Sequence[str]) -> str:
        return f"\n{title}\n\n" + "".join(f"- {line.strip()}\n" for line in lines)

    said = listed("As found, by AUROC:", ordering(found)) + listed("How sure that is:", reserve(found))
    texts = {
        "full-data.md": markdown(*full_table(found)) + said,
        "few-shot.md": markdown(*few_table(found)) + listed("As found, by mean AUROC over draws:", few_ordering(found)),
        "full-data.csv": as_csv(found.full),
        "few-shot.csv": as_csv(found.few),
        "differences.csv": apart_csv(found.apart),
    }
    with told(f"writing to {out}"):
        for name, text in texts.items():
            (out / name).write_text(text, encoding="utf-8")
        (out / "study.png").write_bytes(study_png(found))
