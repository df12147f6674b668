"""Fractures of the vault and air within the skull."""

from __future__ import annotations

import numpy as np

from ..canvas import Triple, ellipsoid, inside
from ..model import Lesion
from ..seeds import generator
from .brain import Brain
from .paint_brain import box_of
from .scene import SIGN, Marked, Scene
from .skull import AIR_HU

_POINTS: dict[str, Triple] = {"frontal": (88, -74, 36), "temporal": (52, -12, 66), "parietal": (104, 32, 50), "occipital": (56, 78, 34)}
"""(z, y, x) near the outer table on the left."""
_REACH_MM = 46.0


def fracture_point(lesion: Lesion) -> Triple:
    rng = generator(lesion.seed, "point")
    z, y, x = _POINTS[lesion.place]
    return z + float(rng.normal(0, 5)), y + float(rng.normal(0, 4)), SIGN[lesion.side] * (x + float(rng.normal(0, 3)))


def fracture(scene: Scene, lesion: Lesion, rng: np.random.Generator, _brain: Brain) -> Marked:
    point = fracture_point(lesion)
    swelling(scene, point, 4 + 6 * lesion.severity, float(rng.uniform(16, 26)))
    return (_depressed if lesion.variant == "depressed" else _linear)(scene, lesion, point, rng)


def swelling(scene: Scene, point: Triple, thick_mm: float, reach_mm: float) -> None:
    """A bruise of the scalp."""
    box = scene.around(*point, reach_mm + 14)
    z, y, x = scene.reference(box)
    apart = np.sqrt((z - point[0]) ** 2 + (y - point[1]) ** 2 + (x - point[2]) ** 2)
    raised = np.float32(thick_mm) * np.clip(1 - (apart / np.float32(reach_mm)) ** 2, 0, 1)
    skin, outer = scene.skin[box], scene.outer[box]
    weight = inside(np.maximum(skin - raised, 0.5 - outer), 1.2) * inside(apart - reach_mm, 5)
    scene.canvas.paint(weight * np.clip(raised / 2, 0, 1), 46 + 10 * scene.grain(box, 6.0, "bruise"), box)


def _linear(scene: Scene, lesion: Lesion, point: Triple, rng: np.random.Generator) -> Marked:
    """A crack across the shell, without a cortex of its own, nearly straight."""
    box = scene.around(*point, _REACH_MM)
    z, y, x = scene.reference(box)
    outer = scene.outer[box]
    normal = np.array([rng.normal(0, 0.55), rng.normal(0, 1), rng.normal(0, 0.45)])
    radial = np.array(point) - (70, 0, 0)
    radial /= np.linalg.norm(radial)
    normal -= (normal * radial).sum() * radial
    normal /= max(float(np.linalg.norm(normal)), 1e-3)
    n0, n1, n2 = (np.float32(n) for n in normal)
    plane = (z - np.float32(point[0])) * n0 + (y - np.float32(point[1])) * n1 + (x - np.float32(point[2])) * n2
    plane = plane + 1.1 * scene.canvas.noise(rng, 12.0, box)
    apart = np.sqrt((z - point[0]) ** 2 + (y - point[1]) ** 2 + (x - point[2]) ** 2)
    reach = 16 + 26 * lesion.severity
    half = np.float32(0.45 + 0.95 * lesion.severity)
    shell = np.maximum(np.maximum(outer, -outer - scene.thick[box]), apart - np.float32(reach))
    weight = inside(np.maximum(np.abs(plane) - half, shell), 1.2)
    scene.canvas.paint(weight, 60, box)
    return inside(np.maximum(np.abs(plane) - max(half, 1.0), shell), 1.2), box


def _depressed(scene: Scene, lesion: Lesion, point: Triple, rng: np.random.Generator) -> Marked:
    """A piece of the shell driven in."""
    reach = 11 + 12 * lesion.severity
    box = scene.around(*point, reach + 16)
    z, y, x = scene.reference(box)
    outer, thick = scene.outer[box], scene.thick[box]
    apart = np.sqrt((z - point[0]) ** 2 + (y - point[1]) ** 2 + (x - point[2]) ** 2) + 1.5 * scene.canvas.noise(rng, 9.0, box)
    piece = inside(apart - np.float32(reach), 1.5)
    driven = np.float32(3 + 8 * lesion.severity) * np.clip(1.4 - apart / np.float32(reach), 0.35, 1)
    scene.canvas.paint(piece * inside(np.maximum(outer - 1, -outer - thick), 1.2), 48, box)
    cracks = inside(-(np.abs(scene.canvas.noise(rng, 8.0, box)) * 5 - 0.7), 1.2)
    moved = outer + driven
    shell = np.maximum(moved, -moved - thick)
    weight = piece * inside(shell, 1.2)
    spongy = inside(shell + 2, 1.5)
    scene.canvas.paint(weight * cracks, 1400 - 650 * spongy, box)
    return inside(apart - np.float32(reach + 1), 1.5) * inside(np.maximum(outer, -outer - thick - driven), 1.2), box


def pneumocephalus(scene: Scene, lesion: Lesion, rng: np.random.Generator, brain: Brain) -> Marked:
    """Air that has risen to the front, and bubbles."""
    side = SIGN.get(lesion.side, 0.0)
    anchors: dict[str, Triple] = {"frontal": (82, -72, 20 * side), "temporal": (42, -34, 50 * side), "basal": (47, -20, 8 * side)}
    anchor = anchors[lesion.place]
    part = brain.place(scene.around(*anchor, 34))
    box = box_of(brain, part)
    at = scene.reference(box)
    found = np.full(at[0].shape, 99, np.float32)
    for _ in range(2 + int(7 * lesion.severity)):
        spread = rng.normal(0, 1, 3) * (9, 5, 8)
        radius = float(rng.uniform(1.6, 2.4 + 3.0 * lesion.severity))
        centre = (anchor[0] + float(spread[0]), anchor[1] + float(spread[1]), anchor[2] + float(spread[2]))
        np.minimum(found, ellipsoid(at, centre, (radius, radius, radius)), out=found)
    if lesion.place == "frontal" and lesion.severity > 0.3:
        rises = -brain.cavity[part] - np.float32(9 * lesion.severity) * np.clip((-at[1] - 52) / 22, 0, 1)
        own = np.abs(at[2]) - 30 if side == 0 else np.maximum(1.5 - at[2] * np.float32(side), at[2] * np.float32(side) - 38)
        found = np.minimum(found, np.maximum(np.maximum(rises, own), np.abs(at[0] - anchor[0]) - 12 - 14 * lesion.severity))
    weight = inside(np.maximum(found, brain.cavity[part] + 0.6), 1.0)
    scene.canvas.paint(weight, AIR_HU + 40, box)
    return weight, box
