"""The heart: its bag, chambers and fat, as large as patient and finding want it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from ..canvas import Box
from .frame import Floats
from .scene import FAT_HU, MUSCLE_HU, WATER_HU, Scene, within

_CENTRE = (-34.0, -34.0, 13.0)
# the long axis runs to the apex (down, forwards, left), the short ones to the left behind and upwards; (z, y, x)
_LONG = np.array([-0.45, -0.50, 0.74])
_BACK = np.array([0.0, 0.8287, 0.5597])
_AXES = np.stack([_LONG / np.sqrt((_LONG**2).sum()), _BACK])
_WIDTH_MM, _CHEST_MM = 110.0, 262.0
"""Of the bag below, and of the thorax inside the ribs, in the reference body."""

# centre and radii along (long, back, up), as parts of the heart's own axes
_BAG = ((0, 0, 0), (62, 48, 51))
_LEFT_VENTRICLE = ((11, 11, -4), (48, 30, 34))
_RIGHT_VENTRICLE = ((6, -21, -2), (48, 21, 36))
_RIGHT_ATRIUM = ((-34, -20, 2), (25, 26, 34))
_LEFT_ATRIUM = ((-30, 22, 16), (23, 30, 23))
_OUTFLOW = ((-14, -16, 26), (16, 14, 20))
# courses on the heart's surface, (long, back, up)
_CORONARIES = {
    "left_anterior_descending": ((-24, 2, 44), (-6, -6, 43), (16, -9, 40), (38, -9, 30)),
    "right_coronary": ((-22, -24, 32), (-27, -38, 16), (-26, -40, -8), (-20, -30, -28)),
    "circumflex": ((-22, 10, 42), (-20, 30, 32), (-12, 41, 12), (-6, 42, -8)),
}
_MUSCLE_MM = {"left": 10.5, "right": 3.5, "atrium": 2.5}


@final
@dataclass(frozen=True)
class Heart:
    """Where the heart is. `bag` is the signed distance in mm from the pericardium in `box`, `outer` that from fluid in it."""

    box: Box
    bag: Floats
    outer: Floats
    ratio: float
    """Cardiothoracic ratio: the width of the heart by that of the thorax inside the ribs."""
    grown: NDArray[np.float64]
    """Factors along (z, y, x)."""
    local: tuple[Floats, Floats, Floats]
    """Coordinates along the heart's axes, in reference mm of a heart of ordinary size."""

    def place(self, along: float, back: float, up: float) -> tuple[float, float, float]:
        """A point of the heart's own axes in the reference body."""
        rows = np.stack([*_AXES, _up()])
        offset = (np.array([along, back, up]) @ rows) * self.grown
        return _CENTRE[0] + offset[0], _CENTRE[1] + offset[1], _CENTRE[2] + _lean(self.grown) + offset[2]


def _up() -> NDArray[np.float64]:
    a, b = _AXES
    cross = np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
    return cross * np.sign(cross[0])


def _lean(grown: NDArray[np.float64]) -> float:
    """A large heart grows to the left."""
    return float(grown[2] - 1) * 14


def ratio_of(scene: Scene) -> float:
    """The cardiothoracic ratio of this study."""
    rng = scene.rng("heart")
    usual = float(rng.uniform(0.395, 0.47))
    borderline = float(rng.uniform(0.485, 0.525))
    if large := scene.has("cardiomegaly"):
        return 0.56 + 0.15 * large[0].severity
    return borderline if rng.random() < 0.12 else usual


def shape(scene: Scene) -> Heart:
    """Lay out the heart; nothing is painted."""
    ratio = ratio_of(scene)
    wide = ratio * _CHEST_MM / _WIDTH_MM
    grown = np.array([wide**0.55, wide**0.55, wide])
    centre = (_CENTRE[0], _CENTRE[1], _CENTRE[2] + _lean(grown))
    reach = np.array([64.0, 60.0, 66.0]) * grown + 26
    low, high = scene.frame.world(centre - reach), scene.frame.world(centre + reach)
    box = scene.canvas.box((low[0], low[1], low[2] - 8), (high[0], high[1], high[2] + 8))
    z, y, x = (c - np.float32(m) for c, m in zip(scene.reference(box), centre, strict=True))
    z, y, x = z / np.float32(grown[0]), y / np.float32(grown[1]), x / np.float32(grown[2])
    rows = [np.asarray(row, np.float32) for row in (*_AXES, _up())]
    along, back, up = (z * row[0] + y * row[1] + x * row[2] for row in rows)
    scale = np.float32(scene.study.patient.size * np.sqrt(grown[0] * grown[2]))
    bag = np.minimum(_chamber((along, back, up), *_BAG), _chamber((along, back, up), (-28, 18, 14), (25, 31, 26)))
    bag = bag * scale + scene.bumps[box] * np.float32(1.5)
    # it rests on the diaphragm, which flattens it below
    flat = (np.float32(-45) - z) * np.float32(grown[0] * scene.frame.scale[0])
    bag = np.maximum(bag, flat + scene.bumps[box])
    outer = bag
    if fluid := scene.has("pericardial_effusion"):
        low_lying = np.float32(0.7) + np.clip(np.float32(0.4) * (back / 44) - 0.3 * (up / 48), -0.45, 0.45)
        outer = np.maximum(bag - np.float32(fluid[0].size_mm) * low_lying, flat)
    return Heart(box, bag, outer, ratio, grown, (along, back, up))


def _chamber(local: tuple[Floats, Floats, Floats], centre: tuple[float, ...], radii: tuple[float, ...]) -> Floats:
    along, back, up = ((c - np.float32(m)) / np.float32(r) for c, m, r in zip(local, centre, radii, strict=True))
    return (np.sqrt(along**2 + back**2 + up**2) - 1) * np.float32(min(radii))


def paint(scene: Scene, heart: Heart) -> None:
    box, local = heart.box, heart.local
    rng = scene.rng("chambers")
    pad = "epicardial_fat" in scene.study.distractors
    above = within(-scene.wall[box] - 1000, 1.0) * within(scene.wall[box] + np.float32(2), 2.0)
    weight = within(heart.outer, 2.5) * above
    if scene.has("pericardial_effusion"):
        scene.paint(weight, WATER_HU + 4, box)
        scene.marks["pericardial_effusion"] = (weight * (1 - within(heart.bag, 1.5)), box)
    scene.paint(within(heart.bag + np.float32(1), 2.0) * above, FAT_HU + 10, box)
    scene.marks["cardiomegaly"] = (within(heart.bag, 2.0) * above, box)
    shrink = np.float32(4.0 if pad else float(rng.uniform(-3.5, 0)))
    scale = np.float32(scene.study.patient.size * np.sqrt(heart.grown[0] * heart.grown[2]))
    walls, cavities = [], []
    blood = {"left": scene.blood_hu, "right": scene.venous_hu}
    parts = (
        (_LEFT_VENTRICLE, "left", "left"),
        (_RIGHT_VENTRICLE, "right", "right"),
        (_OUTFLOW, "right", "right"),
        (_RIGHT_ATRIUM, "atrium", "right"),
        (_LEFT_ATRIUM, "atrium", "left"),
    )
    bumps = scene.bumps[box] * np.float32(0.8)
    for (centre, radii), muscle, side in parts:
        distance = _chamber(local, centre, radii) * scale + bumps + shrink
        walls.append(distance)
        cavities.append((distance + np.float32(_MUSCLE_MM[muscle]), side))
    tissue = MUSCLE_HU - 4 + (50 if scene.study.contrast else 0)
    scene.paint(within(np.maximum(np.minimum.reduce(walls), heart.bag + 2), 2.5) * above, tissue, box)
    for distance, side in cavities:
        scene.paint(within(distance, 3.0) * above, blood[side], box)
    scene.lines.update({name: [heart.place(*point) for point in points] for name, points in _CORONARIES.items()})
    line = np.clip(1.2 - np.abs(heart.bag), 0, 1) * above
    scene.paint(line * np.float32(0.6), 30.0, box)
