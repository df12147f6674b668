"""What a study's lesions and the patient's age do to the brain as a whole: shift, effacement, wide or tight spaces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..model import Lesion, Study
from ..seeds import generator
from .scene import SIGN


@dataclass(frozen=True)
class State:
    """Lengths in mm of the reference head; pairs are (right, left)."""

    shift_mm: float
    """Of the midline, towards the left (+x)."""
    squeeze: tuple[float, float]
    """How far mass effect has effaced sulci and ventricle of a side, 0..1."""
    ventricle: float
    """Factor of the ventricles' width."""
    horns: float
    """Factor of the temporal horns' width."""
    gap_mm: float
    """Width of the subarachnoid space over the convexity."""
    sulcus_mm: float
    """Half the width of a sulcus."""
    edema: float
    """Diffuse brain swelling, 0..1."""


def state_of(study: Study) -> State:
    rng = generator(study.patient.seed, "head", "state")
    old = float(np.clip((study.age - 50) / 42, 0, 1))
    atrophy = np.clip(old**1.3 * rng.uniform(0.35, 0.95) + (0.32 if "atrophy" in study.distractors else 0), 0, 1.1)
    ventricle = float(np.clip(rng.normal(0.85, 0.1), 0.65, 1.1)) + 0.75 * float(atrophy)
    horns, gap, sulcus = 0.75 + 0.5 * float(atrophy), 0.7 + 2.0 * float(atrophy), 0.45 + 0.95 * float(atrophy)
    shift, squeeze, swollen = 0.0, [0.0, 0.0], 0.0
    for lesion in study.lesions:
        if lesion.finding == "midline_shift":
            shift = SIGN[lesion.side] * lesion.size_mm
        elif lesion.finding == "mass_effect":
            squeeze[lesion.side == "left"] = 0.3 + 0.65 * lesion.severity
        elif lesion.finding == "hydrocephalus":
            ventricle = max(ventricle, 0.75) + 0.45 + 0.85 * lesion.severity
            horns += 1.1 + 1.9 * lesion.severity
            gap, sulcus = gap * (1 - 0.5 * lesion.severity), sulcus * (1 - 0.6 * lesion.severity)
        elif _swelling(lesion):
            swollen = 0.2 + 0.75 * lesion.severity
            gap, sulcus, ventricle = gap * (1 - 0.7 * swollen), sulcus * (1 - 0.85 * swollen), ventricle * (1 - 0.45 * swollen)
    return State(shift, (squeeze[0], squeeze[1]), ventricle, horns, gap, sulcus, swollen)


def _swelling(lesion: Lesion) -> bool:
    return lesion.finding == "edema" and lesion.place == "diffuse"
