"""What every head of a study shares: the units, their sides and their vectors in each feature set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from ..store.digests import spec_digest
from ..store.errors import UsageError
from .feature_checks import lacking_vectors
from .feature_choice import ChosenSet
from .pooling import UnitFeatures, unit_features
from .splits import Split
from .units import Units

if TYPE_CHECKING:
    from ..store.bank import Bank

LABEL_POLICY = "unmentioned is absent, uncertain is left out"
"""How labels become 0 and 1; every run records it."""


@final
@dataclass(frozen=True)
class Study:
    """N units that have a label, a side, and a vector in each of the feature sets."""

    units: Units
    split: Split
    rows: NDArray[np.int64]
    """(N,) where the units' vectors are in each of the feature sets, which other findings may share."""
    features: tuple[UnitFeatures, ...]
    remarks: tuple[str, ...]
    """What a reader of the numbers should know: who was left out, and why."""

    def vectors(self, features: UnitFeatures, of: NDArray[np.int64]) -> NDArray[np.float32]:
        """(n, D): those of some units, by their rows."""
        return features.X[self.rows[of]]


def prepare(bank: Bank, units: Units, split: Split, chosen: Sequence[ChosenSet]) -> Study:
    """Bring units, sides and vectors together. All feature sets are compared on the same units: those that each of them holds.

    Raises:
        UsageError: no set holds a vector of any unit, or no unit is left.
    """
    return joined(units, split, gather(bank, [units], chosen))


@final
@dataclass(frozen=True)
class Gathered:
    """Vectors of all units of some findings, read once."""

    ordinals: NDArray[np.int64]
    """(U,), increasing."""
    units: Units
    """All of them; their labels are of no meaning."""
    features: tuple[UnitFeatures, ...]
    """Of U rows each."""


def gather(bank: Bank, findings: Sequence[Units], chosen: Sequence[ChosenSet]) -> Gathered:
    """Read the vectors of these findings' units, which are all volumes or all slices, from each of the sets."""
    ordinals, first = np.unique(np.concatenate([units.ordinals for units in findings]), return_index=True)
    whole = replace(
        findings[0],
        items=tuple(str(ordinal) for ordinal in ordinals.tolist()),
        **{
            name: np.concatenate([getattr(units, name) for units in findings])[first]
            for name in ("ordinals", "volumes", "patients", "slices", "y")
        },
    )
    return Gathered(ordinals, whole, tuple(unit_features(bank, one.features, whole, one.pool, one.name) for one in chosen))


def joined(units: Units, split: Split, gathered: Gathered) -> Study:
    """The study of one finding among those whose vectors were gathered. Raises as `prepare`."""
    plural = f"{units.unit}s"
    places = np.searchsorted(gathered.ordinals, units.ordinals)
    remarks = [f"{units.unknown} {plural} with an uncertain label are left out"] if units.unknown else []
    empty = [one.name for one in gathered.features if not one.present[places].any()]
    remarks += [f"{name} holds no vectors of {plural} labelled for {units.finding!r}: it is left out" for name in empty]
    features = tuple(one for one in gathered.features if one.present[places].any())
    if not features:
        names = ", ".join(one.name for one in gathered.features)
        raise UsageError(f"none of the feature sets {names} holds vectors of {plural} labelled for {units.finding!r}; embed them first")
    keep = split.sides != ""
    if not keep.all():
        remarks.append(f"{int((~keep).sum())} of {len(units)} {plural} have no side in split {split.name!r}: they are left out")
    remarks += lacking_vectors(units, split.sides, features, places)
    keep &= np.all([one.present[places] for one in features], axis=0)
    rows = np.flatnonzero(keep)
    if not len(rows):
        raise UsageError(f"no {units.unit} has a side and a vector in each of {', '.join(one.name for one in features)}; choose fewer sets")
    left = units.of(rows)
    sides = Split(split.name, split.sides[rows], split.rows)
    return Study(left, sides, places[rows], features, tuple(remarks))


def study_settings(study: Study, seed: int) -> dict[str, Any]:
    """What a run records of its study: everything that its numbers depend on."""
    units = study.units
    counts = {
        side: {
            "present": int(units.y[rows].sum()),
            "absent": int((1 - units.y[rows]).sum()),
            "patients": len(set(units.patients[rows].tolist())),
        }
        for side in ("train", "val", "test")
        for rows in [study.split.side(side)]
    }
    return {
        "finding": units.finding,
        "unit": units.unit,
        "source": units.source,
        "labels": LABEL_POLICY,
        "split": study.split.name,
        "seed": seed,
        "counts": counts,
        "items": spec_digest([list(units.items), units.ordinals.tolist(), units.y.tolist(), study.split.sides.tolist()]),
        "scanbank": version("scanbank"),
    }


def together(studies: Sequence[Study]) -> tuple[Units, NDArray[np.str_], NDArray[np.int64]]:
    """The units of studies whose vectors were gathered together, each once, with their sides and where their vectors are."""
    rows, first = np.unique(np.concatenate([study.rows for study in studies]), return_index=True)
    names = ("ordinals", "volumes", "patients", "slices", "y")
    arrays = {name: np.concatenate([getattr(study.units, name) for study in studies])[first] for name in names}
    items = [item for study in studies for item in study.units.items]
    sides = np.concatenate([study.split.sides for study in studies])[first]
    return replace(studies[0].units, items=tuple(items[place] for place in first.tolist()), **arrays), sides, rows
