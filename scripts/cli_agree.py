"""The command `scanbank agree`: how well two sources of labels agree, as in a paper's table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from .options import At, BankPath, Json
from .output import complain, print_json, print_table, progress, say

if TYPE_CHECKING:
    from ..eval.agree import Agreed, LeftOut
    from ..eval.agreement import Agreement, Estimate

First = Annotated[
    str, typer.Option("--a", metavar="SOURCE", help="The reference, as in the column source of labels, such as table.", show_default=False)
]
Second = Annotated[
    str,
    typer.Option("--b", metavar="SOURCE", help="The other, whose sensitivity and specificity are told, such as rules.", show_default=False),
]
OfFindings = Annotated[
    list[str] | None,
    typer.Option("--finding", help="These alone; takes commas. By default all that both label.", show_default=False),
]
Unit = Annotated[
    str | None,
    typer.Option(
        help="What is compared: study, patient, or volume or slice of primary series; by default the finest that both label.",
        show_default=False,
    ),
]


def agree(
    bank: BankPath,
    a: First,
    b: Second,
    finding: OfFindings = None,
    unit: Unit = None,
    uncertain: Annotated[str, typer.Option(help="What an uncertain label counts as: unknown (left out), absent or present.")] = "unknown",
    unmentioned: Annotated[
        str, typer.Option(help="What a finding that is not mentioned counts as: absent, present or unknown.")
    ] = "absent",
    draws: Annotated[int, typer.Option(min=2, help="Draws of patients, for intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of these draws.")] = 0,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Write the table to a .csv, .md or .json.", show_default=False)
    ] = None,
    at: At = None,
    json: Json = False,
) -> None:
    """Two label sources against each other: accuracy, kappa, sensitivity, specificity and F1 of each finding, intervals by patient."""
    from ..eval.agree import agree_sources
    from ..eval.label_policy import LabelPolicy
    from ..store import Bank
    from .target import check_target, save

    if out is not None:
        check_target("-o", out, ".csv", ".md", ".json")
    policy = LabelPolicy(uncertain=cast("Any", uncertain), unmentioned=cast("Any", unmentioned))
    with progress(not json) as listener:
        found = agree_sources(
            Bank.open(bank, at=at), a, b, finding or (), unit=cast("Any", unit), policy=policy, draws=draws, seed=seed, progress=listener
        )
    if out is not None:
        save(out, _written(found, out.suffix.lower()).encode())
    if json:
        print_json(_as_json(found))
        return
    say(_title(found))
    print_table(_COLUMNS, [_line(*each) for each in found.lines])
    for remark in _remarks(found):
        complain(f"note: {remark}")
    if out is not None:
        say(f"written: {out}")


_METRICS = {"accuracy": "accuracy", "kappa": "kappa", "sensitivity": "sensitivity", "specificity": "specificity", "f1": "F1"}
_COLUMNS = ("finding", "n", "a+", "b+", "TP", "FP", "FN", "TN", "unknown", *_METRICS.values())


def _title(found: Agreed) -> str:
    told = found.settings
    return f"b = {told['b']} against a = {told['a']}, by {told['unit']}; {found.policy}; 95% intervals by patient, {told['draws']} draws"


def _line(one: Agreement, out: LeftOut) -> tuple[Any, ...]:
    counts = (one.items, one.tp + one.fn, one.tp + one.fp, one.tp, one.fp, one.fn, one.tn, out.unknown)
    return one.finding, *counts, *(_cell(one.estimates[name]) for name in _METRICS)


def _cell(of: Estimate) -> str:
    if of.value is None:
        return "-"
    return f"{of.value:.3f}" + (f" ({of.lo:.3f}..{of.hi:.3f})" if of.lo is not None else "")


def _remarks(found: Agreed) -> list[str]:
    said = list(found.remarks)
    for one, _ in found.lines:
        said += [f"{one.finding}: no {metric}, as {of.reason}" for metric, of in one.estimates.items() if of.value is None]
    return said


def _as_json(found: Agreed) -> dict[str, Any]:
    return {"settings": dict(found.settings), "remarks": list(found.remarks), "results": [_row(*each) for each in found.lines]}


def _row(one: Agreement, out: LeftOut) -> dict[str, Any]:
    """Flat, for JSON and CSV."""
    row: dict[str, Any] = {"finding": one.finding, "findings": one.over, "items": one.items, "patients": one.patients}
    row |= {"positive_a": one.tp + one.fn, "positive_b": one.tp + one.fp, "tp": one.tp, "fp": one.fp, "fn": one.fn, "tn": one.tn}
    row |= {"unknown": out.unknown, "only_a": out.only_first, "only_b": out.only_second}
    for name, of in one.estimates.items():
        row |= {name: of.value, f"{name}_lo": of.lo, f"{name}_hi": of.hi, f"{name}_reason": of.reason or None}
    return row


def _written(found: Agreed, suffix: str) -> str:
    if suffix == ".json":
        import json

        return json.dumps(_as_json(found), indent=2) + "\n"
    if suffix == ".md":
        lines = [_COLUMNS, ["---"] * len(_COLUMNS), *(_line(*each) for each in found.lines)]
        table = "\n".join(f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
        return f"{_title(found)}\n\n{table}\n"
    import csv
    import io

    text = io.StringIO(newline="")
    told = {name: found.settings[name] for name in ("a", "b", "unit", "uncertain", "unmentioned")}
    rows = [told | _row(*each) for each in found.lines]
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
