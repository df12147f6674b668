"""The fits of a sweep that the bank does not hold, by head and feature set: solved together, measured, and given to the ledger."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, final

import numpy as np
from numpy.typing import NDArray

from ..heads import HeadKind, Support
from ..store.digests import spec_digest
from ..store.progress import Progress
from .draws import Draw
from .ledger import Ledger, Run
from .measuring import Fits, Measuring, measured
from .pooling import UnitFeatures
from .quoting import listed

if TYPE_CHECKING:
    from ..store.bank import Bank

_SCORES = 1 << 24
"""Decision values of a chunk: 128 MB, and as much again where they are measured."""


class How(Protocol):
    """What of a protocol matters here."""

    @property
    def measuring(self) -> Measuring: ...
    @property
    def device(self) -> str: ...


@final
@dataclass(frozen=True)
class _Wanted:
    """A cell to make."""

    run: int
    draw: Draw
    digest: str


def fit_missing(
    bank: Bank, runs: Sequence[Run], kinds: Sequence[HeadKind], how: How, ledger: Ledger, progress: Progress
) -> Mapping[str, int]:
    """Make the cells of these runs that the bank does not hold.

    Returns:
        By run, how many were made.
    """
    held = _held(bank, runs)
    everywhere = {features.name: features for run in runs for features in run.study.features}
    val, test = ([run.study.split.side(side) for run in runs] for side in ("val", "test"))
    queries = np.unique(np.concatenate([run.study.rows[of] for sides in (val, test) for run, of in zip(runs, sides, strict=True)]))
    tunings = [Support(run.study.rows[of], run.study.units.y[of]) for run, of in zip(runs, val, strict=True)]
    made: Counter[str] = Counter()
    for features in everywhere.values():
        for kind in kinds:
            wanted = [cell for cell in _cells(runs, features, kind, how.measuring) if cell.digest not in held]
            progress.advance(sum(len(run.draws) for run in runs if _has(run, features)) - len(wanted), note=f"{features.name} {kind.name}")
            for chunk in _chunks(wanted, max(1, _SCORES // len(queries))):
                supports = [_support(runs[cell.run], cell.draw, tunings[cell.run]) for cell in chunk]
                scores = kind.scores(features.X, supports, queries, how.device)
                for number in sorted({cell.run for cell in chunk}):
                    mine = np.array([place for place, cell in enumerate(chunk) if cell.run == number])
                    run, cells = runs[number], [chunk[place] for place in mine]
                    tuned, tested = (np.searchsorted(queries, run.study.rows[side[number]]) for side in (val, test))
                    fits = _fits(run, features, kind, cells)
                    ledger.add(measured(fits, scores[np.ix_(mine, tuned)], scores[np.ix_(mine, tested)], kind.probabilities, how.measuring))
                    made[run.name] += len(cells)
                progress.advance(len(chunk), note=f"{features.name} {kind.name}")
    return made


def _held(bank: Bank, runs: Sequence[Run]) -> set[str]:
    names = listed(sorted({run.name for run in runs}))
    return set(bank.sql(f"SELECT DISTINCT cell FROM metrics WHERE run IN {names} AND cell IS NOT NULL").column("cell").to_pylist())


def _has(run: Run, features: UnitFeatures) -> bool:
    return any(one is features for one in run.study.features)


def _cells(runs: Sequence[Run], features: UnitFeatures, kind: HeadKind, measuring: Measuring) -> Iterator[_Wanted]:
    """Those of a head on a feature set, by shots and repeat, so that the findings of one draw lie together."""
    of = [features.key.digest, features.pool, features.name, kind.spec, list(measuring.metrics), measuring.intervals]
    cells = [
        _Wanted(number, draw, spec_digest([run.name, draw.name, _alone(run, draw), of, sorted(measuring.subgroups.get(run.name, ()))]))
        for number, run in enumerate(runs)
        if _has(run, features)
        for draw in run.draws
    ]
    return iter(sorted(cells, key=lambda cell: (cell.draw.shots is None, cell.draw.shots or 0, cell.draw.repeat, cell.run)))


def _alone(run: Run, draw: Draw) -> bool:
    return draw.shots is None or run.repeats == 1


def _chunks(cells: Sequence[_Wanted], most: int) -> Iterator[Sequence[_Wanted]]:
    return (cells[start : start + most] for start in range(0, len(cells), most))


def _support(run: Run, draw: Draw, tuning: Support) -> Support:
    study, rows = run.study, draw.support.rows
    _, patients = np.unique(study.units.patients[rows], return_inverse=True)
    seed = int.from_bytes(hashlib.sha256(draw.name.encode()).digest()[:4], "little")
    return replace(draw.support, rows=study.rows[rows], tuning=tuning, patients=_ints(patients), seed=seed)


def _ints(values: NDArray[np.intp]) -> NDArray[np.int64]:
    return values.astype(np.int64)


def _fits(run: Run, features: UnitFeatures, kind: HeadKind, cells: Sequence[_Wanted]) -> Fits:
    return Fits(
        run.name,
        run.study,
        features,
        kind.name,
        tuple(cell.draw.shots for cell in cells),
        tuple(cell.draw.repeat for cell in cells),
        tuple(cell.digest for cell in cells),
        tuple(_alone(run, cell.draw) for cell in cells),
    )
