"""Router head: a classifier of sources sends each scan to experts, one linear head a source, who vote over its slices.

A mixture of experts (Jacobs, Jordan, Nowlan, Hinton 1991, "Adaptive mixtures of local experts") whose gate learns from sources that are
known while it learns, such as hospitals or scanners, and are predicted when it scores.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from .bag_head import bags_like, checked_bags, tagged
from .bags import Bags, check_sub_bag, log_means, sums, windows
from .base import AnyHead
from .linear import LinearHead
from .linear_parts import again, log_probabilities, stacked
from .vectors import Floats, Ints, softmax

_ROUTING, _VOTES = ("soft", "hard"), ("mean", "majority")
_LEAST = 1e-300
"""Stands for a share of no votes at all, whose logarithm scores could not hold."""


@final
class RouterHead(AnyHead[Bags]):
    """Experts by source. Takes bags, an array (N, T, D), or a matrix (N, D), whose rows are bags of one vector.

    Slices inherit label and source of their scan. An expert learns from the scans of its source; a source whose scans lack a class is
    served by a head of all scans, and scans of unknown source teach that head alone. `sources_` names the sources, `own_` says which have
    an expert of their own. Scores are logarithms of probabilities.

    Args:
        routing: `soft`: experts are weighted by the probability of their source. `hard`: only that of the likeliest source is asked.
        vote: how an expert's slices vote on a scan. `mean`: the mean of their probabilities. `majority`: the share of them for each class.
        sub_bag: neighbouring runs of so many slices vote, each with the mean of its probabilities; None: each slice for itself.
        C: as in `LinearHead`, of experts and source classifier.
        normalize: as in `LinearHead`.
    """

    LEARNED: ClassVar[tuple[str, ...]] = (
        "names_",
        "own_",
        *(f"{part}_{name}" for part in ("experts", "gate") for name in LinearHead.LEARNED),
    )

    def __init__(
        self,
        routing: Literal["soft", "hard"] = "soft",
        vote: Literal["mean", "majority"] = "mean",
        sub_bag: int | None = None,
        C: float = 100.0,
        normalize: Literal["l2", "standard"] | None = "l2",
    ) -> None:
        self.routing = routing
        self.vote = vote
        self.sub_bag = sub_bag
        self.C = C
        self.normalize: Literal["l2", "standard"] | None = normalize

    def fit(self, X: Bags | ArrayLike, y: ArrayLike, sources: ArrayLike | None = None) -> Self:
        """Learn from N bags, labels y (N,) of at least two classes, and names of sources (N,), empty where unknown; None: one source.

        Raises:
            ValueError: X is neither bags nor a finite array, lengths differ, or a parameter is out of range.
            UsageError: a bag is empty, or y holds one class only.
        """
        for name, value, known in (("routing", self.routing, _ROUTING), ("vote", self.vote, _VOTES)):
            if value not in known:
                raise ValueError(f"{name} is {value!r}; choose one of {', '.join(map(repr, known))}")
        if self.sub_bag is not None:
            check_sub_bag(self.sub_bag)
        bags, labels = checked_bags(self, X, y)
        codes = self._coded(labels)
        given = np.full(len(bags), "all") if sources is None else np.asarray(sources, dtype=np.str_)
        check_consistent_length(given, labels)
        names, source = np.unique(given, return_inverse=True)
        known = np.flatnonzero(names != "")
        self.names_ = _packed(names[known])
        everyone = self._expert(bags, codes)
        rows = [np.flatnonzero(source == one) for one in known]
        complete = [len(np.unique(codes[of])) == len(self.classes_) for of in rows]
        self.own_ = np.array(complete, dtype=np.int64)
        experts = [self._expert(bags.of(of), codes[of]) if whole else everyone for of, whole in zip(rows, complete, strict=True)]
        self._keep("experts", stacked(experts or [everyone]))
        self._keep("gate", self._gate(bags, given, names[known]))
        return self

    @property
    def sources_(self) -> NDArray[np.str_]:
        """(S,) names, in alphabetical order; empty where none was known."""
        return _unpacked(self.names_)

    def source_probabilities(self, X: Any) -> Floats:
        """(N, S): how likely each scan is of each of `sources_`. Raises as `decision_function`."""
        check_is_fitted(self)
        return np.exp(self._gates(self._checked(X)))

    def _checked(self, X: Any) -> Bags:
        return bags_like(self, X)

    def _class_scores(self, X: Bags) -> Floats:
        gates = self._gates(X)
        if self.routing == "hard":
            gates = np.where(np.arange(gates.shape[1]) == gates.argmax(axis=1)[:, None], 0.0, -np.inf)
        experts = {name: getattr(self, f"experts_{name}") for name in LinearHead.LEARNED}
        votes = [
            self._votes(again(self._blank(), {name: array[expert] for name, array in experts.items()}, len(self.classes_)), X)
            for expert in range(gates.shape[1])
        ]
        return np.logaddexp.reduce(gates.T[:, :, None] + np.stack(votes), axis=0)

    def _probabilities(self, scores: Floats) -> Floats:
        return softmax(scores)

    def __sklearn_tags__(self) -> Any:
        return tagged(super().__sklearn_tags__())

    def _blank(self) -> LinearHead:
        return LinearHead(self.C, self.normalize)

    def _expert(self, bags: Bags, codes: Ints) -> LinearHead:
        return self._blank().fit(bags.X, codes[bags.owner])

    def _gate(self, bags: Bags, given: NDArray[np.str_], names: NDArray[np.str_]) -> dict[str, NDArray[Any]]:
        """The source classifier; where there are not two sources, one of zeros that nobody asks."""
        if len(names) > 1:
            rows = np.flatnonzero(given != "")
            fitted = self._expert(bags.of(rows), np.searchsorted(names, given[rows]))
            return {name: getattr(fitted, name) for name in LinearHead.LEARNED}
        return {name: np.zeros_like(getattr(self, f"experts_{name}")[0]) for name in LinearHead.LEARNED}

    def _gates(self, X: Bags) -> Floats:
        """(N, S) logarithms of the probabilities of sources."""
        count = len(self.names_)
        if count < 2:
            return np.zeros((len(X), 1))
        head = again(self._blank(), {name: getattr(self, f"gate_{name}") for name in LinearHead.LEARNED}, count)
        return log_means(log_probabilities(head, X), X.starts)

    def _votes(self, head: LinearHead, X: Bags) -> Floats:
        """(N, C) logarithms of what the slices of each scan say together."""
        voters, starts = log_probabilities(head, X), X.starts
        if self.sub_bag is not None:
            runs, of = windows(X, self.sub_bag)
            voters, starts = log_means(voters, runs.starts), np.searchsorted(of, np.arange(len(X) + 1))
        if self.vote == "mean":
            return log_means(voters, starts)
        shares = sums(np.eye(voters.shape[1])[voters.argmax(axis=1)], starts) / np.diff(starts)[:, None]
        return np.log(np.maximum(shares, _LEAST))

    def _keep(self, part: str, learned: dict[str, NDArray[Any]]) -> None:
        for name, array in learned.items():
            setattr(self, f"{part}_{name}", array)


def _packed(names: NDArray[np.str_]) -> Ints:
    """(S, L) code points, as a head keeps arrays of numbers only."""
    wide = names.astype(f"<U{max(1, *map(len, names.tolist()))}" if len(names) else "<U1")
    return wide.view(np.uint32).reshape(len(names), wide.itemsize // 4).astype(np.int64)


def _unpacked(points: Ints) -> NDArray[np.str_]:
    return np.ascontiguousarray(points, dtype=np.uint32).view(f"<U{points.shape[1]}").reshape(-1)
