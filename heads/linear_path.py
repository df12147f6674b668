"""LiPro: logistic regression on unit vectors whose penalty is chosen on a path, by those who may choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast, final

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_array, check_consistent_length

from ..store.errors import UsageError
from .auroc import aurocs
from .base import Head
from .class_weights import ClassWeight
from .folds import patient_folds, row_keys
from .linear import LinearHead
from .multilabel import is_multilabel, known_labels, known_rows
from .products import decision_values
from .support import Support
from .vectors import Floats, Ints, softmax, unit

if TYPE_CHECKING:
    from .path_fits import PathFits, PathSettings

PATH = (1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3, 1e4)
"""C of unit vectors: from next to the prior to next to no penalty."""


@final
class LinearPathHead(Head):
    """As `LinearHead` on unit vectors, with C chosen on `path` by AUROC, the stronger penalty of equals.

    Who chooses, in this order (`chosen_by_` tells, `C_` what):
    `tuning`: the tuning rows that `fit_tuned` is given, where they hold each class.
    `cross-validation`: `folds` folds of the support that keep patients together, where each class has that many patients; the mean over
    folds counts. A patient is of the highest class among its rows.
    `fixed`: nobody; C is `fixed`.

    Of more than two classes, AUROC is the mean over classes, each against the others.

    Args:
        path: values of C, ascending.
        fixed: C where nobody can choose.
        folds: 2 or more.
        class_weight: what the losses of a class weigh, as in `class_weights`.
    """

    LEARNED: ClassVar[tuple[str, ...]] = ("coef_", "intercept_")
    NOTED: ClassVar[tuple[str, ...]] = ("C_", "chosen_by_")

    def __init__(self, path: Sequence[float] = PATH, fixed: float = 100.0, folds: int = 5, class_weight: ClassWeight = None) -> None:
        self.path = path
        self.fixed = fixed
        self.folds = folds
        self.class_weight: ClassWeight = class_weight

    def fit_tuned(
        self, X: ArrayLike, y: ArrayLike, *, tuning: tuple[ArrayLike, ArrayLike] | None = None, patients: ArrayLike | None = None
    ) -> Self:
        """As `fit`, with who may choose the penalty.

        Args:
            X: (N, D).
            y: (N,) or, of F findings, (N, F).
            tuning: (M, D) and (M,) or (M, F): validation rows, on which no weight is learned.
            patients: (N,) whose each row is; None: each row is a patient of its own.

        Raises:
            ValueError: as `fit`, of the tuning rows too, or lengths differ.
            UsageError: as `fit`, or a tuning row has a class that the support lacks.
        """
        owners = None if patients is None else np.unique(np.asarray(cast("Any", patients)), return_inverse=True)[1]
        if owners is not None:
            check_consistent_length(np.empty(len(np.asarray(cast("Any", X)))), owners)
        beside = None if tuning is None else cast("Floats", check_array(cast("Any", tuning[0]), dtype=cast("Any", np.float64)))
        if is_multilabel(y):
            marks = None if tuning is None or beside is None else known_labels(tuning[1], len(beside))
            return self._fit_columns(X, y, lambda heads, V, labels: self._together(heads, V, labels, owners, beside, marks))
        vectors, codes = self._with_labels(X, y)
        if tuning is None or beside is None:
            self._choose(vectors, codes, owners, None)
            return self
        called = np.asarray(cast("Any", tuning[1]))
        check_consistent_length(beside, called)
        place = np.minimum(np.searchsorted(self.classes_, called), len(self.classes_) - 1)
        if beside.shape[1] != vectors.shape[1] or (self.classes_[place] != called).any():
            raise UsageError(
                f"tuning rows are of width {beside.shape[1]} and classes {np.unique(called).tolist()}; the support's are of width "
                f"{vectors.shape[1]} and classes {self.classes_.tolist()}"
            )
        self._choose(vectors, codes, owners, (beside, place))
        return self

    def _learn(self, X: Floats, codes: Ints) -> None:
        self._choose(X, codes, None, None)

    def _learn_columns(self, heads: Sequence[Head], X: Floats, labels: Floats) -> None:
        self._together(cast("Sequence[Self]", heads), X, labels, None, None, None)

    def _class_scores(self, X: Floats) -> Floats:
        U = unit(X)
        if len(self.coef_) > 1:
            return U @ self.coef_.T + self.intercept_
        logits = decision_values(self.coef_, np.asarray(self.intercept_), U).T
        return np.hstack([np.zeros_like(logits), logits])

    def _probabilities(self, scores: Floats) -> Floats:
        return softmax(scores)

    @property
    def _settings(self) -> PathSettings:
        from .path_fits import PathSettings

        path = tuple(float(c) for c in self.path)
        if not path or not all(c > 0 and np.isfinite(c) for c in (*path, self.fixed)) or list(path) != sorted(set(path)):
            raise ValueError(f"path is {self.path!r} and fixed {self.fixed!r}; values of C are positive, those of the path ascending")
        if self.folds < 2:
            raise ValueError(f"folds is {self.folds}; give 2 or more")
        return PathSettings(path, float(self.fixed), self.folds, self.class_weight)

    def _choose(self, X: Floats, codes: Ints, patients: Ints | None, tuning: tuple[Floats, Ints] | None) -> None:
        settings = self._settings
        if len(self.classes_) > 2:
            self._choose_of_many(X, codes, patients, tuning, settings)
            return
        named = self._named_for_classes(settings)
        V = X if tuning is None else np.concatenate([X, tuning[0]])
        beside = None if tuning is None else Support(np.arange(len(X), len(V)), tuning[1])
        self._take(_path_fits(unit(V), [Support(np.arange(len(X)), codes, beside, patients)], named, "cpu"), 0)

    def _named_for_classes(self, settings: PathSettings) -> PathSettings:
        """With weights of classes by their places, 0 and 1."""
        given = self.class_weight
        if given is None or isinstance(given, str):
            return settings
        return replace(settings, class_weight={place: given.get(name, 1.0) for place, name in enumerate(self.classes_.tolist())})

    def _take(self, fits: PathFits, number: int) -> None:
        self.coef_, self.intercept_ = fits.coefficients[number : number + 1], fits.intercepts[number : number + 1]
        self.C_, self.chosen_by_ = float(fits.C[number]), str(fits.chosen_by[number])

    def _choose_of_many(
        self, X: Floats, codes: Ints, patients: Ints | None, tuning: tuple[Floats, Ints] | None, settings: PathSettings
    ) -> None:
        classes = len(self.classes_)
        folds = patient_folds(row_keys(unit(X)), codes, patients, settings.folds)
        if tuning is not None and len(np.unique(tuning[1])) == classes:
            self.chosen_by_, parts = "tuning", [(np.ones(len(X), np.bool_), *tuning)]
        elif folds is not None:
            self.chosen_by_ = "cross-validation"
            parts = [(folds != fold, X[folds == fold], codes[folds == fold]) for fold in range(settings.folds)]
        else:
            self.chosen_by_, parts = "fixed", []
        self.C_ = settings.fixed
        if parts:
            names = self.classes_[codes]
            fits = [[LinearHead(c, class_weight=self.class_weight).fit(X[kept], names[kept]) for c in settings.path] for kept, *_ in parts]
            values = [[_macro(head.decision_function(V), called) for head in row] for row, (_, V, called) in zip(fits, parts, strict=True)]
            self.C_ = settings.path[int(np.argmax(np.round(np.mean(values, axis=0), 12)))]
        head = LinearHead(self.C_, class_weight=self.class_weight).fit(X, self.classes_[codes])
        self.coef_, self.intercept_ = head.coef_, head.intercept_

    def _together(
        self, heads: Sequence[Self], X: Floats, labels: Floats, patients: Ints | None, beside: Floats | None, marks: Floats | None
    ) -> None:
        """Fit a head for each column of `labels`, all at once; `marks` (M, F) are those of the tuning rows `beside` (M, D)."""
        V = X if beside is None else np.concatenate([X, beside])
        supports = []
        for column in range(len(heads)):
            rows, y = known_rows(labels, column, type(self).__name__)
            tuning = None
            if marks is not None:
                seen = np.flatnonzero(~np.isnan(marks[:, column]))
                tuning = Support(len(X) + seen, marks[seen, column].astype(np.int64))
            supports.append(Support(rows, y, tuning, None if patients is None else patients[rows]))
        fits = _path_fits(unit(V), supports, self._settings, "cpu")
        for number, head in enumerate(heads):
            head.classes_, head.columns_, head.n_features_in_ = np.arange(2), (), X.shape[1]
            head._take(fits, number)


def _macro(scores: Floats, codes: Ints) -> float:
    """Mean AUROC of each class against the others."""
    labels = (codes == np.arange(scores.shape[1])[:, None]).astype(np.int64)
    return float(aurocs(labels, np.ascontiguousarray(scores.T)).mean())


def _path_fits(U: Floats, supports: Sequence[Support], settings: PathSettings, device: str) -> PathFits:
    from .path_fits import path_fits

    return path_fits(U, supports, settings, device)


def linear_scores(X: Floats, supports: Sequence[Support], queries: Ints, device: str) -> Floats:
    """(fits, queries) decision values of `LinearPathHead()`, each tuned on what its support brings."""
    X = unit(X)  # the others are let go of, if they are nobody else's
    fits = _path_fits(X, supports, LinearPathHead()._settings, device)
    return decision_values(fits.coefficients, fits.intercepts, X[queries])


def lowshot_scores(X: Floats, supports: Sequence[Support], queries: Ints, device: str) -> Floats:
    """(fits, queries) decision values of `LinearPathHead()`, each on its support alone."""
    return linear_scores(X, [replace(support, tuning=None) for support in supports], queries, device)
