"""What studies found, for people and for programs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .options import ALL, listed
from .output import complain, print_json, print_table, say

if TYPE_CHECKING:
    from ..eval.results import Result, Summary

_TITLES = {"auroc": "AUROC", "ap": "AP", "f1": "F1"}
"""Metrics that are shown; all are in the bank. Where none of these was asked for, those that were."""


def check_heads(text: str) -> tuple[str, ...]:
    """Names of heads with commas, known before anything is made for them. Raises UnknownNameError where one is none."""
    from ..eval.kinds import kind_named

    names = listed([text])
    for name in names:
        kind_named(name)
    return names


def tell(results: Sequence[Result], *, json: bool) -> None:
    """Print results of studies."""
    if json:
        told = [as_json(result) for result in results]
        print_json(told[0] if len(told) == 1 else told)
        return
    seeds = len({result.settings["seed"] for result in results})
    for result in results:
        units, counts = result.study.units, result.settings["counts"]
        drawn = f", seed {result.settings['seed']}" if seeds > 1 else ""
        sides = ", ".join(f"{name} {c['present']} + {c['absent']} of {c['patients']} patients" for name, c in counts.items())
        say(f"{units.finding}, split {result.study.split.name}{drawn}, {units.unit}s present + absent: {sides}")
    if results:
        _tell_fitted(results[0].settings)
    for remark in dict.fromkeys(remark for result in results for remark in result.remarks):
        say(f"note: {remark}")
    _print_tables(results)
    made = sum(result.made for result in results)
    runs = ", ".join(result.run for result in results[:3]) + (f" and {len(results) - 3} more" if len(results) > 3 else "")
    there = "" if made else "; all of it was there already"
    for folder in (folder for result in results for folder in result.saved):
        say(f"head saved: {folder}")
    say(f"run{'s' * (len(results) > 1)} {runs} {'are' if len(results) > 1 else 'is'} in the bank: tables runs, metrics, predictions{there}")


def as_json(result: Result) -> dict[str, Any]:
    """For programs."""
    return {
        "run": result.run,
        "settings": dict(result.settings),
        "remarks": list(result.remarks),
        "fitted": result.made,
        "saved": list(result.saved),
        "results": [asdict(row) | {"shots": ALL if row.shots is None else row.shots} for row in result.summary()],
    }


def _tell_fitted(settings: Mapping[str, Any]) -> None:
    """How calls and probabilities were made, where that is not the usual way."""
    if (rule := settings["threshold"]) != "youden":
        say(f"calls at the threshold of the validation side by {rule}")
    if (how := settings["calibration"]) != "none":
        say(f"probabilities calibrated on the validation side by {how}")


def _print_tables(results: Sequence[Result]) -> None:
    """One table a metric: a line for each method, a column for each number of shots, as papers have it."""
    told = [(result.study.units.finding, str(result.settings["seed"])) for result in results]
    named = [name for place, name in enumerate(("finding", "seed")) if len({one[place] for one in told}) > 1]
    keep = [("finding", "seed").index(name) for name in named]
    every = [(tuple(of[place] for place in keep), row) for of, result in zip(told, results, strict=True) for row in result.summary()]
    shots = list(dict.fromkeys(row.shots for _, row in every))
    measured = list(dict.fromkeys(row.metric for _, row in every))
    shown = [metric for metric in measured if metric in _TITLES] or measured
    for metric in shown:
        title = _TITLES.get(metric, metric.replace("_", " "))
        lines: dict[tuple[str, ...], dict[int | None, str]] = defaultdict(dict)
        reasons: dict[str, None] = {}
        for where, row in every:
            if row.metric == metric:
                lines[*where, row.features, row.head][row.shots] = _cell(row)
                reasons |= {row.reason: None} if row.reason else {}
        heading = [ALL if k is None else "zero-shot" if k == 0 else f"{k} shot" + "s" * (k != 1) for k in shots]
        say()
        print_table(
            (*named, "features", "head", *heading), [(*key, *(cells.get(k, "") for k in shots)) for key, cells in lines.items()], title
        )
        for reason in reasons:
            complain(f"{title}: no value where {reason}")


def _cell(row: Summary) -> str:
    if row.mean is None:
        return "-"
    if row.sd is not None:
        return f"{row.mean:.3f} ± {row.sd:.3f}"
    return f"{row.mean:.3f} ({row.lo:.3f}..{row.hi:.3f})" if row.lo is not None else f"{row.mean:.3f}"
