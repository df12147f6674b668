"""The metrics of a finding by name, and what each is computed from. A new one is a function of one of three statistics and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, final

import numpy as np
from numpy.typing import NDArray

from ..store.errors import UnknownNameError
from .confusion import Confusion
from .edges import newcombe_edge
from .reliability import Reliability

Floats = NDArray[np.float64]
Needs = Literal["score", "threshold", "probability"]
Whose = Literal["positive", "negative", "all", "rarer"]


class Ranking(Protocol):
    """What ranking metrics are computed from: `Areas`, of many fits or of many draws, or `Ranked`, where items have weights."""

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
    whose: Whose = "rarer"
    """On which patients its uncertainty rests: those with positive items, with negative ones, all, or the fewer of the former two."""
    edge: Callable[[float, int, int], tuple[float, float]] | None = None
    """95% interval of a value of 0 or 1, from how many patients have positive items and negative ones; None: Wilson's."""

    mean_of: tuple[str, ...] = ()
    """The metrics whose mean it is; where one of them is 0 or 1, and so seems to have no variance, its interval comes from theirs."""

    def patients(self, positive: int, negative: int, total: int) -> int:
        """How many patients its uncertainty rests on."""
        return {"positive": positive, "negative": negative, "all": total, "rarer": min(positive, negative)}[self.whose]


def _called(name: str, title: str, of: Callable[[Confusion], Floats], whose: Whose = "rarer") -> MetricKind:
    return MetricKind(name, title, "threshold", True, of, whose)


_KINDS = (
    MetricKind("auroc", "AUROC", "score", True, lambda of: of.aurocs(), edge=newcombe_edge),
    MetricKind("ap", "AP", "score", True, lambda of: of.average_precisions()),
    _called("f1", "F1", Confusion.f1),
    _called("sensitivity", "Sensitivity", Confusion.sensitivity, "positive"),
    _called("specificity", "Specificity", Confusion.specificity, "negative"),
    MetricKind(
        "balanced_accuracy",
        "Balanced accuracy",
        "threshold",
        True,
        Confusion.balanced_accuracy,
        mean_of=("sensitivity", "specificity"),
    ),
    _called("accuracy", "Accuracy", Confusion.accuracy, "all"),
    _called("macro_f1", "Macro-F1", Confusion.macro_f1),
    MetricKind("brier", "Brier score", "probability", False, Reliability.brier),
    MetricKind("ece", "ECE", "probability", False, Reliability.ece),
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
