"""What a patient of the head cohort has: a cause first, from it the findings that go together; later what time makes of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..findings import HEAD_DISTRACTORS
from ..model import Lesion, Patient, Study
from ..seeds import generator
from .causes import cause_for, push
from .draw import Draw, fit_mm

_NORMAL = 0.23
"""Share of first studies with nothing."""
_SECOND_CAUSE = 0.05
_FRESH = 0.22
"""Share of later studies with something new."""
_LATER_BLOOD = {"acute": "subacute", "subacute": "chronic", "chronic": "chronic"}
_STAYS = {
    "intraparenchymal": 0.8,
    "subarachnoid": 0.5,
    "intraventricular": 0.6,
    "subdural": 0.8,
    "epidural": 0.6,
    "edema": 0.7,
    "infarct": 0.95,
    "fracture": 0.9,
    "hydrocephalus": 0.75,
    "pneumocephalus": 0.3,
}
"""Share of findings still there in the next study; shift and mass effect follow from these."""
_LASTING = {
    "calcified_falx": (0.06, 0.16),
    "calcified_choroid": (0.10, 0.14),
    "calcified_pineal": (0.13, 0.13),
    "calcified_basal_ganglia": (0.03, 0.13),
    "old_lacune": (0.02, 0.15),
    "arachnoid_cyst": (0.10, 0.10),
    "suture": (0.14, 0.10),
    "atrophy": (0.02, 0.30),
}
"""Shares of patients at 35 and at 80 years, in all of whose studies it is seen."""
_PASSING = {"motion": 0.12, "beam_hardening": 0.15, "dense_venous_sinus": 0.11, "scalp_swelling": 0.13, "prominent_vessels": 0.12}
"""Shares of studies."""


def plan_lesions(
    patient: Patient, age: int, previous: Study | None, rng: np.random.Generator
) -> tuple[tuple[Lesion, ...], tuple[str, ...]]:
    """Lesions and distractors of a study; with `previous`, blood has grown older, and some of it has gone."""
    draw = Draw(rng, age)
    if previous is not None:
        _aged(draw, previous)
    if draw.chance(_FRESH if previous is not None else 1 - _NORMAL):
        cause_for(draw).draw(draw)
        if draw.chance(_SECOND_CAUSE):
            cause_for(draw).draw(draw)
    push(draw)
    return tuple(draw.lesions), _distractors(draw, patient)


def _aged(draw: Draw, previous: Study) -> None:
    """What is left of the lesions of before."""
    for lesion in previous.lesions:
        if lesion.finding not in _STAYS or not draw.chance(_STAYS[lesion.finding]):
            continue
        factor = float(draw.rng.uniform(0.55, 1.0))
        kept = replace(lesion, severity=round(lesion.severity * factor, 3))
        if lesion.finding == "intraparenchymal":
            kept = replace(kept, variant="subacute", size_mm=fit_mm(lesion.finding, lesion.place, lesion.size_mm * (0.3 + 0.65 * factor)))
        elif lesion.finding == "subdural":
            kept = replace(kept, variant=_LATER_BLOOD[lesion.variant], severity=lesion.severity)
            kept = replace(kept, size_mm=fit_mm(lesion.finding, lesion.place, lesion.size_mm * float(draw.rng.uniform(0.5, 1.2))))
        elif lesion.finding == "epidural":
            kept = replace(kept, size_mm=fit_mm(lesion.finding, lesion.place, lesion.size_mm * factor))
        elif lesion.finding == "infarct":  # it darkens with time
            kept = replace(lesion, severity=round(min(1.0, lesion.severity * 0.6 + 0.45), 3))
        elif lesion.finding == "fracture":
            kept = lesion
        draw.lesions.append(kept)


def _distractors(draw: Draw, patient: Patient) -> tuple[str, ...]:
    own = generator(patient.seed, "head", "distractors")
    old = float(np.clip((patient.age - 35) / 45, 0, 1))
    lasting = {name: own.random() < young + old * (aged - young) for name, (young, aged) in _LASTING.items()}
    passing = {name: draw.chance(share) for name, share in _PASSING.items()}
    found = lasting | passing
    return tuple(name for name in HEAD_DISTRACTORS if found[name])
