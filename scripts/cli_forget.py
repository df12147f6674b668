"""The command that erases a patient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .options import BankPath, Json, KeyFile
from .output import complain, print_json, progress, say, summary

if TYPE_CHECKING:
    from ..store.forget import ForgetReport


def forget(
    bank: BankPath,
    patient: Annotated[
        list[str] | None, typer.Option("--patient", metavar="ID", help="Original id of the patient; may be repeated.", show_default=False)
    ] = None,
    pseudonym: Annotated[
        list[str] | None,
        typer.Option(
            "--pseudonym", metavar="HEX", help="The patient, or group, as SQL shows it; may be repeated. Needs no key.", show_default=False
        ),
    ] = None,
    keep_adapters: Annotated[
        bool,
        typer.Option("--keep-adapters", help="Adapted encoders that were trained on the patient stay; without this their adapters go."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without this, what would be erased is counted, and nothing is.")] = False,
    json: Json = False,
    key_file: KeyFile = None,
) -> None:
    """Erase a patient: rows, vectors, predictions, caches, and every snapshot and tag that held them. It cannot be undone."""
    from dataclasses import asdict

    from ..store import Bank
    from ..store.forget import forget as run
    from ..store.forget import preview

    opened = Bank.open(bank, key_file=key_file)
    if yes:
        with progress() as listener:
            report = run(opened, patient or (), pseudonym or (), keep_adapters=keep_adapters, progress=listener)
    else:
        report = preview(opened, patient or (), pseudonym or (), keep_adapters=keep_adapters)
    if json:
        print_json(asdict(report) | {"done": yes})
    else:
        _print(report, done=yes)
    if not yes:
        complain("nothing was erased; the same command with --yes does it, and it cannot be undone")


def _print(report: ForgetReport, *, done: bool) -> None:
    if done and report.resumed:
        say("an erasure that was interrupted before was finished")
    if report.rows or report.vectors or not report.resumed:
        of = {"volumes": report.volumes, "studies": report.studies, "slices": report.slices, "report snippets": report.snippets}
        say(("erased        " if done else "would erase   ") + (summary({k: n for k, n in of.items() if n}) or "no scans"))
        say("rows          " + (summary(report.rows) or "none"))
        say("vectors       " + (summary(report.vectors) or "none"))
    if report.adapters:
        say("adapters      " + ", ".join(report.adapters) + " (trained on the patient; their vectors of others stay)")
    if report.adapters_kept:
        say("stay          adapters trained on the patient: " + ", ".join(report.adapters_kept))
    say(f"snapshots     {report.snapshots}, all but the newest and those of tags that never held it")
    say("tags          " + (", ".join(report.tags) or "none"))
    if report.beside:
        say(f"stay          {report.beside} volumes of the same patient or group, whose own headers name another patient")
    if done:
        say(f"files removed {report.files}")
