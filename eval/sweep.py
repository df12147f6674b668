"""Few-shot studies: findings x heads x feature sets x shots x repeats, all heads and sets on the same units, sides and draws.

A fit is a cell: what it depends on has a digest, and a cell that the bank holds is not made again. Fits of one head on one feature set are
solved together, of all findings, and measured and committed in chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..embed.encoder import Encoder
from ..embed.named import open_named
from ..heads import HEADS, HeadKind
from ..store.digests import spec_digest
from ..store.errors import UsageError
from ..store.progress import Progress, Silent
from .averaging import average_run
from .calibration import ISOTONIC, isotonic_remark
from .cells import fit_missing
from .chances import UNCALIBRATED
from .class_texts import ClassTexts, check_absence, class_texts
from .draws import Draw, Drawn, draw_supports, refused_shots
from .feature_choice import FeatureChoice, choose_features
from .findings import findings_units
from .guards import Guarded, check_leaks
from .inputs import AnyKind, Input, inputs_of
from .kinds import kind_named
from .ledger import Ledger, Run
from .pooling import UnitFeatures
from .prompts import Wording
from .protocol import Protocol
from .results import Asked, Result, summarized
from .saved_heads import HeadFiles
from .splits import check_sides, split_each
from .stored_draws import as_stored
from .study import Gathered, Study, gather, joined, study_settings, together
from .subgroups import subgroups_of
from .units import Unit, Units

if TYPE_CHECKING:
    from ..store.bank import Bank

REPEATS = 10


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
    allow_leak: bool = False,
    progress: Progress | None = None,
) -> Result:
    """`sweep_all` of one finding."""
    protocol = Protocol(seed, unit, source, split, allow_leak=allow_leak)
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
    wording: Wording | None = None,
    opened_by: Callable[[str], Encoder] = open_named,
    save: Path | None = None,
    progress: Progress | None = None,
) -> tuple[Result, ...]:
    """Compare heads by their metrics on the test side; what is missing of it is fitted, measured and kept.

    Args:
        bank: the bank.
        findings: names, or `finding=class`.
        heads: names, as in `kinds.KINDS`.
        shots: examples of each class that is drawn; None is the whole training side.
        repeats: draws for each number of shots.
        protocol: seed, unit, labels, sides and metrics.
        choice: which feature sets; by default all that have vectors of the unit.
        command: what the runs are called.
        wording: what class texts say, for heads that learn from them too; by default "... is present." and "... is not present."
        opened_by: opens an encoder by its name, where a head learns from class texts too.
        save: a folder for the fitted heads of the whole training side, one folder in it for each finding, head and feature set.
        progress: told of fits.

    Returns:
        One for each finding, in their order.

    Raises:
        UnknownNameError: a head, finding, split, source, metric or feature set is none; the message suggests the nearest.
        UsageError: labels, sides, draws or vectors do not suffice for what is asked, or a head needs both classes and draws have one.
    """
    protocol, choice, progress = protocol or Protocol(), choice or FeatureChoice(), progress or Silent()
    kinds = [kind_named(name) for name in dict.fromkeys(heads)]
    shots = tuple(dict.fromkeys(shots))
    if not kinds or not shots or not findings:
        raise UsageError("a sweep needs a finding, a head and a number of shots, such as --finding a --heads linear,knn --shots 1,5,all")
    _check_support(kinds, protocol.support)
    every, remarks = findings_units(bank, tuple(dict.fromkeys(findings)), protocol.unit, protocol.source)
    chosen = choose_features(bank, every[0].unit, choice)
    texts = ClassTexts()
    if any(kind.needs_texts for kind in kinds):
        progress.start("opening encoders", len({one.features.key.encoder.digest for one in chosen}))
        asked = (wording or Wording()).of_each([units.finding for units in every])
        check_absence(asked)
        texts, said = class_texts(bank, asked, chosen, opened_by, progress)
        remarks += said
    elif wording is not None:
        raise UsageError(f"prompts are for heads that learn from class texts, and none of {', '.join(heads)} does; leave them out")
    gathered = gather(bank, every, chosen)
    studies, said = _studies(bank, every, gathered, shots, repeats, protocol)
    remarks += said
    units, sides, features, rows = _whole(studies)
    guarded = check_leaks(bank, units, sides, features, allow=protocol.allow_leak, rows=rows)
    remarks += guarded.remarks
    runs = [_run(bank, one, repeats, protocol, command, guarded, texts if wording else None) for one in studies]
    measuring = replace(protocol.measuring, subgroups=subgroups_of(bank, runs, protocol.by))
    protocol = replace(protocol, measuring=measuring)
    average = average_run(command, runs, wording) if len(runs) > 1 else None
    inputs = inputs_of(bank, kinds, gathered, chosen, texts)
    files = HeadFiles.planned(save, runs, kinds, inputs, texts) if save is not None else HeadFiles(())
    cells = [len(run.draws) * sum(map(len, inputs.values())) for run in runs]
    rows = sum(count * len(study.split.side("test")) for count, (study, _, _) in zip(cells, studies, strict=True))
    kept, said = protocol.kept(rows)
    remarks += said
    progress.start(f"{command}: {every[0].finding if len(runs) == 1 else f'{len(runs)} findings'}", sum(cells))
    every_run = [*runs, *([average] if average else [])]
    with Ledger(bank, every_run, predictions=kept, also=partial(texts.keep, bank)) as ledger:
        made, said = fit_missing(bank, runs, average, inputs, kinds, protocol, texts, ledger, progress)
    if measuring.calibration != ISOTONIC:  # whose remark is of the validation side, and told already
        remarks += [f"{remark} ({count} of {sum(made.values())} fits)" for remark, count in said.items()]
    saved = files.save(measuring, texts, progress)
    return tuple(
        replace(_result(bank, run, study, inputs, shots, repeats, protocol, made.get(run.name, 0), remarks), saved=saved.get(run.name, ()))
        for run, (study, _, _) in zip(runs, studies, strict=True)
    )


def _check_support(kinds: Sequence[AnyKind], support: Drawn) -> None:
    both = [kind.name for kind in kinds if not (isinstance(kind, HeadKind) and kind.one_class)]
    if support == "normals" and both:
        able = ", ".join(kind.name for kind in HEADS.values() if kind.one_class)
        needs = f"head {both[0]!r} needs" if len(both) == 1 else f"heads {', '.join(both)} need"
        raise UsageError(f"{needs} both classes, and these draws are of normals alone; choose of {able}, or draw both")


_Drawn = tuple[Study, list[Draw], list[str]]
"""A study, its draws, and remarks on these."""


def _studies(
    bank: Bank, every: Sequence[Units], gathered: Gathered, shots: tuple[int | None, ...], repeats: int, protocol: Protocol
) -> tuple[list[_Drawn], list[str]]:
    """What can be studied, and remarks on findings that cannot."""
    sides = split_each(bank, every, protocol.split, protocol.seed, allow_leak=protocol.allow_leak)
    found, failed = list[_Drawn](), list[UsageError]()
    for units, split in zip(every, sides, strict=True):
        try:
            check_sides(units, split)
            study = joined(units, split, gathered)
            check_sides(study.units, study.split)
            draws, said = _draws(study, shots, repeats, protocol, alone=len(every) == 1)
        except UsageError as error:
            failed.append(error)
            continue
        if len(set(study.units.y[study.split.side("val")].tolist())) == 1:
            said.append(f"the validation side has one class of {units.finding!r} only: heads choose their settings without it")
            if protocol.measuring.calibration != UNCALIBRATED:
                said.append(f"probabilities of {units.finding!r} cannot be calibrated on it: there is no Brier score and no ECE")
        elif protocol.measuring.calibration == ISOTONIC and (few := isotonic_remark(len(study.split.side("val")))):
            said.append(few)
        found.append((study, draws, said))
    if not found:
        raise failed[0]
    return found, [f"{error}: it is left out" for error in failed]


def _whole(studies: Sequence[_Drawn]) -> tuple[Units, NDArray[np.str_], tuple[UnitFeatures, ...], NDArray[np.int64]]:
    """Units of all studies, as guards take them."""
    units, sides, rows = together([study for study, _, _ in studies])
    features = {one.name: one for study, _, _ in studies for one in study.features}
    return units, sides, tuple(features.values()), rows


def _run(bank: Bank, drawn: _Drawn, repeats: int, protocol: Protocol, command: str, guarded: Guarded, texts: ClassTexts | None) -> Run:
    """The run of a study; what was asked for in words of the user's is a run of its own."""
    study, draws, said = drawn
    settings = study_settings(study, protocol.seed) | ({} if protocol.support == "both" else {"support": protocol.support})
    if texts is not None:
        present, absent = texts.told(study.units.finding)
        settings["texts"] = {"present": present, "absent": absent}
    measuring = protocol.measuring
    name = f"{command}-{spec_digest(settings | measuring.unusual)[:12]}"
    held = as_stored(bank, study.units, draws)
    return Run(name, command, study, settings | measuring.fitted | guarded.settings, held, repeats, (*study.remarks, *said))


def _draws(study: Study, shots: tuple[int | None, ...], repeats: int, protocol: Protocol, *, alone: bool) -> tuple[list[Draw], list[str]]:
    """All draws of a finding; among several, those it has examples for, and remarks on the others."""
    train = study.split.side("train")
    draw = partial(draw_supports, study.units, train, study.split.name, repeats=repeats, seed=protocol.seed, of=protocol.support)
    if alone:
        return draw(shots=shots)
    failed = {k: error for k in shots if (error := refused_shots(study.units, train, study.split.name, (k,), protocol.support)) is not None}
    if len(failed) == len(shots):
        raise failed[shots[0]]
    draws, remarks = draw(shots=tuple(k for k in shots if k not in failed))
    return draws, [*(f"{error}: these are left out" for error in failed.values()), *remarks]


def _result(
    bank: Bank,
    run: Run,
    study: Study,
    inputs: Mapping[str, Sequence[Input]],
    shots: tuple[int | None, ...],
    repeats: int,
    protocol: Protocol,
    made: int,
    remarks: Sequence[str],
) -> Result:
    asked = Asked(
        tuple(dict.fromkeys(one.name for of in inputs.values() for one in of)),
        tuple(inputs),
        shots,
        repeats,
        protocol.measuring.metrics,
    )
    told: dict[str, Any] = {"heads": list(asked.heads), "shots": ["all" if k is None else k for k in shots], "repeats": repeats}
    return Result(run.name, study, dict(run.settings) | told, (*remarks, *run.remarks), made, summarized(bank, run.name, asked))
