"""Few-shot studies: findings x heads x feature sets x shots x repeats, all heads and sets on the same units, sides and draws.

A fit is a cell: what it depends on has a digest, and a cell that the bank holds is not made again. Fits of one head on one feature set are
solved together, of all findings, and measured and committed in chunks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, final

from ..store.digests import spec_digest
from ..store.errors import UsageError
from ..store.progress import Progress, Silent
from .cells import fit_missing
from .draws import Draw, draw_supports
from .feature_choice import FeatureChoice, choose_features
from .findings import findings_units
from .ledger import Ledger, Run
from .measuring import Measuring
from .results import Asked, Result, summarized
from .splits import check_sides, split_units
from .stored_draws import as_stored
from .study import Study, gather, joined, study_settings
from .units import Unit, Units

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
    every, remarks = findings_units(bank, tuple(dict.fromkeys(findings)), protocol.unit, protocol.source)
    runs, said = _runs(bank, every, shots, repeats, protocol, choice, command)
    remarks += said
    fits = sum(len(run.draws) * len(run.study.features) for run in runs) * len(kinds)
    kept = protocol.predictions
    rows = sum(len(run.draws) * len(run.study.features) * len(run.study.split.side("test")) for run in runs) * len(kinds)
    if kept is None:
        kept = rows <= PREDICTIONS
        if not kept:
            remarks.append(
                f"scores of each item are not kept: {rows:,} rows are more than {PREDICTIONS:,}; ask for them with --predictions"
            )
    progress.start(f"{command}: {every[0].finding if len(runs) == 1 else f'{len(runs)} findings'}", fits)
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
    gathered = gather(bank, every, choose_features(bank, every[0].unit, choice))
    runs, failed = list[Run](), list[UsageError]()
    for units, split in zip(every, sides, strict=True):
        try:
            check_sides(units, split)
            study = joined(bank, units, split, gathered)
            check_sides(study.units, study.split)
            draws, said = _draws(study, shots, repeats, protocol.seed, alone=len(every) == 1)
        except UsageError as error:
            failed.append(error)
            continue
        settings = study_settings(study, protocol.seed)
        name = f"{command}-{spec_digest(settings)[:12]}"
        runs.append(Run(name, command, study, settings, as_stored(bank, study.units, draws), repeats, (*study.remarks, *said)))
    if not runs:
        raise failed[0]
    return runs, [f"{error}: it is left out" for error in failed]


def _draws(study: Study, shots: tuple[int | None, ...], repeats: int, seed: int, *, alone: bool) -> tuple[list[Draw], list[str]]:
    """All draws of a finding; among several, those it has examples for, and remarks on the others."""
    draw = partial(draw_supports, study.units, study.split.side("train"), study.split.name, repeats=repeats, seed=seed)
    if alone:
        return draw(shots=shots)
    draws, remarks, failed = list[Draw](), list[str](), list[UsageError]()
    for k in shots:
        try:
            made, said = draw(shots=(k,))
        except UsageError as error:
            failed.append(error)
        else:
            draws += made
            remarks += said
    if not draws:
        raise failed[0]
    return draws, [*(f"{error}: these are left out" for error in failed), *remarks]


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
    return Result(run.name, run.study, dict(run.settings) | told, (*remarks, *run.remarks), made, summarized(bank, run.name, asked))
