"""Infarcts: territories that lose their contrast of gray and white, then darken."""

from __future__ import annotations

import numpy as np

from ..canvas import ellipsoid, inside
from ..model import Lesion
from .brain import Brain
from .frame import Floats, single
from .paint_brain import box_of
from .scene import SIGN, Marked, Scene

_LACUNES = ((66, -2, 24), (64, 8, 11), (76, 4, 24), (66, -18, 15))
_BOXES = {
    "middle_cerebral": ((32, -60, 8), (130, 62, 74)),
    "anterior_cerebral": ((56, -86, 0), (146, 45, 34)),
    "posterior_cerebral": ((36, 18, 0), (104, 92, 46)),
    "cerebellar": ((0, 0, 0), (58, 88, 66)),
    "lacunar": ((50, -34, 2), (90, 26, 40)),
}
"""Of each territory on the left: low and high (z, y, x)."""


def infarct(scene: Scene, lesion: Lesion, rng: np.random.Generator, brain: Brain) -> Marked:
    side = SIGN[lesion.side]
    low, high = _BOXES[lesion.place]
    near, far = (low[2], high[2]) if side > 0 else (-high[2], -low[2])
    part = brain.place(scene.box((low[0], low[1], near), (high[0], high[1], far)))
    box = box_of(brain, part)
    z, y, across = brain.z[part], brain.y[part], brain.x[part] * np.float32(side)
    noise = scene.canvas.noise(rng, 14.0, box)
    distance = _territory(lesion, rng, z, y, across) + 4.2 * noise * min(1.0, lesion.size_mm / 34)
    tissue = (1 - brain.sulcal[part]) * (1 - brain.ventricular[part]) * inside(brain.cavity[part] + 1.5, 2) * (across > 0)
    weight = single(inside(distance, 3.0 + 3.0 * (1 - lesion.severity)) * tissue)
    depth = 3.5 + 15 * lesion.severity
    # gray matter darkens most at first: the contrast goes before the density does
    fall = np.float32(0.45 * depth) + brain.gray[part] * np.float32(0.35 * depth + 3.5)
    fall = fall * np.clip(1 + 0.12 * noise, 0.6, 1.4)
    scene.canvas.hu[box] -= weight * fall * (scene.canvas.hu[box] < 60)
    return weight, box


def _territory(lesion: Lesion, rng: np.random.Generator, z: Floats, y: Floats, across: Floats) -> Floats:
    half = lesion.size_mm / 2
    lower = across * 0 + z  # the tentorium is crossed by no territory
    tent = 60 - np.float32(0.42) * np.maximum(y - 22, 0) - np.float32(0.28) * across
    if lesion.place == "lacunar":
        centre = _LACUNES[int(rng.integers(len(_LACUNES)))]
        return ellipsoid((z, y, across), (float(centre[0]), float(centre[1]), float(centre[2])), (half * 0.9, half, half * 0.75))
    if lesion.place == "middle_cerebral":
        middle = float(rng.uniform(-18, 22)) if half < 32 else float(rng.uniform(-6, 6))
        wedge = np.abs(y - middle - 0.1 * (across - 20)) - half * np.clip((across - 8) / 38, 0.15, 1.15)
        level = np.abs(z - float(rng.uniform(64, 84))) - max(14.0, 0.85 * half)
        return np.maximum(np.maximum(wedge * np.float32(0.8), level), np.maximum(18 - across, tent + 2 - lower))
    if lesion.place == "anterior_cerebral":
        middle = float(rng.uniform(-40, -5))
        level = np.abs(z - float(rng.uniform(92, 106))) - max(12.0, 0.6 * half)
        return np.maximum(np.maximum(np.abs(y - middle) - half, across - 14 - 0.1 * half), level)
    if lesion.place == "posterior_cerebral":
        reach = np.maximum(np.abs(across - 15) - 9 - 0.22 * half, 84 - 1.6 * half - y)
        return np.maximum(np.maximum(reach, np.abs(z - 66) - 8 - 0.4 * half), tent + 2 - lower)
    centre_z = float(rng.uniform(20, 34))
    reach = ellipsoid((z, y, across), (centre_z, 50, 26), (max(7.0, half * 0.7), half * 1.0, half * 0.95))
    return np.maximum(reach, lower - tent + 2)
