"""The commands `scanbank sweep`, `probe`, `zeroshot` and `heads`: numbers on cached features, in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from .options import BankPath, Json, listed
from .output import print_json, print_table, progress
from .result_tables import ALL, tell
from .text_encoders import TrustCode

if TYPE_CHECKING:
    from ..eval.feature_choice import FeatureChoice
    from ..eval.sweep import Protocol

Findings = Annotated[
    list[str],
    typer.Option(
        "--finding",
        help="What to tell apart, by its name in the labels; of classes, one as NAME=CLASS. Takes commas, or all.",
        show_default=False,
    ),
]
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


HEADS = "linear,cosine,knn,prototype"
Heads = Annotated[str, typer.Option(help="Heads, with commas; `scanbank heads` lists them.")]
Metrics = Annotated[list[str] | None, typer.Option("--metrics", help="Metrics to keep, with commas; by default all.", show_default=False)]
Intervals = Annotated[
    str,
    typer.Option(
        help="95% intervals: auto (all metrics of fits that stand alone by bootstrap of patients, AUROC of repeats by DeLong), bootstrap, "
        "delong or none."
    ),
]
Predictions = Annotated[
    bool | None,
    typer.Option(
        "--predictions/--no-predictions", help="Keep the score of each item; by default up to ten million of them.", show_default=False
    ),
]
AllowLeak = Annotated[bool, typer.Option("--allow-leak", help="Go on where test data is also on the training side; runs and notes say so.")]
By = Annotated[
    list[str] | None,
    typer.Option("--by", help="Measure apart by an attribute of scans, such as source; takes commas.", show_default=False),
]
Device = Annotated[str, typer.Option(help="Where heads compute that can do so elsewhere: auto, cpu, cuda or cuda:N.")]


def sweep(
    bank: BankPath,
    finding: Findings,
    heads: Heads = HEADS,
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
    metrics: Metrics = None,
    intervals: Intervals = "auto",
    predictions: Predictions = None,
    by: By = None,
    allow_leak: AllowLeak = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Few-shot: compare heads and feature sets on findings, over shots and repeats, on test patients. Only what is missing is fitted."""
    numbers = _shots(shots)
    protocol = _protocol(seed, unit, source, split, metrics, intervals, predictions, device, allow_leak, by)
    _study("sweep", bank, finding, heads, numbers, repeats, protocol, _choice(features, encoder, window, pool), json=json)


def probe(
    bank: BankPath,
    finding: Findings,
    heads: Heads = "linear",
    features: Features = None,
    encoder: OfEncoder = "",
    window: OfWindow = "",
    pool: Pool = "mean",
    unit: Unit = None,
    source: Source = None,
    split: SplitName = None,
    seed: Seed = 0,
    metrics: Metrics = None,
    intervals: Intervals = "auto",
    predictions: Predictions = None,
    by: By = None,
    allow_leak: AllowLeak = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Full data: heads that learn from the whole training side, tuned on the validation side, with intervals on test patients."""
    protocol = _protocol(seed, unit, source, split, metrics, intervals, predictions, device, allow_leak, by)
    _study("probe", bank, finding, heads, (None,), 1, protocol, _choice(features, encoder, window, pool), json=json)


def heads(json: Json = False) -> None:
    """The heads that `sweep` and `probe` know."""
    from ..heads import HEADS as KINDS
    from ..heads import MANY

    rows = [(kind.name, kind.summary) for kind in (*KINDS.values(), *MANY.values())]
    if json:
        print_json([{"head": name, "summary": summary} for name, summary in rows])
    else:
        print_table(("head", "what it is"), rows)


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
    allow_leak: AllowLeak = False,
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
            everyone=everyone, choice=choice, allow_leak=allow_leak, opened_by=opener(device, typed=encoder, trust_code=trust_code),
            progress=listener,
        )  # fmt: skip
    tell([result], json=json)


def _study(
    command: str,
    bank: str,
    findings: list[str],
    heads: str,
    shots: tuple[int | None, ...],
    repeats: int,
    protocol: Protocol,
    choice: FeatureChoice,
    *,
    json: bool,
) -> None:
    from ..eval.findings import asked_findings
    from ..eval.sweep import sweep_all
    from ..store import Bank

    with progress(not json) as listener:
        opened = Bank.open(bank)
        names = asked_findings(opened, findings)
        results = sweep_all(
            opened, names, listed([heads]), shots, repeats, protocol=protocol, choice=choice, command=command, progress=listener
        )
    tell(results, json=json)


def _shots(text: str) -> tuple[int | None, ...]:
    from ..store.errors import UsageError

    words = listed([text])
    wrong = [word for word in words if word != ALL and not (word.isascii() and word.isdigit() and word.strip("0") and len(word) < 19)]
    if wrong or not words:
        raise UsageError(
            f"--shots holds {', '.join(map(repr, wrong)) or 'nothing'}; expected whole numbers from 1, or all: --shots 1,5,all"
        )
    return tuple(None if word == ALL else int(word) for word in words)


def _choice(features: list[str] | None, encoder: str, window: str, pool: str) -> FeatureChoice:
    from ..eval.feature_choice import FeatureChoice

    return FeatureChoice(tuple(features or ()), encoder, window, pool)


def _protocol(
    seed: int,
    unit: str | None,
    source: str | None,
    split: str | None,
    metrics: list[str] | None,
    intervals: str,
    predictions: bool | None,
    device: str,
    allow_leak: bool,
    by: list[str] | None,
) -> Protocol:
    from ..embed.device import pick_device
    from ..eval.measuring import Measuring
    from ..eval.metric_kinds import DEFAULT
    from ..eval.sweep import Protocol
    from ..store.errors import UsageError

    picked = str(pick_device(device))
    if device == "mps":
        raise UsageError("heads compute in float64, which mps lacks; choose auto, cpu or cuda")
    picked = "cpu" if picked == "mps" else picked
    measuring = Measuring(listed(metrics) or DEFAULT, cast("Any", intervals))
    return Protocol(seed, cast("Any", unit), source, split, measuring, picked, predictions, allow_leak, listed(by))
