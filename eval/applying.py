"""A saved head on all scans of a bank, or on their slices: scores, probabilities and calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast, final

import numpy as np
from numpy.typing import NDArray

from ..heads import Bags, FittedHead, Keyed
from ..heads.card import HeadFileError
from ..store.errors import UsageError
from .bag_features import unit_bags
from .calibration import Calibrator, calibrator_from
from .feature_choice import USABLE, ChosenSet, FeatureChoice, choose_features
from .pooling import unit_features
from .units import UNITS, Unit, Units

if TYPE_CHECKING:
    from ..store.bank import Bank


@final
@dataclass(frozen=True)
class Applied:
    """What a head says of N items."""

    features: str
    """The feature set, by its name in the bank."""
    unit: Unit
    items: tuple[str, ...]
    patients: NDArray[np.str_]
    """(N,) pseudonyms."""
    scores: NDArray[np.float64]
    """(N,) decision values."""
    probabilities: NDArray[np.float64]
    """(N,) that the finding is present: of the head's calibrator, or its own."""
    called: NDArray[np.bool_] | None
    """(N,) scores that reach the head's threshold; None where it has none."""
    without: int
    """Items that have no vectors in the set, and are left out."""


@final
@dataclass(frozen=True)
class Card:
    """What a head's card says of its use.

    Raises:
        HeadFileError: the unit, the threshold or the calibrator is none.
    """

    unit: Unit | None
    threshold: float | None
    calibrator: Calibrator | None

    @classmethod
    def of(cls, card: Mapping[str, Any]) -> Card:
        unit, cut, calibrator = (card.get(name) for name in ("unit", "threshold", "calibrator"))
        if unit not in (None, *UNITS):
            raise HeadFileError(f"the head's card has unit {unit!r}; {' or '.join(UNITS)} is wanted")
        value = cut.get("value") if isinstance(cut, Mapping) else cut
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value)):
            raise HeadFileError(f"the head's card has threshold {value!r}; a number is wanted")
        try:
            made = None if calibrator is None else calibrator_from(calibrator)
        except (UsageError, TypeError, ValueError) as error:
            raise HeadFileError(f"the calibrator of the head's card cannot be read: {error}") from error
        return cls(cast("Unit | None", unit), None if value is None else float(value), made)


def apply_head(bank: Bank, head: FittedHead, features: str = "") -> Applied:
    """Score every volume, or every slice, that has vectors in the feature set that the head was fitted on.

    Args:
        bank: the bank.
        head: of two classes.
        features: the name of a set; by default the bank's set of the head's key.

    Raises:
        UnknownNameError: the bank has no set of this name.
        UsageError: the head tells several classes or findings apart, or no set of the bank is of its key.
        HeadFileError: the card makes no sense.
    """
    if head.estimator.columns_ or len(head.estimator.classes_) != 2:
        raise UsageError(f"the head tells {len(head.estimator.classes_)} classes or findings apart; heads of two classes are applied here")
    card = Card.of(head.card)
    unit = card.unit or ("slice" if head.key.kind == "slice" and not head.pool else "volume")
    chosen = _chosen(bank, head, unit, features)
    key = chosen.features.key
    several = key.kind != unit  # vectors of a unit, which are pooled, or a bag
    as_bags = several and not head.pool
    pool = chosen.pool if several and not as_bags else ""
    head.check_key(key, pool)
    units = every_unit(bank, unit)
    if as_bags:
        bags = unit_bags(bank, chosen.features, units, chosen.name)
        rows = np.flatnonzero(bags.present)
        name, X = bags.name, cast("NDArray[np.floating] | Bags", bags.bags.of(rows))
    else:
        vectors = unit_features(bank, chosen.features, units, chosen.pool, chosen.name)
        rows = np.flatnonzero(vectors.present)
        name, X = vectors.name, vectors.X[rows]
    scores = head.scores(Keyed(key, X, pool))
    chance = head.estimator.predict_proba(X)[:, 1] if card.calibrator is None else card.calibrator.probabilities(scores)
    called = None if card.threshold is None else scores >= card.threshold
    items = tuple(units.items[row] for row in rows.tolist())
    return Applied(name, unit, items, units.patients[rows], scores, chance, called, len(units) - len(rows))


def every_unit(bank: Bank, unit: Unit) -> Units:
    """All volumes of a bank, or all slices, by ordinal; labels are of no meaning."""
    query = "SELECT volume AS item, ordinal, volume, patient, slice_ordinal AS first, slices AS n FROM volumes ORDER BY ordinal"
    if unit == "slice":
        query = """SELECT s.slice AS item, s.ordinal, v.volume, v.patient, s.ordinal AS first, 1 AS n
            FROM slices s JOIN volumes v ON v.volume = s.volume ORDER BY s.ordinal"""
    answer = bank.sql(query)
    column = {name: answer.column(name).to_pylist() for name in answer.column_names}
    ordinals, first, count = (np.array(column[name], dtype=np.int64) for name in ("ordinal", "first", "n"))
    volumes, patients = (np.array(column[name], dtype=np.str_) for name in ("volume", "patient"))
    runs = np.stack([first, count], axis=1)
    return Units("", unit, "", tuple(column["item"]), ordinals, volumes, patients, runs, np.zeros(len(ordinals), np.int64), 0)


def _chosen(bank: Bank, head: FittedHead, unit: Unit, features: str) -> ChosenSet:
    pool = head.pool or "mean"
    if features:
        chosen = choose_features(bank, unit, FeatureChoice((features,), pool=pool))
        if len(chosen) != 1:
            raise UsageError(f"{features!r} names {len(chosen)} feature sets; name one of {', '.join(one.name for one in chosen)}")
        return chosen[0]
    usable = [one for one in bank.feature_sets if one.key.kind in USABLE[unit]]
    found = next((one for one in usable if one.digest == head.key.digest), None)
    if found is None:
        there = ", ".join(f"{one.name!r} (key {one.digest[:8]})" for one in usable) or "none"
        raise UsageError(
            f"the head was fitted on {head.key.name!r} (key {head.key.digest[:8]}), and the bank's feature sets of {unit}s are {there}; "
            "embed with the head's encoder and view, or fit a head on one of these"
        )
    return choose_features(bank, unit, FeatureChoice((found.digest,), pool=pool))[0]
