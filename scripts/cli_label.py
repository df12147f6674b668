"""The command `scanbank label`: labels from the reports of a bank."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from .options import BankPath, Json, KeyFile
from .output import print_json, print_table, progress, say

if TYPE_CHECKING:
    from ..eval.labels.bank_labels import Labelled


def label(
    bank: BankPath,
    findings: Annotated[
        str,
        typer.Option(metavar="SET", help="neuro16, chest18, cxr14, chexpert14, or a YAML file of your own.", show_default=False),
    ],
    method: Annotated[str, typer.Option(help="How reports are read: rules.")] = "rules",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be labelled; write nothing.")] = False,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """Label every report of a bank: present, absent, uncertain or unmentioned for each finding, as a source of its own."""
    from ..eval.labels import METHODS, finding_set
    from ..eval.labels.bank_labels import label_by_rules
    from ..store import Bank
    from ..store.errors import UnknownNameError

    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS)
    asked = finding_set(findings)
    opened = Bank.open(bank, key_file=key_file)
    with progress(not json) as listener:
        done = label_by_rules(opened, asked, write=not dry_run, progress=listener)
    if json:
        print_json(asdict(done))
    else:
        _tell(done, bank, dry_run)


def _tell(done: Labelled, bank: str, dry_run: bool) -> None:
    statuses = list(next(iter(done.counts.values())))
    print_table(("finding", *statuses), [(name, *(counts[status] for status in statuses)) for name, counts in done.counts.items()])
    what = "would be written" if dry_run else "written"
    say(f"{done.reports} reports, {done.changed} labels {what} as source {done.source}")
    if done.withdrawn:
        say(f"{done.withdrawn} labels of reports that are no longer in the bank count as unknown from here on")
    if not dry_run:
        say(f"`scanbank sweep {bank} ... --source {done.source}` learns from them")
