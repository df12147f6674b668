"""What a patient of the chest cohort has: diseases first, and from them the findings that go together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, final

import numpy as np

from ..findings import CHEST, CHEST_DISTRACTORS
from ..model import Lesion, Patient, Side, Study
from ..seeds import generator

_SPECS = {spec.name: spec for spec in CHEST}
_NORMAL = 0.06
"""Share of studies with nothing, but what chance adds later to a patient's next."""
_LONE = {
    "nodule": 0.14,
    "mass": 0.04,
    "consolidation": 0.06,
    "ground_glass_opacity": 0.08,
    "pleural_effusion": 0.07,
    "pneumothorax": 0.105,
    "cardiomegaly": 0.07,
    "pericardial_effusion": 0.10,
    "emphysema": 0.06,
    "coronary_calcification": 0.0,
    "lymphadenopathy": 0.08,
    "medical_device": 0.11,
}
"""How often a finding comes without a disease that explains it."""
_CHRONIC = ("nodule", "mass", "cardiomegaly", "emphysema", "coronary_calcification", "medical_device", "lymphadenopathy")
_STAYS = {"lymphadenopathy": 0.75, "mass": 0.9, "nodule": 0.93}
_TEMPORARY_DEVICES = ("endotracheal_tube", "venous_catheter")
_LASTS = 0.45
"""Share of acute findings that are still there, larger or smaller, in the next study."""
_DISTRACTED = (0.22, 0.34, 0.24, 0.14, 0.06)
"""Shares of studies with 0, 1, 2, ... distractors."""


@final
class _Draw:
    """Lesions of one study, as they are drawn."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.lesions: list[Lesion] = []

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def has(self, finding: str) -> bool:
        return any(lesion.finding == finding for lesion in self.lesions)

    def pick(self, options: tuple[Any, ...], weights: tuple[float, ...] | None = None) -> Any:
        share = None if weights is None else np.asarray(weights) / sum(weights)
        return options[int(self.rng.choice(len(options), p=share))]

    def add(self, finding: str, **fixed: Any) -> None:
        """One lesion; what is not fixed is drawn from the finding's specification. Only nodules may be several."""
        if self.has(finding) and finding != "nodule":
            return
        spec = _SPECS[finding]
        least, most = spec.size_mm
        severity = float(self.rng.uniform(0.04, 1))
        share = float(self.rng.beta(1.3, 2.0)) * 0.7 + 0.3 * severity
        drawn: dict[str, Any] = {
            "side": self.pick(spec.sides),
            "place": self.pick(spec.places),
            "size_mm": round(least + (most - least) * share, 1),
            "severity": round(severity, 3),
            "variant": self.pick(spec.variants),
            "seed": int(self.rng.integers(1 << 62)),
        }
        self.lesions.append(_consistent(Lesion(finding, **(drawn | fixed)), self))


def _consistent(lesion: Lesion, draw: _Draw) -> Lesion:
    """Side, place and variant as they occur together."""
    if lesion.finding == "ground_glass_opacity" and (lesion.variant == "diffuse" or lesion.place == "diffuse"):
        return replace(lesion, side="bilateral", place="diffuse", variant="diffuse" if lesion.variant == "patchy" else lesion.variant)
    if lesion.finding == "lymphadenopathy":
        sides: dict[str, tuple[Side, ...]] = {"subcarinal": ("midline",), "paratracheal": ("left", "right", "midline")}
        allowed = sides.get(lesion.place, ("left", "right"))
        return lesion if lesion.side in allowed else replace(lesion, side=draw.pick(allowed))
    if lesion.finding == "medical_device":
        if lesion.variant in ("endotracheal_tube", "sternal_wires"):
            return replace(lesion, side="midline")
        weights = {"pacemaker": (0.88, 0.12), "port": (0.25, 0.75), "venous_catheter": (0.3, 0.7)}[lesion.variant]
        return replace(lesion, side=draw.pick(("left", "right"), weights))
    if lesion.finding == "pleural_effusion" and lesion.side == "bilateral":
        return replace(lesion, variant="free")
    return lesion


def plan_lesions(
    patient: Patient, age: int, previous: Study | None, rng: np.random.Generator
) -> tuple[tuple[Lesion, ...], tuple[str, ...]]:
    """Lesions and distractors of a study. With `previous`, chronic lesions stay or grow, and acute ones shrink, go or come."""
    draw = _Draw(rng)
    if previous is None:
        _first(draw, age)
    else:
        _follow(draw, age, previous)
    order = list(_SPECS)
    lesions = tuple(sorted(draw.lesions, key=lambda lesion: order.index(lesion.finding)))
    return lesions, _distractors(patient, age, lesions, rng)


def _first(draw: _Draw, age: int) -> None:
    if draw.chance(_NORMAL):
        return
    old = float(np.clip((age - 40) / 40, 0, 1))
    if draw.chance(0.06 + 0.14 * old):
        _heart_failure(draw)
    if draw.chance(0.08 + 0.14 * old):
        _smoking(draw)
    if draw.chance(0.17):
        _infection(draw)
    if draw.chance(0.07 + 0.06 * old):
        _cancer(draw)
    if draw.chance(0.05):
        _intensive_care(draw)
    if draw.chance(0.04 + 0.42 * old):
        _calcified(draw, old)
    for finding, share in _LONE.items():
        if draw.chance(share):
            draw.add(finding)


def _heart_failure(draw: _Draw) -> None:
    draw.add("cardiomegaly")
    if draw.chance(0.62):
        side = draw.pick(("bilateral", "right", "left"), (0.7, 0.2, 0.1))
        draw.add("pleural_effusion", side=side, variant="free")
    if draw.chance(0.22):
        draw.add("ground_glass_opacity", side="bilateral", place="diffuse", variant="diffuse")
    if draw.chance(0.3):
        draw.add("medical_device", variant=draw.pick(("pacemaker", "sternal_wires"), (0.7, 0.3)))
    if draw.chance(0.14):
        draw.add("pericardial_effusion")
    if draw.chance(0.4):
        _calcified(draw, 0.8)


def _smoking(draw: _Draw) -> None:
    if draw.chance(0.85):
        draw.add("emphysema")
    for share in (0.30, 0.12):
        if draw.chance(share):
            draw.add("nodule", variant=draw.pick(_SPECS["nodule"].variants, (0.4, 0.15, 0.35, 0.1)))
    if draw.chance(0.15):
        draw.add("mass")
    if draw.chance(0.13):
        draw.add("pneumothorax")


def _infection(draw: _Draw) -> None:
    side = draw.pick(("left", "right", "bilateral"), (0.34, 0.42, 0.24))
    place = draw.pick(("lower_lobe", "middle_lobe", "upper_lobe"), (0.5, 0.2, 0.3))
    if draw.chance(0.72):
        draw.add("consolidation", side=side, place=place)
    if draw.chance(0.58):
        draw.add("ground_glass_opacity", side=side, place=place)
    if draw.chance(0.30):
        draw.add("pleural_effusion", side=side, size_mm=round(float(draw.rng.uniform(8, 32)), 1))
    if draw.chance(0.24):
        draw.add("lymphadenopathy", size_mm=round(float(draw.rng.uniform(13, 20)), 1))


def _cancer(draw: _Draw) -> None:
    side = draw.pick(("left", "right"))
    if draw.chance(0.62):
        draw.add("mass", side=side)
    for _ in range(int(draw.rng.integers(0, 4))):
        draw.add("nodule", variant=draw.pick(("solid", "spiculated"), (0.8, 0.2)))
    if draw.chance(0.55):
        place = draw.pick(_SPECS["lymphadenopathy"].places, (0.35, 0.25, 0.3, 0.1))
        draw.add("lymphadenopathy", place=place, side="midline" if place == "subcarinal" else side)
    if draw.chance(0.35):
        draw.add("pleural_effusion", side=side)
    if draw.chance(0.30):
        draw.add("medical_device", variant="port")


def _intensive_care(draw: _Draw) -> None:
    draw.add("medical_device", variant=draw.pick(_TEMPORARY_DEVICES))
    if draw.chance(0.5):
        draw.add("pleural_effusion", side=draw.pick(("bilateral", "left", "right"), (0.6, 0.2, 0.2)))
    if draw.chance(0.4):
        draw.add("consolidation", place="lower_lobe")
    if draw.chance(0.2):
        draw.add("pneumothorax")


def _calcified(draw: _Draw, old: float) -> None:
    place = draw.pick(_SPECS["coronary_calcification"].places, (0.42, 0.14, 0.12, 0.1 + 0.4 * old))
    draw.add("coronary_calcification", place=place)


def _follow(draw: _Draw, age: int, previous: Study) -> None:
    for lesion in previous.lesions:
        if lesion.finding in _CHRONIC and lesion.variant not in _TEMPORARY_DEVICES:
            if draw.chance(_STAYS.get(lesion.finding, 1.0)):
                draw.lesions.append(_later(lesion, draw))
        elif draw.chance(_LASTS):
            draw.lesions.append(_changed(lesion, float(draw.rng.uniform(0.35, 1.25))))
    news = 0.8 if previous.lesions else 0.6
    if draw.chance(news):
        if draw.chance(0.3):
            _infection(draw)
        for finding, share in _LONE.items():
            if draw.chance(share):
                draw.add(finding)
    if not draw.has("coronary_calcification") and draw.chance(0.05 * float(np.clip((age - 50) / 30, 0, 1))):
        _calcified(draw, 0.5)


def _later(lesion: Lesion, draw: _Draw) -> Lesion:
    """A chronic lesion in the next study: most often the same, else grown."""
    if lesion.finding == "medical_device" or draw.chance(0.55) or lesion.variant == "calcified":
        return lesion
    shrinks = lesion.finding in ("mass", "lymphadenopathy") and draw.chance(0.35)  # under treatment
    return _changed(lesion, float(draw.rng.uniform(0.75, 0.95) if shrinks else draw.rng.uniform(1.05, 1.4)))


def _changed(lesion: Lesion, factor: float) -> Lesion:
    least, most = _SPECS[lesion.finding].size_mm
    size = round(float(np.clip(lesion.size_mm * factor, least, most)), 1)
    return replace(lesion, size_mm=size, severity=round(float(np.clip(lesion.severity * factor, 0.04, 1)), 3))


def _distractors(patient: Patient, age: int, lesions: tuple[Lesion, ...], rng: np.random.Generator) -> tuple[str, ...]:
    """Few or several; those of the body, not of the moment, tend to come again."""
    old = float(np.clip((age - 45) / 35, 0, 1))
    present = {lesion.finding for lesion in lesions}
    own = generator(patient.seed, "habits")
    weights = dict.fromkeys(CHEST_DISTRACTORS, 1.0)
    weights |= {"aortic_calcification": 0.2 + 2.2 * old, "costal_calcification": 0.2 + 1.6 * old, "apical_scar": 0.5 + old}
    weights |= {"breathing_motion": 0.95, "beam_hardening": 0.95, "nipple_shadow": 0.9}
    if "lymphadenopathy" in present:
        weights["small_lymph_nodes"] = 0.0
    lasting = {name: own.random() for name in CHEST_DISTRACTORS}
    count = int(rng.choice(len(_DISTRACTED), p=_DISTRACTED))
    score = {name: weights[name] * (0.35 + lasting[name]) * float(rng.random()) ** 0.7 for name in CHEST_DISTRACTORS}
    best = sorted((name for name in CHEST_DISTRACTORS if score[name] > 0), key=lambda name: -score[name])[:count]
    return tuple(name for name in CHEST_DISTRACTORS if name in best)
