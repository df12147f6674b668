"""The command `scanbank phantom`: a cohort of synthetic patients with known truth."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .options import Json, listed
from .output import complain, print_json, progress, say, size


def phantom(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write to: new or empty.", show_default=False)],
    cohort: Annotated[str, typer.Option(help="chest or head.", show_default=False)],
    patients: Annotated[int, typer.Option(metavar="N", help="How many patients, with one to three studies each.")] = 10,
    seed: Annotated[int, typer.Option(metavar="S", help="Each makes other patients; the same makes the same bytes.")] = 0,
    findings: Annotated[
        list[str] | None,
        typer.Option(help="Only these findings occur, such as nodule,mass; the rest of the bodies stays the same.", show_default=False),
    ] = None,
    masks: Annotated[bool, typer.Option("--masks/--no-masks", help="Write masks of the findings (NIfTI and DICOM SEG).")] = True,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Draw a contact sheet of the first twelve patients.", show_default=False)
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that make patients.")] = min(4, os.cpu_count() or 1),
    force: Annotated[
        bool, typer.Option("--force", help="Replace the phantom cohort that is in OUT; files of others are never touched.")
    ] = False,
    json: Json = False,
) -> None:
    """Make CT phantoms with known truth: DICOM series, reports, labels, masks, and tables of what is where. No patient is in them."""
    from ..eval.phantoms.cohort import cohort_named
    from ..eval.phantoms.write import write_cohort

    chosen = cohort_named(cohort)
    if findings:
        chosen = chosen.only(listed(findings))
    try:
        with progress(not json) as listener:
            made = write_cohort(out, chosen, patients, seed, masks=masks, sheet=sheet, workers=workers, force=force, progress=listener)
    except KeyboardInterrupt:
        complain(f"interrupted: what was written to {out} is removed again; run the same command to make it")
        raise typer.Exit(1) from None
    if json:
        print_json(asdict(made))
        return
    say(f"{out}: {made.patients} patients, {made.studies} studies, {made.series} series, {made.images} images, {size(made.bytes)}")
    say("studies with " + ", ".join(f"{name} {count}" for name, count in made.findings.items()))
    say(f"next: scanbank ingest BANK {out}/dicom --labels {out}/labels.csv --reports {out}/reports.csv")
