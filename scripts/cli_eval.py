"""The commands `scanbank sweep`, `probe`, `zeroshot` and `heads`: numbers on cached features, in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from .options import BankPath, Json, listed, shots_of
from .output import print_json, print_table, progress
from .result_tables import tell
from .text_encoders import TrustCode

if TYPE_CHECKING:
    from ..eval.feature_choice import FeatureChoice
    from ..eval.prompts import Wording
    from ..eval.protocol import Protocol

Findings = Annotated[
    list[str],
    typer.Option(
        "--finding",
        help="What to tell apart, by its name in the labels; of classes, one as NAME=CLASS. Takes commas, all, or a set such as chest18.",
        show_default=False,
    ),
]
PromptFile = Annotated[
    Path | None,
    typer.Option("--prompts", help="JSON file of what to say of findings: templates, texts of each, or both.", show_default=False),
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
Seeds = Annotated[
    str, typer.Option("--seed", help="Of draws, and of the split where one is made. Several, with commas, are a run each: 0,1,2.")
]


HEADS, OF_NORMALS = "linear,cosine,knn,prototype", "knn_normal,mahalanobis,centroid_normal"
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
        "--predictions/--no-predictions",
        help="Keep the score of each item, beyond ten million as one array a run; by default up to ten million.",
        show_default=False,
    ),
]
AllowLeak = Annotated[bool, typer.Option("--allow-leak", help="Go on where test data is also on the training side; runs and notes say so.")]
By = Annotated[
    list[str] | None,
    typer.Option("--by", help="Measure apart by an attribute of scans, such as source; takes commas.", show_default=False),
]
Threshold = Annotated[
    str,
    typer.Option(
        metavar="RULE",
        help="Where a score counts as a call, chosen on the validation side: youden, sensitivity=S, specificity=S, or cost=MISS:ALARM.",
    ),
]
Calibrate = Annotated[
    str,
    typer.Option(
        metavar="HOW", help="Probabilities from the head (none), or fitted on the validation side: temperature, platt or isotonic."
    ),
]
Save = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER", help="Save each fitted head in a folder of its own in this one, for `scanbank predict`.", show_default=False
    ),
]
Device = Annotated[str, typer.Option(help="Where heads compute that can do so elsewhere: auto, cpu, cuda or cuda:N.")]


def sweep(
    bank: BankPath,
    finding: Findings,
    heads: Annotated[
        str | None,
        typer.Option(
            help=f"Heads, with commas; `scanbank heads` lists them. By default {HEADS}; from normals {OF_NORMALS}.", show_default=False
        ),
    ] = None,
    shots: Annotated[str, typer.Option(help="Examples of each class, with commas; `all` is the whole training side.")] = "1,5,10,20",
    support: Annotated[
        str,
        typer.Option(
            help="What draws are of: both (so many of each class), or normals (so many without the finding, for anomaly detection)."
        ),
    ] = "both",
    repeats: Annotated[int, typer.Option(min=1, max=100_000, help="Draws for each number of shots.")] = 10,
    features: Features = None,
    encoder: OfEncoder = "",
    window: OfWindow = "",
    pool: Pool = "mean",
    unit: Unit = None,
    source: Source = None,
    split: SplitName = None,
    seed: Seeds = "0",
    threshold: Threshold = "youden",
    calibrate: Calibrate = "none",
    metrics: Metrics = None,
    intervals: Intervals = "auto",
    predictions: Predictions = None,
    by: By = None,
    prompts: PromptFile = None,
    allow_leak: AllowLeak = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Few-shot: compare heads and feature sets on findings, over shots and repeats, on test patients. Only what is missing is fitted."""
    numbers = shots_of(shots)
    heads = (OF_NORMALS if support == "normals" else HEADS) if heads is None else heads
    each = [
        _protocol(one, unit, source, split, threshold, calibrate, metrics, intervals, predictions, device, allow_leak, by, support)
        for one in _seeds(seed)
    ]
    _study("sweep", bank, finding, heads, numbers, repeats, each, _choice(features, encoder, window, pool), prompts, json=json)


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
    threshold: Threshold = "youden",
    calibrate: Calibrate = "none",
    metrics: Metrics = None,
    intervals: Intervals = "auto",
    predictions: Predictions = None,
    by: By = None,
    prompts: PromptFile = None,
    allow_leak: AllowLeak = False,
    device: Device = "auto",
    save: Save = None,
    json: Json = False,
) -> None:
    """Full data: heads that learn from the whole training side, tuned on the validation side, with intervals on test patients."""
    from .target import check_folder

    if save is not None:
        check_folder("--save", save)
    protocol = _protocol(seed, unit, source, split, threshold, calibrate, metrics, intervals, predictions, device, allow_leak, by)
    _study("probe", bank, finding, heads, (None,), 1, [protocol], _choice(features, encoder, window, pool), prompts, save=save, json=json)


def heads(json: Json = False) -> None:
    """The heads that `sweep` and `probe` know."""
    from ..eval.kinds import KINDS

    rows = [(name, kind.summary) for name, kind in KINDS.items()]
    if json:
        print_json([{"head": name, "summary": summary} for name, summary in rows])
    else:
        print_table(("head", "what it is"), rows)


def zeroshot(
    bank: BankPath,
    finding: Findings,
    prompt: Annotated[
        str | None,
        typer.Option(help='What says that it is there; by default "{finding} is present.", with its words.', show_default=False),
    ] = None,
    negative: Annotated[
        str | None, typer.Option(help='What says that it is not; by default "{finding} is not present."', show_default=False)
    ] = None,
    prompts: PromptFile = None,
    single: Annotated[bool, typer.Option("--single", help="Score by presence alone; gives no Brier score or ECE.")] = False,
    everyone: Annotated[bool, typer.Option("--everyone", help="Test on all patients, not on the split's test side; gives no F1.")] = False,
    features: Features = None,
    encoder: OfEncoder = "",
    window: OfWindow = "",
    pool: Pool = "mean",
    unit: Unit = None,
    source: Source = None,
    split: SplitName = None,
    seed: Seed = 0,
    threshold: Threshold = "youden",
    calibrate: Calibrate = "none",
    metrics: Metrics = None,
    intervals: Intervals = "auto",
    predictions: Predictions = None,
    by: By = None,
    allow_leak: AllowLeak = False,
    device: Annotated[str, typer.Option(help="Where prompts are encoded: auto, cpu, cuda, cuda:N or mps.")] = "auto",
    trust_code: TrustCode = False,
    json: Json = False,
) -> None:
    """Zero-shot: how far prompts tell findings, with encoders that have a text side."""
    from ..eval.findings import asked_findings
    from ..eval.zeroshot import zeroshot_all
    from ..store import Bank
    from .text_encoders import opener

    choice, wording = _choice(features, encoder, window, pool), _wording(prompt, negative, prompts, single=single)
    protocol = _protocol(seed, unit, source, split, threshold, calibrate, metrics, intervals, predictions, "cpu", allow_leak, by)
    opened_by = opener(device, typed=encoder, trust_code=trust_code)
    with progress(not json) as listener:
        opened = Bank.open(bank)
        results = zeroshot_all(
            opened, asked_findings(opened, finding, source), wording=wording, single=single, everyone=everyone, protocol=protocol,
            choice=choice, opened_by=opened_by, progress=listener,
        )  # fmt: skip
    tell(results, json=json)


def _wording(prompt: str | None, negative: str | None, prompts: Path | None, *, single: bool) -> Wording:
    from ..eval.prompt_files import read_prompts
    from ..eval.zeroshot import worded
    from ..store.errors import UsageError

    if prompts is not None and (prompt, negative) != (None, None):
        raise UsageError("--prompts is a file of what to say; leave --prompt and --negative out, or the file")
    if single and negative is not None:
        raise UsageError("--single scores presence alone, and --negative says what is said of absence; leave one of them out")
    return worded(prompt, negative) if prompts is None else read_prompts(prompts)


def _study(
    command: str,
    bank: str,
    findings: list[str],
    heads: str,
    shots: tuple[int | None, ...],
    repeats: int,
    protocols: Sequence[Protocol],
    choice: FeatureChoice,
    prompts: Path | None,
    *,
    save: Path | None = None,
    json: bool,
) -> None:
    from ..eval.findings import asked_findings
    from ..eval.prompt_files import read_prompts
    from ..eval.sweep import sweep_all
    from ..store import Bank
    from .text_encoders import opener

    wording = None if prompts is None else read_prompts(prompts)
    opened_by = opener("auto", typed=choice.encoder)
    with progress(not json) as listener:
        opened = Bank.open(bank)
        names = asked_findings(opened, findings, protocols[0].source)
        results = [
            result
            for protocol in protocols
            for result in sweep_all(
                opened, names, listed([heads]), shots, repeats, protocol=protocol, choice=choice, command=command, wording=wording,
                opened_by=opened_by, save=save, progress=listener,
            )
        ]  # fmt: skip
    tell(results, json=json)


def _seeds(text: str) -> tuple[int, ...]:
    from ..store.errors import UsageError

    words = listed([text])
    wrong = [word for word in words if not (word.isascii() and word.isdigit())]
    if wrong or not words:
        raise UsageError(f"--seed holds {', '.join(map(repr, wrong)) or 'nothing'}; expected whole numbers from 0: --seed 0,1,2")
    return tuple(dict.fromkeys(map(int, words)))


def _choice(features: list[str] | None, encoder: str, window: str, pool: str) -> FeatureChoice:
    from ..eval.feature_choice import FeatureChoice

    return FeatureChoice(tuple(features or ()), encoder, window, pool)


def _protocol(
    seed: int,
    unit: str | None,
    source: str | None,
    split: str | None,
    threshold: str,
    calibrate: str,
    metrics: list[str] | None,
    intervals: str,
    predictions: bool | None,
    device: str,
    allow_leak: bool,
    by: list[str] | None,
    support: str = "both",
) -> Protocol:
    from ..embed.device import pick_device
    from ..eval.measuring import Measuring
    from ..eval.metric_kinds import DEFAULT
    from ..eval.protocol import Protocol
    from ..store.errors import UsageError

    picked = str(pick_device(device))
    if device == "mps":
        raise UsageError("heads compute in float64, which mps lacks; choose auto, cpu or cuda")
    picked = "cpu" if picked == "mps" else picked
    measuring = Measuring(listed(metrics) or DEFAULT, cast("Any", intervals), threshold=threshold, calibration=calibrate)
    drawn = cast("Any", support)
    return Protocol(seed, cast("Any", unit), source, split, measuring, picked, predictions, allow_leak, listed(by), support=drawn)
