"""Lesions of one study as they are drawn, each within what its finding's specification allows."""

from __future__ import annotations

from typing import Any, final

import numpy as np

from ..findings import HEAD
from ..model import Lesion, Side
from .places import LARGEST_MM

SPECS = {spec.name: spec for spec in HEAD}
_SEVERAL = ("intraparenchymal", "subarachnoid", "intraventricular", "subdural", "edema", "infarct", "fracture")
"""Findings that may be at more than one place."""
_SIDES: dict[tuple[str, str], tuple[Side, ...]] = {
    ("subarachnoid", "basal_cisterns"): ("midline", "bilateral"),
    ("subarachnoid", "sylvian"): ("left", "right", "bilateral"),
    ("subarachnoid", "convexity"): ("left", "right", "bilateral"),
    ("intraventricular", "third"): ("bilateral",),
    ("intraventricular", "fourth"): ("bilateral",),
    ("subdural", "tentorial"): ("left", "right"),
    ("subdural", "parafalcine"): ("left", "right"),
    ("edema", "diffuse"): ("bilateral",),
    ("pneumocephalus", "temporal"): ("left", "right"),
}
_INFARCT_MM = {
    "middle_cerebral": (22, 90),
    "anterior_cerebral": (18, 55),
    "posterior_cerebral": (20, 60),
    "cerebellar": (16, 50),
    "lacunar": (8, 15),
}
_SHEET_MM = {"tentorial": 9.0, "parafalcine": 10.0}
"""Greatest thickness of blood on the tentorium and the falx."""


@final
class Draw:
    def __init__(self, rng: np.random.Generator, age: int) -> None:
        self.rng = rng
        self.age = age
        self.lesions: list[Lesion] = []

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def pick(self, options: Any, weights: Any = None) -> Any:
        share = None if weights is None else np.asarray(weights, float) / sum(weights)
        return options[int(self.rng.choice(len(options), p=share))]

    def side(self) -> Side:
        return "left" if self.chance(0.5) else "right"

    def has(self, finding: str) -> bool:
        return any(lesion.finding == finding for lesion in self.lesions)

    def add(self, finding: str, *, low: float = 0.05, high: float = 1.0, size_mm: float | None = None, **fixed: Any) -> Lesion | None:
        """One lesion; what is not fixed is drawn. Severity is uniform between `low` and `high`.

        None where one is there already, or the place is none of the finding's.
        """
        spec = SPECS[finding]
        place = fixed.get("place") or self.pick(spec.places)
        side: Side = fixed.get("side") or self.pick(
            _SIDES.get((finding, place), tuple(s for s in spec.sides if s != "midline") or spec.sides)
        )
        allowed = _SIDES.get((finding, place), spec.sides)
        side = side if side in allowed else self.pick(allowed)
        taken = any(other.finding == finding and (finding not in _SEVERAL or other.place == place) for other in self.lesions)
        if taken or place not in spec.places:
            return None
        severity = float(self.rng.uniform(low, high))
        lesion = Lesion(
            finding,
            side,
            place,
            self._size(finding, place, severity) if size_mm is None else fit_mm(finding, place, size_mm),
            round(severity, 3),
            fixed.get("variant") or self.pick(spec.variants),
            int(self.rng.integers(1 << 62)),
        )
        self.lesions.append(lesion)
        return lesion

    def _size(self, finding: str, place: str, severity: float) -> float:
        least, most = _range(finding, place)
        if most == 0:
            return 0.0
        share = float(self.rng.beta(1.3, 1.9)) * 0.65 + 0.35 * severity
        return round(least + (most - least) * share, 1)


def fit_mm(finding: str, place: str, size_mm: float) -> float:
    """A size brought within what the finding may have at the place."""
    return round(float(np.clip(size_mm, *_range(finding, place))), 1)


def _range(finding: str, place: str) -> tuple[float, float]:
    least, most = SPECS[finding].size_mm
    if finding == "infarct":
        return _INFARCT_MM[place]
    if finding == "intraparenchymal":
        return least, LARGEST_MM[place]
    return least, _SHEET_MM.get(place, most)
