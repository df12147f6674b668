"""Holes in the lungs: small round ones in the middle of lobules, rows of them under the pleura, and bullae."""

from __future__ import annotations

import numpy as np

from ..model import Lesion
from .scene import WHOLE, Marked, Scene, within

_HOLE_HU, _WALL_HU = -985.0, -640.0


def emphysema(scene: Scene, lesion: Lesion, rng: np.random.Generator) -> Marked:
    canvas, lung = scene.canvas, scene.lung
    upper = np.clip((scene.z + 25) / np.float32(60), 0, 1) if lesion.place == "upper_lobe" else np.float32(0.85)
    field = canvas.noise(rng, 9.0)
    # a level of the noise so high that only a small share of the lung lies above it in mild cases
    level = np.float32(1.65 - 1.25 * lesion.severity + {"centrilobular": 0.0, "paraseptal": 0.9, "bullous": 0.35}[lesion.variant])
    field -= level + np.float32(2.2) * (1 - upper)
    if lesion.variant == "paraseptal":
        rows = canvas.noise(rng, 12.0)
        edge = np.abs(lung + np.float32(5 + 3 * lesion.severity)) - np.float32(3 + 3 * lesion.severity)
        rows -= np.float32(0.55 - 0.8 * lesion.severity) + np.float32(1.6) * (1 - upper)
        np.minimum(rows, -edge * np.float32(0.5), out=rows)
        np.maximum(field, rows, out=field)
    weight = np.clip(field * np.float32(2.6) + np.float32(0.5), 0, 1)
    weight *= within(lung + np.float32(1.5), 2.0)
    canvas.hu += weight * np.clip(np.float32(_HOLE_HU) - canvas.hu, -400, 0) * np.float32(0.6 + 0.4 * lesion.severity)
    if lesion.variant == "paraseptal":
        walls = np.clip(np.float32(1) - np.abs(field + np.float32(0.25)) * 5, 0, 1) * within(lung + np.float32(1.5), 2.0)
        scene.paint(walls * np.float32(0.3), _WALL_HU)
    if lesion.variant == "bullous":
        _bullae(scene, lesion, weight, rng)
    return weight, WHOLE


def _bullae(scene: Scene, lesion: Lesion, weight: np.ndarray, rng: np.random.Generator) -> None:
    """Large ones with thin walls, against the pleura of the upper parts; added to the weight."""
    canvas = scene.canvas
    for _ in range(2 + round(5 * lesion.severity)):
        radius = float(rng.uniform(8, 12 + 22 * lesion.severity))
        sign = 1 if rng.random() < 0.5 else -1
        z = float(rng.uniform(30, 92) if lesion.place == "upper_lobe" else rng.uniform(-70, 92))
        turn = float(rng.uniform(0.15, 0.95)) * np.pi
        wide = float(np.interp(z, (-70, 40, 92), (82, 72, 34)))
        centre = scene.frame.point(z, 12 - 0.6 * wide * np.cos(turn), sign * (30 + (wide - 12) * np.sin(turn)))
        box = scene.near(centre, radius * 1.3)
        zz, yy, xx = (c - np.float32(m) for c, m in zip(canvas.at(box), centre, strict=True))
        distance = np.sqrt((zz * np.float32(rng.uniform(0.8, 1.1))) ** 2 + (yy * np.float32(rng.uniform(0.8, 1.2))) ** 2 + xx**2)
        distance += scene.bumps[box] * np.float32(0.08 * radius) - np.float32(radius)
        here = within(scene.lung[box] + np.float32(1.5), 2.0)
        rim = np.clip(1.3 - np.abs(distance), 0, 1) * here
        hollow = within(distance + np.float32(0.8), 1.5) * here
        scene.paint(hollow, _HOLE_HU, box)
        scene.paint(rim * np.float32(0.8), _WALL_HU + 70, box)
        np.maximum(weight[box], hollow, out=weight[box])
