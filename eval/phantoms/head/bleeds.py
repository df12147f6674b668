"""Blood in the brain, in the water around it and in the ventricles; swelling around blood and tumours."""

from __future__ import annotations

import numpy as np

from ..canvas import inside
from ..model import Lesion
from ..seeds import generator
from .brain import Brain
from .extraaxial import blood_hu, sides
from .frame import Floats, single
from .paint_brain import box_of
from .places import blob, centre_of
from .scene import Marked, Scene

_SUBARACHNOID_HU = (34.0, 66.0)
_VENTRICULAR_HU = (44.0, 70.0)


def intraparenchymal(scene: Scene, lesion: Lesion, _rng: np.random.Generator, brain: Brain) -> Marked:
    distance, box = blob(scene, centre_of(lesion), lesion.size_mm, generator(lesion.seed, "blob"), margin_mm=10)
    box, part, distance = _clip(brain, box, distance)
    inner = inside(brain.cavity[part] + 0.8, 1.2)
    rim = 2.0 + 0.12 * lesion.size_mm * (1.5 if lesion.variant == "subacute" else 1.0)
    canvas = scene.canvas
    halo = inside(distance - rim, rim) * (1 - inside(distance, 2)) * inner * (0.35 + 0.65 * brain.white[part])
    canvas.hu[box] -= np.float32(6 + 5 * lesion.severity) * halo * (canvas.hu[box] < 60)
    edge = 1.6 if lesion.variant == "acute" else 5.0
    weight = inside(distance, edge) * inner
    mottled = scene.grain(box, 6.0, lesion.seed)
    hu = np.float32(blood_hu(lesion)) + 3 * mottled
    if lesion.size_mm < 26 and lesion.place in ("frontal", "temporal"):
        hu = hu - 9 * np.clip(mottled - 0.4, 0, 1.5)  # contusions are salt and pepper
    canvas.paint(weight, hu, box)
    return weight, box


def edema(scene: Scene, lesion: Lesion, rng: np.random.Generator, brain: Brain) -> Marked:
    """Dark white matter; the diffuse kind is already in the brain's fields."""
    if lesion.place == "diffuse":
        return brain.white * (1 - brain.lower) * brain.within * (1 - brain.sulcal) * (1 - brain.ventricular), brain.box
    cause = _bleed_at(scene, lesion)
    centre = centre_of(cause or lesion)
    extent = (cause.size_mm if cause else float(rng.uniform(14, 24))) + 12 + 26 * lesion.severity
    distance, box = blob(scene, centre, extent, generator(lesion.seed, "blob"), rough=0.34)
    box, part, distance = _clip(brain, box, distance)
    fingers = np.clip(1.25 * brain.white[part] - 0.1, 0, 1) + 0.35 * inside(distance + 0.3 * extent, 6)
    tissue = (1 - brain.sulcal[part]) * (1 - brain.ventricular[part]) * inside(brain.cavity[part] + 2, 2)
    weight = single(inside(distance, 6) * np.clip(fingers, 0, 1) * tissue)
    scene.canvas.hu[box] -= np.float32(4 + 10 * lesion.severity) * weight * (scene.canvas.hu[box] < 60)
    return weight, box


def subarachnoid(scene: Scene, lesion: Lesion, rng: np.random.Generator, brain: Brain) -> Marked:
    low, high = _SUBARACHNOID_HU
    hu = low + (high - low) * lesion.severity**0.8
    if lesion.place == "basal_cisterns":
        spread = 14 + 40 * lesion.severity
        water = np.maximum(brain.cisternal, brain.sylvian * (lesion.severity > 0.55))
        near = inside(np.sqrt((brain.y + 8) ** 2 + brain.x**2 + (brain.z - 46) ** 2) - spread, 10)
    elif lesion.place == "sylvian":
        water = brain.sylvian
        near = _of_sides(brain, lesion) * np.float32(0.65 + 0.35 * lesion.severity)
    else:
        water = brain.sulcal * (1 - brain.cisternal) * (brain.depth < 19)
        near = np.zeros(brain.x.shape, np.float32)
        for side in sides(lesion):
            centre = (float(rng.uniform(78, 116)), float(rng.uniform(-45, 45)), side * float(rng.uniform(34, 56)))
            apart = np.sqrt((brain.z - centre[0]) ** 2 + (brain.y - centre[1]) ** 2 + (brain.x - centre[2]) ** 2)
            patch = inside(apart - (14 + 32 * lesion.severity) + 5 * brain.bumps, 8) * (brain.x * np.float32(side) > 1)
            np.maximum(near, patch, out=near)
    weight = np.clip(1.5 * water, 0, 1) * near * brain.within * (1 - brain.ventricular)
    scene.canvas.paint(weight, hu, brain.box)
    return weight, brain.box


def intraventricular(scene: Scene, lesion: Lesion, _rng: np.random.Generator, brain: Brain) -> Marked:
    """Sunk to the back of the horns, or a cast of the whole."""
    part = brain.place(brain.deep)
    box = box_of(brain, part)
    low, high = _VENTRICULAR_HU
    y, x = brain.y[part], brain.x[part]
    grow = np.float32(0.4 + 1.6 * lesion.severity)
    if lesion.place == "lateral":
        level = 46 - 34 * lesion.severity if lesion.severity < 0.7 else -60
        own = [-x * np.float32(side) for side in sides(lesion)]
        distance = np.maximum(np.maximum(brain.lateral - grow, level - y), np.minimum.reduce(own))
    elif lesion.place == "third":
        distance = brain.third - grow
    else:
        distance = brain.fourth - grow
    weight = inside(distance, 1.6) * brain.within[part]
    hu = low + (high - low) * lesion.severity + 2.5 * scene.grain(box, 6.0, lesion.seed)
    scene.canvas.paint(weight, hu, box)
    return weight, box


def hydrocephalus(scene: Scene, lesion: Lesion, _rng: np.random.Generator, brain: Brain) -> Marked:
    """The wide ventricles are in the brain's fields; here water seeps into the white matter around the horns."""
    part = brain.place(brain.deep)
    box = box_of(brain, part)
    seep = np.exp(-np.maximum(brain.lateral, 0) / 4) * np.exp(-((np.abs(brain.y[part] + 4) - 34) ** 2) / 500)
    seep *= brain.white[part] * (1 - brain.ventricular[part]) * np.float32(9 * lesion.severity)
    scene.canvas.hu[box] -= seep * (scene.canvas.hu[box] < 50)
    return brain.ventricular[part], box


def _of_sides(brain: Brain, lesion: Lesion) -> Floats:
    if len(sides(lesion)) == 2:
        return np.ones((1, 1, 1), np.float32)
    return (brain.x * np.float32(sides(lesion)[0]) > 0).astype(np.float32)


def _bleed_at(scene: Scene, lesion: Lesion) -> Lesion | None:
    same = [bleed for bleed in scene.has("intraparenchymal") if (bleed.side, bleed.place) == (lesion.side, lesion.place)]
    return same[0] if same else None


def _clip(
    brain: Brain, box: tuple[slice, slice, slice], distance: Floats
) -> tuple[tuple[slice, slice, slice], tuple[slice, slice, slice], Floats]:
    """A box and what was computed in it, cut to where the brain's fields are: (box, the same within the fields, values)."""
    part = brain.place(box)
    inner = box_of(brain, part)
    cut = tuple(slice(i.start - b.start, i.stop - b.start) for i, b in zip(inner, box, strict=True))
    return inner, part, distance[cut]
