"""The command `scanbank compare`: the difference of two heads or backbones, with its interval and p-value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from .options import BankPath, Json, listed
from .output import print_json, print_table, progress, say
from .result_tables import ALL

if TYPE_CHECKING:
    from ..eval.compare import Compared


First = Annotated[
    str | None,
    typer.Argument(help="A method that was measured, as HEAD:FEATURES; either alone where that is enough.", show_default=False),
]
Second = Annotated[str | None, typer.Argument(help="Another.", show_default=False)]
Encoders = Annotated[
    str,
    typer.Option(
        metavar="A,B",
        help="Instead of methods: two encoders, by every head that was tested on the same vectors of both.",
        show_default=False,
    ),
]
OfFindings = Annotated[
    list[str] | None,
    typer.Option("--finding", help="These alone; takes commas. By default all that both were measured on.", show_default=False),
]
Metrics = Annotated[list[str] | None, typer.Option("--metrics", help="Metrics, with commas; by default auroc,ap.", show_default=False)]


def compare(
    bank: BankPath,
    first: First = None,
    second: Second = None,
    encoders: Encoders = "",
    head: Annotated[str, typer.Option(help="With --encoders: this head alone.", show_default=False)] = "",
    finding: OfFindings = None,
    metrics: Metrics = None,
    draws: Annotated[int, typer.Option(min=2, help="Draws of patients, for the bootstrap.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of these draws.")] = 0,
    json: Json = False,
) -> None:
    """First minus second, on the same items and draws: paired DeLong for AUROC, else paired bootstrap of patients; Holm over the table."""
    from ..eval.compare import METRICS, Comparing, compare_encoders, compare_methods
    from ..store import Bank
    from ..store.errors import UsageError

    asked = listed(metrics) or METRICS
    pair = listed([encoders])
    if bool(pair) == bool(first or second):
        raise UsageError("name two methods, as HEAD:FEATURES, or two encoders with --encoders A,B")
    if len(pair) not in (0, 2) or (not pair and not (first and second)):
        raise UsageError(f"two are compared; found {', '.join(pair) or first}")
    if head and not pair:
        raise UsageError("--head chooses among those of --encoders; a method names its own")
    with progress(not json) as listener:
        opened = Bank.open(bank)
        if pair:
            how = Comparing(listed(finding), asked, draws, seed)
            found = compare_encoders(opened, pair[0], pair[1], how, head=head, progress=listener)
        else:
            found = compare_methods(
                opened, first or "", second or "", findings=listed(finding), metrics=asked, draws=draws, seed=seed, progress=listener
            )
    if json:
        print_json([each.row for each in found])
        return
    several = len({(each.first, each.second) for each in found}) > 1
    say(f"{pair[0]} minus {pair[1]}" if several else f"{found[0].first.name} minus {found[0].second.name}")
    columns = ("finding", "shots", "metric", "first", "second", "difference (95%)", "p", "p Holm", "sd by draws", "sd by patients", "by")
    rows = [((each.first.name,) if several else ()) + _line(each) for each in found]
    print_table((("method",) if several else ()) + columns, rows)
    for reason in dict.fromkeys(each.difference.reason for each in found if each.difference.reason):
        say(f"note: {reason}")
    say("the table comparisons of the bank holds all of it")


def _line(each: Compared) -> tuple[str, ...]:
    one = each.difference
    interval = (
        f"{one.value:+.3f} ({one.lo:+.3f}..{one.hi:+.3f})" if one.lo is not None else "-" if one.value is None else f"{one.value:+.3f}"
    )
    spreads = [math.sqrt(variance) if variance is not None else None for variance in (one.support_variance, one.test_variance)]
    shots = ALL if each.shots is None else "zero-shot" if each.shots == 0 else str(each.shots)
    numbers = [_number(value) for value in (one.first, one.second)]
    return each.finding, shots, one.metric, *numbers, interval, _p(one.p), _p(each.p_holm), *map(_number, spreads), one.method


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _p(value: float | None) -> str:
    return "-" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"
