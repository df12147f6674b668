"""The command `scanbank retrieval`: how well reports find their scans, and scans their reports."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from .options import BankPath, Json
from .output import complain, print_json, print_table, progress, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..eval.retrieval import Measure, Retrieval

_DUPLICATES = "_duplicates"
_COLUMNS = {"recall_at_1": "R@1", "recall_at_5": "R@5", "recall_at_10": "R@10", "recall_at_50": "R@50", "recall_at_100": "R@100"}
_COLUMNS |= {"median_rank": "median rank", "mrr": "MRR"}
_BY_FINDINGS = {"map": "mAP", "ndcg": "nDCG"}


def retrieval(
    bank: BankPath,
    texts: Annotated[
        str, typer.Option(help="A report as: report (its sections), sentences, or one section such as section:impression.")
    ] = "report",
    features: Annotated[
        list[str] | None,
        typer.Option(
            "--features", help="Feature sets by name; take commas or repeat it. By default all with texts encoded.", show_default=False
        ),
    ] = None,
    encoder: Annotated[str, typer.Option("--encoder", help="Feature sets of this encoder alone.", show_default=False)] = "",
    window: Annotated[str, typer.Option("--window", help="Feature sets of this HU window alone.", show_default=False)] = "",
    pool: Annotated[
        str, typer.Option("--pool", help="How vectors of slices, depths or patches become one: mean, max or topK such as top5.")
    ] = "mean",
    source: Annotated[str | None, typer.Option("--source", help="Whose labels say which findings scans share.", show_default=False)] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Measure the test side of this split alone (stored, or patients-SEED); else all studies.", show_default=False),
    ] = None,
    allow_leak: Annotated[
        bool, typer.Option("--allow-leak", help="Go on where an encoder was trained on patients of these studies; the run says so.")
    ] = False,
    json: Json = False,
) -> None:
    """Text to image and back: where each report's own scan comes among all, and each scan's report (docs/retrieval.md)."""
    from ..eval.feature_choice import FeatureChoice
    from ..eval.retrieval import retrieval as evaluate
    from ..store import Bank

    with progress(not json) as listener:
        opened = Bank.open(bank)
        choice = FeatureChoice(tuple(features or ()), encoder, window, pool)
        result = evaluate(opened, texts=texts, choice=choice, source=source, split=split, allow_leak=allow_leak, progress=listener)
    if json:
        print_json(asdict(result))
    else:
        _tell(result)
    for remark in () if json else result.remarks:
        complain(f"note: {remark}")


def _tell(result: Retrieval) -> None:
    told = result.settings
    same = told["pool"] - told["distinct_reports"]
    say(
        f"{told['queries']}: {told['pool']} scans and as many texts of {told['patients']} patients; "
        f"{same} texts are near-identical to one before them"
    )
    rows, graded = list[tuple[str, ...]](), list[tuple[str, ...]]()
    for found in result.rows:
        by_name = {one.name: one for one in found.measures}
        names = (found.features, found.direction.replace("_", " "))
        rows.append((*names, "itself", *_cells(by_name, _COLUMNS, "")))
        rows.append((*names, "or near-identical", *_cells(by_name, _COLUMNS, _DUPLICATES)))
        graded.append((*names, *_cells(by_name, _BY_FINDINGS, "")))
    rows.append(("a random order", "", "itself", *(_number(result.chance.get(name)) for name in _COLUMNS)))
    print_table(("features", "direction", "right is", *_COLUMNS.values()), rows, "Ranks")
    if told["findings"]:
        say()
        print_table(
            ("features", "direction", *_BY_FINDINGS.values()), graded, f"By shared findings, {len(told['findings'])} of {told['source']}"
        )
    for reason in dict.fromkeys(one.reason for found in result.rows for one in found.measures if one.reason and one.name in _COLUMNS):
        complain(f"no value where {reason}")
    say(f"run {result.run} is in the bank: tables runs, metrics")


def _cells(measures: Mapping[str, Measure], names: Mapping[str, str], ending: str) -> list[str]:
    return [_cell(measures[name + ending]) for name in names]


def _cell(one: Measure) -> str:
    ends = "" if one.lo is None else f" ({_number(one.lo)}..{_number(one.hi)})"
    return _number(one.value) + ends


def _number(value: float | None) -> str:
    """Shares with three digits, ranks as they are."""
    return "-" if value is None else f"{value:.3f}" if value < 1 else f"{value:g}" if value > 1 else "1"
