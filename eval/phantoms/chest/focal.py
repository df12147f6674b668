"""Nodules and masses, and where in a lobe there is room for one."""

from __future__ import annotations

import numpy as np

from ..canvas import Box, Triple
from ..model import Lesion
from .frame import Floats
from .lungs import lobe_heights
from .scene import Marked, Scene, within

_TRIES = 1500
_SPIKES = 14


def place(scene: Scene, lesion: Lesion, depth_mm: float, rng: np.random.Generator, side: str = "") -> Triple:
    """A point of the lesion's lobe at least `depth_mm` below the lung's surface and clear of the lobe's borders, or the best there is."""
    side = side or lesion.side
    spread = rng.random((_TRIES, 3))
    z = -115 + 205 * spread[:, 0]
    y = -70 + 145 * spread[:, 1]
    x = (22 + 100 * spread[:, 2]) * (1 if side == "left" else -1)
    at = scene.frame.world(np.stack([z, y, x], axis=1))
    index = np.rint((at - scene.canvas.origin_mm) / scene.canvas.spacing_mm).astype(int)
    index = np.clip(index, 0, np.asarray(scene.canvas.shape) - 1)
    depth = -scene.lung[index[:, 0], index[:, 1], index[:, 2]]
    oblique, level = lobe_heights(y.astype(np.float32), side == "right")
    behind = (oblique - z) * 0.77
    clear = {
        "lower_lobe": behind,
        "upper_lobe": np.minimum(-behind, z - level),
        "middle_lobe": np.minimum(-behind, level - z),
    }.get(lesion.place, np.full(_TRIES, 99.0))
    hilum = np.sqrt(z**2 + (y - 8) ** 2 + (np.abs(x) - 38) ** 2) - 22
    room = np.minimum(np.minimum(depth - depth_mm, clear - 0.5 * depth_mm), hilum)
    good = np.flatnonzero(room > 1)
    best = at[good[0]] if len(good) else at[int(room.argmax())]
    return float(best[0]), float(best[1]), float(best[2])


def blob(scene: Scene, centre: Triple, radius: float, rng: np.random.Generator, lumps: float, spikes: float) -> tuple[Floats, Box]:
    """Signed distance from a lump with smooth bumps (share of the radius) and spikes (share of the radius)."""
    box = scene.near(centre, radius * (1.35 + spikes) + 5)
    z, y, x = (c - np.float32(m) for c, m in zip(scene.canvas.at(box), centre, strict=True))
    stretch = np.exp(rng.normal(0, 0.09, 3))
    z, y, x = (c * np.float32(s) for c, s in zip((z, y, x), stretch, strict=True))
    gap = np.sqrt(z**2 + y**2 + x**2)
    distance = gap - np.float32(radius)
    distance += scene.canvas.noise(rng, max(0.6 * radius, 4.0), box) * np.float32(lumps * radius)
    if spikes:
        rays = rng.standard_normal((_SPIKES, 3))
        rays /= np.sqrt((rays**2).sum(axis=1, keepdims=True))
        pull = np.zeros_like(gap)
        for ray in rays.astype(np.float32):
            cosine = (z * ray[0] + y * ray[1] + x * ray[2]) / (gap + np.float32(1e-3))
            np.maximum(pull, np.clip(cosine, 0, 1) ** 40, out=pull)
        distance -= pull * np.float32(spikes * radius)
    return distance, box


def nodule(scene: Scene, lesion: Lesion, rng: np.random.Generator) -> Marked:
    radius = lesion.size_mm / 2
    centre = place(scene, lesion, radius + 3, rng)
    spikes = 0.8 if lesion.variant == "spiculated" else 0.0
    distance, box = blob(scene, centre, radius, rng, 0.10, spikes)
    weight = within(distance, 1.6)
    here = within(scene.lung[box] - np.float32(1), 2.0)
    if lesion.variant == "part_solid":
        scene.paint(within(distance, 3.0) * here, -640 + 170 * lesion.severity, box)
        core = within(distance + np.float32(0.5 * radius), 1.6)
        scene.paint(core * here, -80 + 100 * lesion.severity, box)
    elif lesion.variant == "calcified":
        scene.paint(weight * here, 180 + 420 * lesion.severity, box)
    else:
        scene.paint(weight * here, -170 + 210 * lesion.severity, box)
    return weight * here, box


def mass(scene: Scene, lesion: Lesion, rng: np.random.Generator) -> Marked:
    radius = lesion.size_mm / 2
    centre = place(scene, lesion, 0.72 * radius, rng)
    distance, box = blob(scene, centre, radius, rng, 0.09, 0.3 if lesion.variant == "spiculated" else 0.0)
    weight = within(distance, 2.5) * within(scene.lung[box] - np.float32(2), 2.5)
    grain = scene.canvas.noise(rng, 9.0, box)
    scene.paint(weight, 28 + 12 * lesion.severity + 0.7 * scene.enhanced_hu + 7 * grain, box)
    if lesion.variant == "cavitating":
        hollow = within(distance + np.float32(radius * (0.62 - 0.22 * lesion.severity)) + 0.1 * radius * grain, 2.0)
        scene.paint(hollow * weight, -900.0, box)
    else:
        dead = within(distance + np.float32(0.45 * radius), 8.0)  # the middle is poor in blood
        scene.paint(dead * weight * np.float32(0.6), 22.0, box)
    return weight, box
