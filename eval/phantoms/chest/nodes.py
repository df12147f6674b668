"""Enlarged lymph nodes."""

from __future__ import annotations

import numpy as np

from ..model import Lesion
from .airspace import joined
from .focal import blob
from .scene import Marked, Scene, within

# reference (z, y, x) of the largest node; x is mirrored for the right side
_PLACES = {
    ("paratracheal", "left"): (52, 2, 22),
    ("paratracheal", "right"): (58, 0, -20),
    ("paratracheal", "midline"): (64, -8, 2),
    ("subcarinal", "midline"): (14, 16, 2),
    ("hilar", "left"): (10, 10, 44),
    ("hilar", "right"): (4, 6, -44),
    ("axillary", "left"): (66, 6, 124),
    ("axillary", "right"): (66, 6, -124),
}
NODE_HU = 38.0


def lymphadenopathy(scene: Scene, lesion: Lesion, rng: np.random.Generator) -> Marked:
    """A cluster of which the largest has the lesion's size."""
    place = np.asarray(_PLACES[lesion.place, lesion.side], float) + rng.normal(0, 2, 3)
    centre = scene.frame.world(place)
    marks = []
    for index in range(1 + round(3 * lesion.severity)):
        radius = lesion.size_mm / 2 * (1.0 if index == 0 else float(rng.uniform(0.45, 0.8)))
        step = np.zeros(3) if index == 0 else rng.normal(0, 0.55 * lesion.size_mm, 3) * (1.2, 0.8, 0.6)
        at = centre + step
        distance, box = blob(scene, (float(at[0]), float(at[1]), float(at[2])), radius, rng, 0.07, 0.0)
        weight = within(distance, 2.2)
        scene.paint(weight, NODE_HU + 0.8 * scene.enhanced_hu, box)
        marks.append((weight, box))
    return joined(scene, marks)
