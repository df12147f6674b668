"""Some fits of one head on one feature set and one finding, measured: the rows that they are in the tables `metrics` and `predictions`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from .battery import Battery
from .chances import Chances
from .inputs import Input

THRESHOLD = "threshold"
"""As metrics are kept, that at which a score counts as a call; chosen on the validation side."""


@final
@dataclass(frozen=True)
class Interval:
    """95% of F fits."""

    ends: NDArray[np.float64]
    """(F, 2), NaN where there is none."""
    how: tuple[str, ...]
    """(F,) `delong`, `bootstrap`, or empty where there is none."""

    @classmethod
    def none(cls, fits: int) -> Self:
        return cls(np.full((fits, 2), np.nan), ("",) * fits)

    def where(self, chosen: NDArray[np.bool_], ends: NDArray[np.float64], how: str) -> Self:
        """With those of the `chosen` fits (F,), which are n, replaced by `ends` (n, 2)."""
        whole = self.ends.copy()
        whole[chosen] = ends
        return type(self)(whole, tuple(how if mine else before for mine, before in zip(chosen.tolist(), self.how, strict=True)))


@final
@dataclass(frozen=True)
class Part:
    """The metrics of F fits on some of the test side's units."""

    subgroup: str
    """Empty for all; otherwise such as `source=a`."""
    battery: Battery
    intervals: Mapping[str, Interval]
    """By metric."""


@final
@dataclass(frozen=True)
class Block:
    """F fits that learned from draws of one finding."""

    run: str
    finding: str
    features: Input
    head: str
    shots: tuple[int | None, ...]
    """(F,) of each class; 0 for zero-shot, None for the whole training side."""
    repeats: tuple[int, ...]
    """(F,) from 0."""
    cells: tuple[str, ...]
    """(F,) digests of everything that the numbers depend on."""
    items: tuple[str, ...]
    """Of the test side; none where many findings were measured together."""
    y: NDArray[np.float64]
    """(M,)."""
    scores: NDArray[np.float64]
    """(F, M) decision values of these items."""
    thresholds: NDArray[np.float64]
    """(F,) NaN where there is none."""
    threshold_reason: str
    parts: tuple[Part, ...]
    """The whole test side first."""
    chances: Chances
    """Of these scores."""

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def predictions(self) -> int:
        """Rows of the table."""
        return self.scores.size

    def of(self, fits: Sequence[int]) -> Self:
        """Only these fits, of the whole test side."""
        rows = np.array(fits, dtype=np.int64)
        battery = self.parts[0].battery
        values = {name: of[rows] for name, of in battery.values.items()}
        reasons = {name: tuple(of[fit] for fit in fits) for name, of in battery.reasons.items()}
        part = Part("", Battery(values, reasons), {})
        return replace(
            self,
            shots=tuple(self.shots[fit] for fit in fits),
            repeats=tuple(self.repeats[fit] for fit in fits),
            cells=tuple(self.cells[fit] for fit in fits),
            scores=self.scores[rows],
            thresholds=self.thresholds[rows],
            parts=(part,),
            chances=self.chances.of(fits),
        )

    def without_predictions(self) -> Self:
        """The same without what takes room and is in no metric."""
        return replace(self, items=(), y=np.empty(0), scores=np.empty((len(self), 0)))

    def metric_columns(self) -> Iterator[Mapping[str, Any]]:
        """Columns of F rows each: for every part and metric, then for the threshold."""
        for part in self.parts:
            for name, values in part.battery.values.items():
                interval = part.intervals.get(name)
                lo, hi = interval.ends.T if interval else (np.full(len(self), np.nan),) * 2
                yield self._told() | {
                    "metric": name,
                    "value": values,
                    "reason": [reason or None for reason in part.battery.reasons[name]],
                    "lo": lo,
                    "hi": hi,
                    "interval": [how or None for how in interval.how] if interval else None,
                    "subgroup": part.subgroup or None,
                }
        reasons = [self.threshold_reason if np.isnan(value) else None for value in self.thresholds.tolist()]
        nothing = np.full(len(self), np.nan)
        yield self._told() | {
            "metric": THRESHOLD,
            "value": self.thresholds,
            "reason": reasons,
            "lo": nothing,
            "hi": nothing,
            "interval": None,
            "subgroup": None,
        }

    def prediction_columns(self) -> Mapping[str, Any]:
        """Columns of F x M rows, one fit after the other."""
        fits, items = self.scores.shape
        each: dict[str, Any] = {
            "shots": [k for k in self.shots for _ in range(items)],
            "repeat": np.repeat(np.array(self.repeats, dtype=np.int64), items),
            "cell": [cell for cell in self.cells for _ in range(items)],
            "item": list(self.items) * fits,
            "y": np.tile(self.y, fits),
            "score": self.scores.ravel(),
            "probability": self.chances.of_scores(self.scores).ravel(),
        }
        return {"run": self.run, "finding": self.finding, "features": self.features.name, "head": self.head} | each

    def _told(self) -> dict[str, Any]:
        return {
            "run": self.run,
            "finding": self.finding,
            "features": self.features.name,
            "encoder": self.features.encoder,
            "window": self.features.window,
            "head": self.head,
            "shots": list(self.shots),
            "repeat": np.array(self.repeats, dtype=np.int64),
            "cell": list(self.cells),
        }
