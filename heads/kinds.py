"""The heads by name, and how all fits of a study are scored at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ..store.errors import UnknownNameError, UsageError
from .base import Head
from .cls import CosineClsHead, LinearClsHead, cosine_cls_scores, linear_cls_scores
from .cosine import CosineHead, cosine_scores
from .knn import KNNHead, knn_l2_scores, knn_scores, l2_neighbours
from .lda import LDAHead, lda_scores
from .linear_path import LinearPathHead, linear_scores, lowshot_scores
from .prototype import PrototypeHead, prototype_scores
from .ridge import RidgeHead, ridge_scores
from .support import Support
from .vectors import Floats, Ints

Together = Callable[[Floats, Sequence[Support], Ints, str], Floats]
"""(X, supports, queries, torch's name of the device) to (fits, queries)."""


def _sigmoid(scores: Floats) -> Floats:
    return np.exp(-np.logaddexp(0.0, -scores))


def _of_cosines(scores: Floats) -> Floats:
    return _sigmoid(CosineHead().scale * scores)


def _of_shares(scores: Floats) -> Floats:
    return (1 + scores) / 2


@dataclass(frozen=True)
class HeadKind:
    """A head that a study may name."""

    name: str
    summary: str
    """One line for lists and help."""
    make: Callable[[], Head]
    """A head that is not fitted yet, with the parameters that a study uses."""
    together: Together | None = None
    """All fits at once, with the values that `make` and `fit` would give one by one; None: one by one."""
    probabilities: Callable[[Floats], Floats] = _sigmoid
    """From decision values, what `predict_proba` says of class 1."""
    needs_texts: bool = False
    """Whether it learns from the class texts' vectors too, `Support.texts`."""

    def scores(self, X: NDArray[np.floating], supports: Sequence[Support], queries: NDArray[np.int64], device: str = "cpu") -> Floats:
        """Decision values of class 1, (fits, queries): one fit for each support, each on all queries.

        Args:
            X: (N, D) features, float16 to float64; only the rows named below are looked at.
            supports: what each fit learns from.
            queries: (M,) rows of X to score.
            device: where torch computes, such as `cuda`, for heads that do it with torch.

        Raises:
            UsageError: X is not a matrix, a row is out of range or not finite, a support lacks a class, or class texts are missing.
        """
        if X.ndim != 2:
            raise UsageError(f"features are of shape {X.shape}; (items, width) is wanted")
        for number, support in enumerate(supports):
            _check(support, number, self.name)
            if self.needs_texts and support.texts is None:
                raise UsageError(f"head {self.name!r} learns from the class texts' vectors too, and support {number} has none")
        if not (len(supports) and len(queries)):
            return np.empty((len(supports), len(queries)))
        used = np.unique(np.concatenate([queries, *(s.rows for s in supports), *(s.tuning.rows for s in supports if s.tuning)]))
        if len(used) and not 0 <= used[0] <= used[-1] < len(X):
            raise UsageError(f"rows {used[0]}..{used[-1]} are asked for; the features have {len(X)}")
        rows = X[used].astype(np.float64)
        if bad := int((~np.isfinite(rows).all(axis=1)).sum()):
            raise UsageError(f"{bad} of {len(rows)} feature vectors hold NaN or infinity; embed those items again")
        asked = np.searchsorted(used, queries)
        placed = [_placed(s, used) for s in supports]
        if self.together is not None:
            return self.together(rows, placed, asked, device)
        wanted = rows[asked]
        # threads cost many small fits more than they give (seen: 30 times, on a busy machine); without them results repeat to the bit
        with threadpool_limits(1, user_api="blas"):
            return np.stack([self.make().fit(rows[s.rows], s.y).decision_function(wanted) for s in placed])


def _placed(support: Support, used: Ints) -> Support:
    tuning = None if support.tuning is None else _placed(support.tuning, used)
    return replace(support, rows=np.searchsorted(used, support.rows), tuning=tuning)


def _check(support: Support, number: int, name: str) -> None:
    """A support has a 0 or 1 for each row, and both of them."""
    if support.rows.shape != support.y.shape or support.rows.ndim != 1:
        raise UsageError(f"support {number} has rows {support.rows.shape} and labels {support.y.shape}; one label a row is wanted")
    zeros, ones = int((support.y == 0).sum()), int((support.y == 1).sum())
    if zeros + ones != len(support.y):
        raise UsageError(f"support {number} has labels other than 0 and 1")
    if not (zeros and ones):
        raise UsageError(f"head {name!r} needs both classes; support {number} has {zeros} absent and {ones} present")


HEADS = {
    kind.name: kind
    for kind in (
        HeadKind(
            "linear", "logistic regression on unit vectors, its penalty chosen on validation rows (LiPro)", LinearPathHead, linear_scores
        ),
        HeadKind(
            "lowshot_lipro", "the same with nothing but the support, by cross-validation where it suffices", LinearPathHead, lowshot_scores
        ),
        HeadKind("linear_cls", "a linear layer trained by SGD on the support (Baseline)", LinearClsHead, linear_cls_scores),
        HeadKind("cosine_cls", "cosine classifier with a learned scale, by SGD (Baseline++)", CosineClsHead, cosine_cls_scores),
        HeadKind("cosine", "nearest mean direction of a class, by cosine", CosineHead, cosine_scores, _of_cosines),
        HeadKind("knn", "votes of the 5 nearest by cosine, weighted by distance", KNNHead, knn_scores, _of_shares),
        HeadKind("knn_l2", "votes of the 5 nearest by Euclidean distance, weighted by distance", l2_neighbours, knn_l2_scores, _of_shares),
        HeadKind("prototype", "nearest class mean after centring and L2 normalisation (SimpleShot)", PrototypeHead, prototype_scores),
        HeadKind("ridge", "least squares on -1 and 1, L2 penalty", RidgeHead, ridge_scores),
        HeadKind("lda", "linear discriminant analysis, Ledoit and Wolf's shrinkage", LDAHead, lda_scores),
    )
}
"""What `--heads` may name. Zero-shot is not among them: it needs prompts and no support."""


def head_named(name: str) -> HeadKind:
    """The kind of this name.

    Raises:
        UnknownNameError: there is none; the message suggests the nearest.
    """
    if name not in HEADS:
        raise UnknownNameError("head", name, HEADS)
    return HEADS[name]


__all__ = ["HEADS", "HeadKind", "Support", "head_named"]
