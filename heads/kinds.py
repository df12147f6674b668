"""The heads by name, and how all fits of a study are scored at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ..store.errors import UnknownNameError, UsageError
from .base import Head
from .centroid_normal import CentroidNormalHead, centroid_normal_scores
from .clap import CLAPHead, clap_scores
from .clip_adapter import CLIPAdapterHead, clip_adapter_scores
from .cls import CosineClsHead, LinearClsHead, cosine_cls_scores, linear_cls_scores
from .cosine import CosineHead, cosine_scores
from .knn import KNNHead, knn_l2_scores, knn_scores, l2_neighbours
from .knn_normal import KNNNormalHead, knn_normal_scores
from .lda import LDAHead, lda_scores
from .linear_path import LinearPathHead, linear_scores, lowshot_scores
from .lp_plus_plus import LPPlusPlusHead, lp_plus_plus_scores
from .mahalanobis import MahalanobisHead, mahalanobis_scores
from .one_class import OneClassHead, values_of
from .prototype import PrototypeHead, prototype_scores
from .refit import plain, told, tuned_path, tuned_ratio, tuned_tip, tuned_tip_f, untuned_path
from .ridge import RidgeHead, ridge_scores
from .support import Support
from .tip_adapter import TipAdapterHead, tip_adapter_scores
from .tip_adapter_f import TipAdapterFHead, tip_adapter_f_scores
from .vectors import Floats, Ints, sigmoid

_ROWS = 4096
"""Taken at once."""
Together = Callable[[Floats, Sequence[Support], Ints, str], Floats]
"""(X, supports, queries, torch's name of the device) to (fits, queries)."""


def _of_cosines(scores: Floats) -> Floats:
    return sigmoid(CosineHead().scale * scores)


def _of_shares(scores: Floats) -> Floats:
    return (1 + scores) / 2


def no_probabilities(scores: Floats) -> Floats:
    """NaN: a distance from normals alone says nothing of how likely a finding is."""
    return np.full_like(scores, np.nan)


@dataclass(frozen=True)
class HeadKind:
    """A head that a study may name."""

    name: str
    summary: str
    """One line for lists and help."""
    make: Callable[[], Head | OneClassHead]
    """A head that is not fitted yet, with the parameters that a study uses."""
    together: Together | None = None
    """All fits at once, with the values that `make` and `fit` would give one by one; None: one by one."""
    probabilities: Callable[[Floats], Floats] = sigmoid
    """From decision values, what `predict_proba` says of class 1."""
    needs_texts: bool = False
    """Whether it learns from the class texts' vectors too, `Support.texts`."""
    learn: Callable[[Any, Floats, Support], Head] = plain
    """Fits one of `make` on a support's rows of X (N, D), tuned as `together` tunes it."""
    version: int = 1
    """Raised with every change that gives other scores: what a bank holds of an older one is made again."""
    one_class: bool = False
    """Whether it learns from a support's absent rows alone; decision values are then distances from them."""

    @property
    def spec(self) -> dict[str, Any]:
        """Everything of the head that its scores depend on."""
        return {"head": self.name, "version": self.version, "params": self.make().get_params(deep=False)}

    def scores(self, X: NDArray[np.floating], supports: Sequence[Support], queries: NDArray[np.int64], device: str = "cpu") -> Floats:
        """Decision values of class 1, (fits, queries): one fit for each support, each on all queries.

        Args:
            X: (N, D) features, float16 to float64; only the rows named below are looked at.
            supports: what each fit learns from.
            queries: (M,) rows of X to score.
            device: where torch computes, such as `cuda`, for heads that do it with torch.

        Raises:
            UsageError: X is not a matrix, a row is out of range or not finite, a support lacks a class, or class texts are missing, of
                another width or not finite.
        """
        if X.ndim != 2:
            raise UsageError(f"features are of shape {X.shape}; (items, width) is wanted")
        for number, support in enumerate(supports):
            _check(support, number, self.name, one_class=self.one_class)
            if self.needs_texts:
                _check_texts(support, number, self.name, X.shape[1])
        if self.one_class:
            supports = [_absent(support) for support in supports]
        if not (len(supports) and len(queries)):
            return np.empty((len(supports), len(queries)))
        tunings = {id(s.tuning): s.tuning for s in supports if s.tuning is not None}
        named = [queries, *(s.rows for s in supports), *(s.rows for s in tunings.values())]
        lowest, highest = min(int(rows.min()) for rows in named if len(rows)), max(int(rows.max()) for rows in named if len(rows))
        if not 0 <= lowest <= highest < len(X):
            raise UsageError(f"rows {lowest}..{highest} are asked for; the features have {len(X)}")
        asked_for = np.zeros(len(X), dtype=np.bool_)
        for of in named:
            asked_for[of] = True
        used, place = np.flatnonzero(asked_for), np.cumsum(asked_for) - 1
        rows = [_float64(X, used)]
        if bad := int((~np.isfinite(rows[0]).all(axis=1)).sum()):
            raise UsageError(f"{bad} of {len(used)} feature vectors hold NaN or infinity; embed those items again")
        asked = place[queries]
        tuned = {key: replace(tuning, rows=place[tuning.rows]) for key, tuning in tunings.items()}
        placed = [replace(s, rows=place[s.rows], tuning=tuned.get(id(s.tuning))) for s in supports]
        if self.together is not None:
            return self.together(rows.pop(), placed, asked, device)  # whose alone they are: most heads go on with unit vectors
        wanted = rows[0][asked]
        # threads cost many small fits more than they give (seen: 30 times, on a busy machine); without them results repeat to the bit
        with threadpool_limits(1, user_api="blas"):
            return np.stack([values_of(self.fitted(rows[0], support), wanted) for support in placed])

    def fitted(self, X: NDArray[np.floating], support: Support) -> Head | OneClassHead:
        """The estimator whose decision values `scores` gives for this support; of one that learns from normals, its `anomaly`.

        Args:
            X: (N, D) features, float16 to float64; only rows of the support and its tuning are looked at.
            support: what it learns from.

        Raises:
            UsageError: as `scores`.
        """
        _check(support, 0, self.name, one_class=self.one_class)
        if self.needs_texts:
            _check_texts(support, 0, self.name, X.shape[1])
        head = self.make()
        if isinstance(head, OneClassHead):
            return head.fit(X[_absent(support).rows].astype(np.float64))
        tuning, own = support.tuning, len(support.rows)
        named = support.rows if tuning is None else np.concatenate([support.rows, tuning.rows])
        rows = X[named].astype(np.float64)
        beside = None if tuning is None else replace(tuning, rows=np.arange(own, len(named)))
        return self.learn(head.set_params(**told(head, support)), rows, replace(support, rows=np.arange(own), tuning=beside))


def _float64(X: NDArray[np.floating], used: NDArray[np.int64]) -> Floats:
    """Rows of X, without a copy of them in its own type."""
    rows = np.empty((len(used), X.shape[1]))
    for start in range(0, len(used), _ROWS):
        rows[start : start + _ROWS] = X[used[start : start + _ROWS]]
    return rows


def _absent(support: Support) -> Support:
    """The same without its present rows."""
    rows = support.y == 0
    patients = None if support.patients is None else support.patients[rows]
    return replace(support, rows=support.rows[rows], y=support.y[rows], patients=patients)


def _check(support: Support, number: int, name: str, *, one_class: bool) -> None:
    """A support has a 0 or 1 for each row, and both of them; of a head that learns from normals, an absent row."""
    if support.rows.shape != support.y.shape or support.rows.ndim != 1:
        raise UsageError(f"support {number} has rows {support.rows.shape} and labels {support.y.shape}; one label a row is wanted")
    zeros, ones = int((support.y == 0).sum()), int((support.y == 1).sum())
    if zeros + ones != len(support.y):
        raise UsageError(f"support {number} has labels other than 0 and 1")
    if one_class and not zeros:
        raise UsageError(f"head {name!r} learns from absent rows; support {number} has none")
    if not one_class and not (zeros and ones):
        raise UsageError(f"head {name!r} needs both classes; support {number} has {zeros} absent and {ones} present")


def _check_texts(support: Support, number: int, name: str, width: int) -> None:
    """A support has two finite class texts as wide as the features."""
    if support.texts is None:
        raise UsageError(f"head {name!r} learns from the class texts' vectors too, and support {number} has none")
    if support.texts.shape != (2, width) or not np.isfinite(support.texts).all():
        raise UsageError(
            f"class texts of support {number} are of shape {support.texts.shape} or not finite; head {name!r} wants finite ones of "
            f"{(2, width)}, as wide as the features: encode them with the encoder of the features"
        )


HEADS = {
    kind.name: kind
    for kind in (
        HeadKind(
            "linear",
            "logistic regression on unit vectors, its penalty chosen on validation rows (LiPro)",
            LinearPathHead,
            linear_scores,
            learn=tuned_path,
            version=2,
        ),
        HeadKind(
            "lowshot_lipro",
            "the same with nothing but the support, by cross-validation where it suffices",
            LinearPathHead,
            lowshot_scores,
            learn=untuned_path,
            version=2,
        ),
        HeadKind("linear_cls", "a linear layer trained by SGD on the support (Baseline)", LinearClsHead, linear_cls_scores, version=2),
        HeadKind("cosine_cls", "cosine classifier with a learned scale, by SGD (Baseline++)", CosineClsHead, cosine_cls_scores, version=2),
        HeadKind("cosine", "nearest mean direction of a class, by cosine", CosineHead, cosine_scores, _of_cosines),
        HeadKind("knn", "votes of the 5 nearest by cosine, weighted by distance", KNNHead, knn_scores, _of_shares),
        HeadKind("knn_l2", "votes of the 5 nearest by Euclidean distance, weighted by distance", l2_neighbours, knn_l2_scores, _of_shares),
        HeadKind("prototype", "nearest class mean after centring and L2 normalisation (SimpleShot)", PrototypeHead, prototype_scores),
        HeadKind("ridge", "least squares on -1 and 1, L2 penalty", RidgeHead, ridge_scores),
        HeadKind("lda", "linear discriminant analysis, Ledoit and Wolf's shrinkage", LDAHead, lda_scores, version=2),
        HeadKind(
            "tip_adapter",
            "zero-shot and votes of the support (Tip-Adapter)",
            TipAdapterHead,
            tip_adapter_scores,
            needs_texts=True,
            learn=tuned_tip,
        ),
        HeadKind(
            "tip_adapter_f", "Tip-Adapter with trained keys", TipAdapterFHead, tip_adapter_f_scores, needs_texts=True, learn=tuned_tip_f
        ),
        HeadKind(
            "clip_adapter",
            "zero-shot after a trained bottleneck",
            CLIPAdapterHead,
            clip_adapter_scores,
            needs_texts=True,
            learn=tuned_ratio,
        ),
        HeadKind("lp++", "linear probe that leans on the class texts", LPPlusPlusHead, lp_plus_plus_scores, needs_texts=True),
        HeadKind("clap", "linear probe from the class texts, held near them", CLAPHead, clap_scores, needs_texts=True),
        HeadKind(
            "knn_normal",
            "normals alone: mean cosine distance from the 2 nearest",
            KNNNormalHead,
            knn_normal_scores,
            no_probabilities,
            one_class=True,
        ),
        HeadKind(
            "mahalanobis",
            "normals alone: Mahalanobis distance from their mean, Ledoit and Wolf's covariance",
            MahalanobisHead,
            mahalanobis_scores,
            no_probabilities,
            one_class=True,
        ),
        HeadKind(
            "centroid_normal",
            "normals alone: cosine distance from their mean direction",
            CentroidNormalHead,
            centroid_normal_scores,
            no_probabilities,
            one_class=True,
        ),
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
