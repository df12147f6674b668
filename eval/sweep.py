"""Few-shot studies: findings x heads x feature sets x shots x repeats, all heads and sets on the same units, sides and draws.

A fit is a cell: what it depends on has a digest, and a cell that the bank holds is not made again. Fits of one head on one feature set are
solved together, of all findings, and measured and committed in chunks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

from ..store.digests import spec_digest
from ..store.errors import UsageError
from ..store.progress import Progress, Silent
from .cells import fit_missing
from .draws import draw_supports
from .feature_choice import FeatureChoice, choose_features
from .ledger import Ledger, Run
from .measuring import Measuring
from .results import Asked, Result, summarized
from .splits import check_sides, split_units
from .stored_draws import as_stored
from .study import gather, joined, study_settings
from .units import Unit, Units, evaluation_units

if TYPE_CHECKING:
    from ..heads import HeadKind
    from ..store.bank import Bank

REPEATS = 10
PREDICTIONS = 10_000_000
"""Rows of predictions that a study keeps unasked."""


@final
@dataclass(frozen=True)
class Protocol:
    """How a study is done: the same for all of its heads and feature sets."""

    seed: int = 0
    """Of the draws, and of the split where one is made."""
    unit: Unit | None = None
    """`volume` or `slice`, as in `evaluation_units`."""
    source: str | None = None
    """Whose labels, as in `evaluation_units`."""
    split: str | None = None
    """As in `split_units`."""
    measuring: Measuring = field(default_factory=Measuring)
    device: str = "cpu"
    """Where heads compute that can do so elsewhere, as torch names it."""
    predictions: bool | None = None
    """Whether scores of each item are kept; None: up to `PREDICTIONS` of them."""
    allow_leak: bool = False
    """Whether to go on where a guard finds test data on the training side; it is recorded."""


def sweep(
    bank: Bank,
    finding: str,
    heads: Sequence[str],
    shots: Sequence[int | None],
    repeats: int = REPEATS,
    *,
    seed: int = 0,
    unit: Unit | None = None,
    source: str | None = None,
    split: str | None = None,
    choice: FeatureChoice | None = None,
    progress: Progress | None = None,
) -> Result:
    """`sweep_all` of one finding."""
    protocol = Protocol(seed, unit, source, split)
    (result,) = sweep_all(bank, [finding], heads, shots, repeats, protocol=protocol, choice=choice, progress=progress)
    return result


def sweep_all(
    bank: Bank,
    findings: Sequence[str],
    heads: Sequence[str],
    shots: Sequence[int | None],
    repeats: int = REPEATS,
    *,
    protocol: Protocol | None = None,
    choice: FeatureChoice | None = None,
    command: str = "sweep",
    progress: Progress | None = None,
) -> tuple[Result, ...]:
    """Compare heads by their metrics on the test side; what is missing of it is fitted, measured and kept.

    Args:
        bank: the bank.
        findings: names, or `finding=class`.
        heads: names, as in `heads.HEADS`.
        shots: examples of each class; None is the whole training side.
        repeats: draws for each number of shots.
        protocol: seed, unit, labels, sides and metrics.
        choice: which feature sets; by default all that have vectors of the unit.
        command: what the runs are called.
        progress: told of fits.

    Returns:
        One for each finding, in their order.

    Raises:
        UnknownNameError: a head, finding, split, source, metric or feature set is none; the message suggests the nearest.
        UsageError: labels, sides, draws or vectors do not suffice for what is asked.
    """
    from ..heads import head_named

    protocol, choice, progress = protocol or Protocol(), choice or FeatureChoice(), progress or Silent()
    kinds = [head_named(name) for name in dict.fromkeys(heads)]
    shots = tuple(dict.fromkeys(shots))
    if not kinds or not shots or not findings:
        raise UsageError("a sweep needs a finding, a head and a number of shots, such as --finding a --heads linear,knn --shots 1,5,all")
    every = [evaluation_units(bank, finding, protocol.unit, protocol.source) for finding in dict.fromkeys(findings)]
    if len({units.unit for units in every}) > 1:
        by = ", ".join(f"{units.finding} by {units.unit}" for units in every)
        raise UsageError(f"findings of one sweep are of volumes or of slices; found {by}; ask for --unit, or for each kind by itself")
    runs, remarks = _runs(bank, every, shots, repeats, protocol, choice, command)
    fits = sum(len(run.draws) * len(run.study.features) for run in runs) * len(kinds)
    kept = protocol.predictions
    rows = sum(len(run.draws) * len(run.study.features) * len(run.study.split.side("test")) for run in runs) * len(kinds)
    if kept is None:
        kept = rows <= PREDICTIONS
        if not kept:
            remarks.append(
                f"scores of each item are not kept: {rows:,} rows are more than {PREDICTIONS:,}; ask for them with --predictions"
            )
    progress.start(f"{command}: {', '.join(units.finding for units in every)}"[:60], fits)
    with Ledger(bank, runs, predictions=kept) as ledger:
        made = fit_missing(bank, runs, kinds, protocol, ledger, progress)
    return tuple(_result(bank, run, kinds, shots, repeats, protocol, made.get(run.name, 0), remarks) for run in runs)


def _runs(
    bank: Bank,
    every: Sequence[Units],
    shots: tuple[int | None, ...],
    repeats: int,
    protocol: Protocol,
    choice: FeatureChoice,
    command: str,
) -> tuple[list[Run], list[str]]:
    sides = [split_units(bank, units, protocol.split, protocol.seed) for units in every]
    for units, split in zip(every, sides, strict=True):
        check_sides(units, split)
    gathered = gather(bank, every, choose_features(bank, every[0].unit, choice))
    runs, remarks = [], list[str]()
    for units, split in zip(every, sides, strict=True):
        study = joined(bank, units, split, gathered)
        check_sides(study.units, study.split)
        draws, said = draw_supports(study.units, study.split.side("train"), study.split.name, shots, repeats, protocol.seed)
        remarks += said
        settings = study_settings(study, protocol.seed)
        name = f"{command}-{spec_digest(settings)[:12]}"
        runs.append(Run(name, command, study, settings, as_stored(bank, study.units, draws), repeats))
    return runs, remarks


def _result(
    bank: Bank,
    run: Run,
    kinds: Sequence[HeadKind],
    shots: tuple[int | None, ...],
    repeats: int,
    protocol: Protocol,
    made: int,
    remarks: Sequence[str],
) -> Result:
    asked = Asked(
        tuple(features.name for features in run.study.features),
        tuple(kind.name for kind in kinds),
        shots,
        repeats,
        protocol.measuring.metrics,
    )
    told: dict[str, Any] = {"heads": list(asked.heads), "shots": ["all" if k is None else k for k in shots], "repeats": repeats}
    return Result(run.name, run.study, dict(run.settings) | told, (*run.study.remarks, *remarks), made, summarized(bank, run.name, asked))
