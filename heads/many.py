"""Heads that learn from more than one vector an item: from bags of slices, from several feature sets, from sources beside the vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Literal, Protocol, Self, TypeVar, final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ..store.errors import UnknownNameError, UsageError
from .attention_mil import AttentionMILHead
from .bag_head import BagHead
from .bags import Bags
from .base import AnyHead
from .blocks import Blocks
from .flatten import FlattenHead
from .fusion import FusionHead
from .late_fusion import LateFusionHead
from .router import RouterHead
from .slice_transformer import SliceTransformerHead
from .slice_votes import SliceHead
from .support import Support
from .vectors import Floats, Ints, sigmoid

_SLICES = 32_768
"""Slices that a linear head on slices learns from in a study: 134 MB of 512 values. Of more, each scan gives a random run of neighbours."""
_QUERIES = 256
"""Items that are scored together."""


class Gathered(Protocol):
    """Features of items, of which some can be taken."""

    def __len__(self) -> int: ...

    def of(self, rows: NDArray[Any]) -> Self: ...

    def bad(self) -> int: ...


@final
@dataclass(frozen=True, eq=False)
class Sourced:
    """N scans and where each comes from."""

    bags: Bags
    """Of slices; of vectors of scans `Bags.of_rows`."""
    sources: NDArray[np.str_]
    """(N,), empty where unknown."""

    def __len__(self) -> int:
        return len(self.bags)

    def of(self, rows: NDArray[Any]) -> Sourced:
        """These scans, in this order."""
        return Sourced(self.bags.of(rows), self.sources[rows])

    def bad(self) -> int:
        """How many vectors hold NaN or infinity."""
        return self.bags.bad()


G = TypeVar("G", Bags, Blocks, Sourced)


@final
@dataclass(frozen=True)
class Lesson(Generic[G]):
    """What one fit is given."""

    features: G
    y: Ints
    tuning: tuple[G, Ints] | None
    """Validation items and their labels."""
    seed: int


@final
@dataclass(frozen=True)
class ManyKind(Generic[G]):
    """A head of this sort that a study may name."""

    name: str
    summary: str
    """One line for lists and help."""
    takes: type[G]
    """What it learns from: `Bags`, `Blocks` or `Sourced`."""
    learn: Callable[[Lesson[G]], AnyHead[Any]]
    """From what it is given to a fitted estimator; the sigmoid of its decision values is the probability."""
    needs_tuning: bool = False
    """Whether it learns from validation rows too, `Support.tuning`."""
    version: int = 1
    """As in `HeadKind`."""
    probabilities: Callable[[Floats], Floats] = sigmoid
    """From decision values, those of class 1."""
    needs_texts: bool = False
    """As in `HeadKind`: none does."""

    @property
    def spec(self) -> dict[str, Any]:
        """Everything of the head that its scores depend on."""
        return {"head": self.name, "version": self.version}

    def scores(self, features: G, supports: Sequence[Support], queries: NDArray[np.int64], device: str = "cpu") -> Floats:  # noqa: ARG002
        """Decision values of class 1, (fits, queries), one fit after the other.

        Args:
            features: of all items; only those named below are looked at.
            supports: what each fit learns from; rows are items.
            queries: (M,) items to score.
            device: as `HeadKind.scores` takes it; these compute on the CPU.

        Raises:
            UsageError: the features are of another sort, an item is out of range or not finite, a support lacks a class, or validation rows
                are missing.
        """
        if not isinstance(features, self.takes):
            raise UsageError(f"head {self.name!r} learns from {self.takes.__name__}; {type(features).__name__} are given")
        for number, support in enumerate(supports):
            self._check(support, number, len(features))
        _check_range(queries, len(features))
        scores = np.empty((len(supports), len(queries)))
        with threadpool_limits(1, user_api="blas"):
            fitted = [self.learn(_lesson(features, support)) for support in supports]
            for start in range(0, len(queries), _QUERIES):
                part = told_to(_taken(features, queries[start : start + _QUERIES]))
                for row, head in zip(scores, fitted, strict=True):
                    row[start : start + _QUERIES] = head.decision_function(part)
        return scores

    def fitted(self, features: G, support: Support) -> AnyHead[Any]:
        """The estimator whose decision values `scores` gives for this support. Arguments and raises as there."""
        if not isinstance(features, self.takes):
            raise UsageError(f"head {self.name!r} learns from {self.takes.__name__}; {type(features).__name__} are given")
        self._check(support, 0, len(features))
        with threadpool_limits(1, user_api="blas"):
            return self.learn(_lesson(features, support))

    def _check(self, support: Support, number: int, items: int) -> None:
        if support.rows.shape != support.y.shape or set(np.unique(support.y).tolist()) != {0, 1}:
            raise UsageError(f"head {self.name!r} needs labels 0 and 1, one a row and both of them; support {number} has others")
        _check_range(support.rows, items)
        if support.tuning is not None:
            _check_range(support.tuning.rows, items)
        elif self.needs_tuning:
            raise UsageError(f"head {self.name!r} learns weights on validation rows; support {number} has none: choose another head")


def told_to(features: Bags | Blocks | Sourced) -> Any:
    """What an estimator's methods take of features: bags, or a matrix (N, D)."""
    if isinstance(features, Blocks):
        return features.X
    return features.bags if isinstance(features, Sourced) else features


def _check_range(rows: Ints, items: int) -> None:
    if len(rows) and not 0 <= rows.min() <= rows.max() < items:
        raise UsageError(f"items {rows.min()}..{rows.max()} are asked for; the features have {items}")


def _lesson(features: G, support: Support) -> Lesson[G]:
    tuning = support.tuning
    validation = None if tuning is None else (_taken(features, tuning.rows), tuning.y)
    return Lesson(_taken(features, support.rows), support.y, validation, support.seed)


def _taken(features: G, rows: Ints) -> G:
    part = features.of(rows)
    if bad := part.bad():
        raise UsageError(f"{bad} feature vectors of the {len(part)} items asked for hold NaN or infinity; embed those items again")
    return part


def _slices(pool: Literal["mean", "max"], given: Lesson[Bags]) -> SliceHead:
    bags = given.features
    few = len(bags.X) <= _SLICES
    head = SliceHead(pool, sub_bag=None if few else max(1, _SLICES // len(bags)), random_state=given.seed)
    return head.fit(bags, given.y)


def _seeded(make: Callable[..., BagHead], given: Lesson[Bags]) -> BagHead:
    return make(random_state=given.seed).fit(given.features, given.y)


def _flatten(given: Lesson[Bags]) -> FlattenHead:
    return FlattenHead().fit(given.features, given.y)


def _fusion(given: Lesson[Blocks]) -> FusionHead:
    return FusionHead(given.features.widths).fit(given.features.X, given.y)


def _late_fusion(given: Lesson[Blocks]) -> LateFusionHead:
    return LateFusionHead(given.features.widths).fit(given.features.X, given.y)


def _weighted_fusion(given: Lesson[Blocks]) -> LateFusionHead:
    assert given.tuning is not None  # `needs_tuning`
    return _late_fusion(given).tune(given.tuning[0].X, given.tuning[1])


def _router(routing: Literal["soft", "hard"], given: Lesson[Sourced]) -> RouterHead:
    return RouterHead(routing).fit(given.features.bags, given.y, given.features.sources)


_KINDS: tuple[ManyKind[Any], ...] = (
    ManyKind("mean_probability", "mean over slices of a linear head's probabilities", Bags, partial(_slices, "mean")),
    ManyKind("max", "highest decision value of a linear head over slices", Bags, partial(_slices, "max")),
    ManyKind("attention_mil", "gated attention over slices (Ilse et al.)", Bags, partial(_seeded, AttentionMILHead)),
    ManyKind("slice_transformer", "two transformer blocks over the sequence of slices", Bags, partial(_seeded, SliceTransformerHead)),
    ManyKind("flatten", "a linear head on 16 slices side by side", Bags, _flatten),
    ManyKind("fusion", "a linear head on several feature sets, standardised and side by side", Blocks, _fusion),
    ManyKind("late_fusion", "mean of linear heads' probabilities, one head a feature set", Blocks, _late_fusion),
    ManyKind("late_fusion_weighted", "the same, weighted as validation rows teach", Blocks, _weighted_fusion, needs_tuning=True),
    ManyKind("router", "experts by source, weighted by the predicted source", Sourced, partial(_router, "soft")),
    ManyKind("router_hard", "experts by source, that of the likeliest source alone", Sourced, partial(_router, "hard")),
)
MANY: dict[str, ManyKind[Any]] = {kind.name: kind for kind in _KINDS}
"""By name."""


def many_named(name: str) -> ManyKind[Any]:
    """The kind of this name.

    Raises:
        UnknownNameError: there is none; the message suggests the nearest.
    """
    if name not in MANY:
        raise UnknownNameError("head", name, MANY)
    return MANY[name]
