"""The metrics of a finding by name, and what each is computed from. A new one is a function of one of three statistics and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, final

import numpy as np
from numpy.typing import NDArray

from ..store.errors import UnknownNameError
from .confusion import Confusion
from .reliability import Reliability

Floats = NDArray[np.float64]
Needs = Literal["score", "threshold", "probability"]


class Ranking(Protocol):
    """What ranking metrics are computed from: of many fits (`Ranked`), or of many draws (`RankingReplicates`)."""

    def aurocs(self) -> Floats: ...
    def average_precisions(self) -> Floats: ...


@final
@dataclass(frozen=True)
class MetricKind:
    """A metric."""

    name: str
    title: str
    """As in the head of a table."""
    needs: Needs
    """`score`: their order alone; `threshold`: calls at a threshold from the validation side; `probability`: calibrated numbers."""
    larger_is_better: bool
    of: Callable[[Any], Floats]
    """Its values from a `Ranking`, a `Confusion` or a `Reliability`, by what it needs."""


def _ranking(name: str, title: str, of: Callable[[Ranking], Floats]) -> MetricKind:
    return MetricKind(name, title, "score", True, of)


def _called(name: str, title: str, of: Callable[[Confusion], Floats]) -> MetricKind:
    return MetricKind(name, title, "threshold", True, of)


def _probable(name: str, title: str, of: Callable[[Reliability], Floats]) -> MetricKind:
    return MetricKind(name, title, "probability", False, of)


_KINDS = (
    _ranking("auroc", "AUROC", lambda of: of.aurocs()),
    _ranking("ap", "AP", lambda of: of.average_precisions()),
    _called("f1", "F1", Confusion.f1),
    _called("sensitivity", "Sensitivity", Confusion.sensitivity),
    _called("specificity", "Specificity", Confusion.specificity),
    _called("balanced_accuracy", "Balanced accuracy", Confusion.balanced_accuracy),
    _called("accuracy", "Accuracy", Confusion.accuracy),
    _called("macro_f1", "Macro-F1", Confusion.macro_f1),
    _probable("brier", "Brier score", Reliability.brier),
    _probable("ece", "ECE", Reliability.ece),
)
METRICS = {kind.name: kind for kind in _KINDS}
"""In the order in which they are shown."""
DEFAULT = tuple(METRICS)


def metrics_named(names: Iterable[str]) -> tuple[MetricKind, ...]:
    """The metrics of these names, each once, in the order given.

    Raises:
        UnknownNameError: there is none of a name; the message suggests the nearest.
    """
    wanted = tuple(dict.fromkeys(names))
    for name in wanted:
        if name not in METRICS:
            raise UnknownNameError("metric", name, METRICS)
    return tuple(METRICS[name] for name in wanted)
