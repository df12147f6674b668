"""What every head of a study shares: the units, their sides and their vectors in each feature set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ..store.digests import spec_digest
from ..store.errors import UsageError
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
    features: tuple[UnitFeatures, ...]
    remarks: tuple[str, ...]
    """What a reader of the numbers should know: who was left out, and why."""


def prepare(bank: Bank, units: Units, split: Split, chosen: Sequence[ChosenSet]) -> Study:
    """Bring units, sides and vectors together. All feature sets are compared on the same units: those that each of them holds.

    Raises:
        UsageError: no set holds a vector of any unit, or no unit is left.
    """
    plural = f"{units.unit}s"
    remarks = [f"{units.unknown} {plural} with an uncertain label are left out"] if units.unknown else []
    gathered = [unit_features(bank, one.features, units, one.pool, one.name) for one in chosen]
    empty = [one.name for one in gathered if not one.present.any()]
    remarks += [f"{name} holds no vectors of {plural} labelled for {units.finding!r}: it is left out" for name in empty]
    gathered = [one for one in gathered if one.present.any()]
    if not gathered:
        names = ", ".join(one.name for one in chosen)
        raise UsageError(f"none of the feature sets {names} holds vectors of {plural} labelled for {units.finding!r}; embed them first")
    keep = split.sides != ""
    if not keep.all():
        remarks.append(f"{int((~keep).sum())} of {len(units)} {plural} have no side in split {split.name!r}: they are left out")
    lacking = {one.name: int((keep & ~one.present).sum()) for one in gathered}
    remarks += [f"{n} of {len(units)} {plural} have no vector in {name}: they are left out of all sets" for name, n in lacking.items() if n]
    keep &= np.all([one.present for one in gathered], axis=0)
    rows = np.flatnonzero(keep)
    if not len(rows):
        raise UsageError(f"no {units.unit} has a side and a vector in each of {', '.join(one.name for one in gathered)}; choose fewer sets")
    left = units.of(rows)
    sides = Split(split.name, split.sides[rows], split.rows)
    remarks += _shared_content(bank, left, sides)
    features = tuple(UnitFeatures(one.name, one.key, one.pool, one.X[rows], one.present[rows]) for one in gathered)
    return Study(left, sides, features, tuple(remarks))


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
        "items": spec_digest([list(units.items), units.y.tolist(), study.split.sides.tolist()]),
        "features": [{"name": one.name, "digest": one.key.digest} for one in study.features],
        "scanbank": version("scanbank"),
    }


def _shared_content(bank: Bank, units: Units, split: Split) -> list[str]:
    """Scans of equal voxels on different sides: a patient under two names, or a copy, tests what was learned."""
    answer = bank.sql("SELECT volume, content FROM contents")
    content = dict(zip(answer.column("volume").to_pylist(), answer.column("content").to_pylist(), strict=True))
    sides: dict[str, set[str]] = defaultdict(set)
    for volume, side in zip(units.volumes.tolist(), split.sides.tolist(), strict=True):
        if volume in content:
            sides[content[volume]].add(side)
    both = sum(len(found) > 1 for found in sides.values())
    return [f"{both} scans of equal content lie on more than one side of split {split.name!r}: its results are flattered"] if both else []
