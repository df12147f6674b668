"""The commands `scanbank sweep` and `scanbank zeroshot`: numbers on cached features, in seconds."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from .options import BankPath, Json, listed
from .output import complain, print_json, print_table, progress, say
from .text_encoders import TrustCode

if TYPE_CHECKING:
    from ..eval.feature_choice import FeatureChoice
    from ..eval.results import Result, Summary

Finding = Annotated[
    str,
    typer.Option("--finding", help="What to tell apart, by its name in the labels; of classes, one as NAME=CLASS.", show_default=False),
]
Features = Annotated[
    list[str] | None,
    typer.Option(
        "--features",
        help="Feature sets by name, such as intensity/brain/slice/mean; take commas or repeat it. By default all that fit.",
        show_default=False,
    ),
]
OfEncoder = Annotated[str, typer.Option("--encoder", help="Feature sets of this encoder alone.", show_default=False)]
OfWindow = Annotated[str, typer.Option("--window", help="Feature sets of this HU window alone.", show_default=False)]
Pool = Annotated[str, typer.Option("--pool", help="How vectors of slices, depths or patches become one: mean, max or topK such as top5.")]
Unit = Annotated[
    str | None,
    typer.Option("--unit", help="volume or slice; by default volumes, unless only slices are labelled.", show_default=False),
]
Source = Annotated[str | None, typer.Option("--source", help="Whose labels count, where several sources gave some.", show_default=False)]
SplitName = Annotated[
    str | None,
    typer.Option("--split", help="A stored split, or patients-SEED; by default the user's, else patients-SEED.", show_default=False),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of draws, and of the split where one is made.")]

ALL = "all"


def sweep(
    bank: BankPath,
    finding: Finding,
    heads: Annotated[str, typer.Option(help="Heads, with commas: linear, cosine, knn, prototype.")] = "linear,cosine,knn,prototype",
    shots: Annotated[str, typer.Option(help="Examples of each class, with commas; `all` is the whole training side.")] = "1,5,10,20",
    repeats: Annotated[int, typer.Option(min=1, help="Draws for each number of shots.")] = 10,
    features: Features = None,
    encoder: OfEncoder = "",
    window: OfWindow = "",
    pool: Pool = "mean",
    unit: Unit = None,
    source: Source = None,
    split: SplitName = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Few-shot: compare heads and feature sets on a finding, over shots and repeats, by AUROC, AP and F1 on test patients."""
    from ..eval.sweep import sweep as run_sweep
    from ..store import Bank

    numbers = _shots(shots)
    choice = _choice(features, encoder, window, pool)
    with progress(not json) as listener:
        result = run_sweep(
            Bank.open(bank), finding, listed([heads]), numbers, repeats, seed=seed, unit=cast("Any", unit), source=source, split=split,
            choice=choice, progress=listener,
        )  # fmt: skip
    _tell(result, json=json)


def zeroshot(
    bank: BankPath,
    finding: Finding,
    prompt: Annotated[
        str | None, typer.Option(help='What says that it is there; by default "FINDING is present."', show_default=False)
    ] = None,
    negative: Annotated[
        str | None, typer.Option(help='What says that it is not; by default "FINDING is not present."', show_default=False)
    ] = None,
    everyone: Annotated[bool, typer.Option("--everyone", help="Test on all patients, not on the split's test side; gives no F1.")] = False,
    features: Features = None,
    encoder: OfEncoder = "",
    window: OfWindow = "",
    pool: Pool = "mean",
    unit: Unit = None,
    source: Source = None,
    split: SplitName = None,
    seed: Seed = 0,
    device: Annotated[str, typer.Option(help="Where prompts are encoded: auto, cpu, cuda, cuda:N or mps.")] = "auto",
    trust_code: TrustCode = False,
    json: Json = False,
) -> None:
    """Zero-shot: how far a pair of prompts tells a finding, with encoders that have a text side."""
    from ..eval.zeroshot import zeroshot as run_zeroshot
    from ..store import Bank
    from .text_encoders import opener

    choice = _choice(features, encoder, window, pool)
    with progress(not json) as listener:
        result = run_zeroshot(
            Bank.open(bank), finding, prompt=prompt, negative=negative, seed=seed, unit=cast("Any", unit), source=source, split=split,
            everyone=everyone, choice=choice, opened_by=opener(device, typed=encoder, trust_code=trust_code), progress=listener,
        )  # fmt: skip
    _tell(result, json=json)


def _shots(text: str) -> tuple[int | None, ...]:
    from ..store.errors import UsageError

    words = listed([text])
    wrong = [word for word in words if word != ALL and not (word.isascii() and word.isdigit() and int(word))]
    if wrong or not words:
        raise UsageError(
            f"--shots holds {', '.join(map(repr, wrong)) or 'nothing'}; expected whole numbers from 1, or all: --shots 1,5,all"
        )
    return tuple(None if word == ALL else int(word) for word in words)


def _choice(features: list[str] | None, encoder: str, window: str, pool: str) -> FeatureChoice:
    from ..eval.feature_choice import FeatureChoice

    return FeatureChoice(tuple(features or ()), encoder, window, pool)


def _tell(result: Result, *, json: bool) -> None:
    summary = result.summary()
    if json:
        print_json(
            {
                "run": result.run,
                "settings": dict(result.settings),
                "remarks": list(result.remarks),
                "results": [asdict(row) | {"shots": ALL if row.shots is None else row.shots} for row in summary],
            }
        )
        return
    units, counts = result.study.units, result.settings["counts"]
    sides = ", ".join(f"{name} {c['present']} + {c['absent']} of {c['patients']} patients" for name, c in counts.items())
    say(f"{units.finding}, split {result.study.split.name}, {units.unit}s present + absent: {sides}")
    for remark in result.remarks:
        say(f"note: {remark}")
    _print_summary(summary)
    say(f"run {result.run} is in the bank: tables runs, metrics, predictions")


_TITLES = {"auroc": "AUROC", "ap": "AP", "f1": "F1"}


def _print_summary(summary: list[Summary]) -> None:
    """One table a metric: a line for each method, a column for each number of shots, as papers have it."""
    shots = list(dict.fromkeys(row.shots for row in summary))
    for metric, title in _TITLES.items():
        lines: dict[tuple[str, str], dict[int | None, str]] = defaultdict(dict)
        reasons: dict[str, None] = {}
        for row in summary:
            if row.metric == metric:
                lines[row.features, row.head][row.shots] = _cell(row)
                reasons |= {row.reason: None} if row.reason else {}
        heading = [ALL if k is None else "zero-shot" if k == 0 else f"{k} shot" + "s" * (k != 1) for k in shots]
        say()
        print_table(("features", "head", *heading), [(*key, *(cells.get(k, "") for k in shots)) for key, cells in lines.items()], title)
        for reason in reasons:
            complain(f"{title}: no value where {reason}")


def _cell(row: Summary) -> str:
    if row.mean is None:
        return "-"
    if row.sd is not None:
        return f"{row.mean:.3f} ± {row.sd:.3f}"
    return f"{row.mean:.3f} ({row.lo:.3f}..{row.hi:.3f})" if row.lo is not None else f"{row.mean:.3f}"
