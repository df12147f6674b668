"""A few-shot study: heads x feature sets x shots x repeats on one finding, all on the same units, sides and draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from ..heads import Support, head_named
from ..store.commit import Commit
from ..store.errors import UsageError
from ..store.progress import Progress, Silent
from .draws import Draw, draw_supports
from .feature_choice import FeatureChoice, choose_features
from .results import Result, evaluated, keep
from .splits import check_sides, split_units
from .study import prepare, study_settings
from .units import Unit, Units, evaluation_units

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
    progress: Progress | None = None,
) -> Result:
    """Compare heads by their AUROC, AP and F1 on the test side, and keep run, metrics and predictions in one commit.

    Args:
        bank: the bank.
        finding: its name, or `finding=class`.
        heads: names, as in `heads.HEADS`.
        shots: examples of each class; None is the whole training side.
        repeats: draws for each number of shots.
        seed: of the draws, and of the split where one is made.
        unit: `volume` or `slice`, as in `evaluation_units`.
        source: whose labels, as in `evaluation_units`.
        split: as in `split_units`.
        choice: which feature sets; by default all that have vectors of the unit.
        progress: told of each head on each set.

    Raises:
        UnknownNameError: a head, finding, split, source or feature set is none; the message suggests the nearest.
        UsageError: labels, sides, draws or vectors do not suffice for what is asked.
    """
    started = datetime.now(UTC)
    progress = progress or Silent()
    kinds = [head_named(name) for name in dict.fromkeys(heads)]
    shots = tuple(dict.fromkeys(shots))
    if not kinds or not shots:
        raise UsageError("a sweep needs a head and a number of shots, such as --heads linear,knn --shots 1,5,all")
    units = evaluation_units(bank, finding, unit, source)
    sides = split_units(bank, units, split, seed)
    check_sides(units, sides)
    study = prepare(bank, units, sides, choose_features(bank, units.unit, choice or FeatureChoice()))
    check_sides(study.units, study.split)
    draws, remarks = draw_supports(study.units, study.split.side("train"), study.split.name, shots, repeats, seed)
    draws = _as_stored(bank, study.units, draws)
    queries = np.concatenate([study.split.side("val"), study.split.side("test")])
    alone = {k for k in shots if sum(draw.shots == k for draw in draws) == 1}
    fits = []
    progress.start(f"sweep: {finding}", len(study.features) * len(kinds))
    for features in study.features:
        for kind in kinds:
            scores = kind.scores(features.X, [draw.support for draw in draws], queries)
            for draw, row in zip(draws, scores, strict=True):
                fits.append(evaluated(study, features, kind.name, draw.shots, draw.repeat, row, alone=draw.shots in alone))
            progress.advance(note=f"{features.name} {kind.name}")
    settings = study_settings(study, seed) | {
        "heads": [kind.name for kind in kinds],
        "shots": ["all" if k is None else k for k in shots],
        "repeats": repeats,
        "draws": [draw.name for draw in draws],
    }
    result = Result("sweep", study, settings, started, datetime.now(UTC), tuple(fits), (*study.remarks, *remarks))

    def keep_draws(commit: Commit) -> None:
        held = {row["draw"] for row in bank.sql("SELECT DISTINCT draw FROM draws").to_pylist()}
        rows = (row for draw in draws if draw.name not in held for row in draw.rows(study.units, study.split.name))
        commit.append("draws", rows)

    keep(bank, result, keep_draws)
    return result


def _as_stored(bank: Bank, units: Units, draws: Sequence[Draw]) -> list[Draw]:
    """A draw that the bank holds is used as it is held, however this version would draw it."""
    place = {item: row for row, item in enumerate(units.items)}
    held: dict[str, list[int]] = {draw.name: [] for draw in draws}
    for row in bank.sql("SELECT draw, item FROM draws ORDER BY draw, item").to_pylist():
        if row["draw"] in held and row["item"] in place:
            held[row["draw"]].append(place[row["item"]])
    rows = {name: np.array(sorted(found), dtype=np.int64) for name, found in held.items() if found}
    return [replace(draw, support=Support(rows[draw.name], units.y[rows[draw.name]])) if draw.name in rows else draw for draw in draws]
