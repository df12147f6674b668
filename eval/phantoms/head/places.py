"""Where a head's lesions lie: centres in the reference head for each place, and blobs around them."""

from __future__ import annotations

import numpy as np

from ..canvas import Box, Triple
from ..model import Lesion
from ..seeds import generator
from .frame import Floats, single
from .scene import SIGN, Scene

CENTRES: dict[str, Triple] = {
    "frontal": (82, -42, 27),
    "temporal": (44, -6, 46),
    "parietal": (98, 30, 30),
    "occipital": (68, 58, 22),
    "basal_ganglia": (64, -4, 27),
    "thalamus": (64, 8, 13),
    "cerebellum": (26, 44, 22),
}
"""(z, y, x) on the left."""
LARGEST_MM = {"frontal": 62, "temporal": 46, "parietal": 62, "occipital": 46, "basal_ganglia": 58, "thalamus": 34, "cerebellum": 42}
"""Greatest extent that a bleed takes at a place."""
_SPREAD = {"frontal": 10, "parietal": 9, "occipital": 5, "temporal": 5, "cerebellum": 4}
_SHRINK = 0.5
"""Roughness of a blob's surface takes up about this share of its amplitude beyond the outline."""


def centre_of(lesion: Lesion) -> Triple:
    """Of a lesion with a place among CENTRES; drawn from its seed."""
    rng = generator(lesion.seed, "centre")
    z, y, x = CENTRES[lesion.place]
    spread = _SPREAD.get(lesion.place, 1.5)
    dz, dy, dx = np.clip(rng.normal(0, 0.55, 3), -1, 1) * spread
    return z + float(dz), y + float(dy), SIGN[lesion.side] * (x + 0.6 * float(dx))


def blob(
    scene: Scene, centre: Triple, extent_mm: float, rng: np.random.Generator, rough: float = 0.22, margin_mm: float = 0.0
) -> tuple[Floats, Box]:
    """Signed distance from a rough ovoid of a greatest extent, longest from front to back."""
    half = extent_mm / 2
    flat = rng.uniform(0.65, 0.95, 2)
    radii = (half * float(flat[0]), half, half * float(flat[1]))
    box = scene.around(*centre, half * 1.25 + margin_mm + 3)
    z, y, x = scene.reference(box)
    angle = float(rng.normal(0, 0.35))
    across, along = x - np.float32(centre[2]), y - np.float32(centre[1])
    turned_y = along * np.float32(np.cos(angle)) + across * np.float32(np.sin(angle))
    turned_x = across * np.float32(np.cos(angle)) - along * np.float32(np.sin(angle))
    norm = np.sqrt(((z - np.float32(centre[0])) / radii[0]) ** 2 + (turned_y / radii[1]) ** 2 + (turned_x / radii[2]) ** 2)
    distance = (norm - 1) * np.float32(min(radii))
    noise = scene.canvas.noise(rng, max(6.0, half * 0.55), box)
    return single(distance + (noise + _SHRINK) * np.float32(rough * half * 0.6)), box
