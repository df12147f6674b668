"""Fluid and air between lung and chest wall."""

from __future__ import annotations

import numpy as np

from ..canvas import Box, ellipsoid
from ..model import Lesion
from .airspace import joined
from .frame import Floats
from .scene import WATER_HU, Marked, Scene, within

_SIGNS = {"left": (1,), "right": (-1,), "bilateral": (-1, 1)}
_COLLAPSING_MM = 25.0
_LINE_HU = -560.0
"""Of the visceral pleura, as thin as it is."""


def _half(scene: Scene, sign: int) -> Box:
    """The part of the grid that holds the lung of a side."""
    middle = scene.frame.point(0, 0, 0)[2]
    low, high = (middle - 45, 1e6) if sign > 0 else (-1e6, middle + 45)
    return scene.canvas.box((-1e6, -1e6, low), (1e6, 1e6, high))


def _cavity(scene: Scene, sign: int, box: Box) -> Floats:
    """Weights of the pleural cavity of a side."""
    return within(scene.lung[box] - np.float32(1.5), 2.5) * (scene.x[box] * sign > 0)


def effusion(scene: Scene, lesion: Lesion, rng: np.random.Generator) -> Marked:
    paint = _loculated if lesion.variant == "loculated" else _free
    return joined(scene, [paint(scene, lesion, sign, rng) for sign in _SIGNS[lesion.side]])


def _free(scene: Scene, lesion: Lesion, sign: int, rng: np.random.Generator) -> Marked:
    """A crescent along the back, thickest at the lowest part, that climbs the side as it grows."""
    canvas = scene.canvas
    box = _half(scene, sign)
    size = lesion.size_mm * float(rng.uniform(0.85, 1.0))
    z, y, _ = scene.reference(box)
    top = np.float32(-40 + 2.0 * size)
    height = np.clip((top - z) / np.float32(70), 0, 1) ** 0.6
    back = np.clip((y + np.float32(0.9 * size) - 25) / np.float32(55 + 0.9 * size), 0, 1)
    deep = -scene.wall[box]
    thick = np.float32(size) * height * back * (1 + np.float32(0.06) * scene.bumps[box])
    here = _cavity(scene, sign, box)
    fluid = within(deep - 1.5 - thick, 3.0) * here * (thick > 1)
    tight = np.clip((size - 14) / 30, 0, 1)
    if tight > 0:
        edge = deep - 1.5 - thick * np.float32(1.12) - np.float32(9 * tight) * height * back
        pressed = within(edge, 8.0) * here * (thick > 4)
        hu = canvas.hu[box]
        hu += pressed * np.clip(np.float32(38 + scene.enhanced_hu) - hu, 0, 2000) * np.float32(0.4 + 0.6 * tight)
    scene.paint(fluid, WATER_HU + 6 * lesion.severity, box)
    return fluid, box


def _loculated(scene: Scene, lesion: Lesion, sign: int, rng: np.random.Generator) -> Marked:
    """A lens against the wall that does not follow gravity."""
    canvas = scene.canvas
    z = float(rng.uniform(-75, 15))
    turn = float(rng.uniform(0.30, 0.85)) * np.pi
    centre = scene.frame.point(z, 4 - 66 * np.cos(turn), sign * (24 + 88 * np.sin(turn)))
    reach = 34 + lesion.size_mm
    box = canvas.around(centre, reach)
    distance = ellipsoid(canvas.at(box), centre, (26 + 0.9 * lesion.size_mm, 22 + 0.75 * lesion.size_mm, 22 + 0.75 * lesion.size_mm))
    lens = np.maximum(distance + 2 * scene.bumps[box], -scene.wall[box] - np.float32(lesion.size_mm + 2))
    weight = within(lens, 3.0) * _cavity(scene, sign, box)
    rim = within(lens - np.float32(3), 4.0) * _cavity(scene, sign, box)
    hu = canvas.hu[box]
    hu += rim * np.float32(0.7) * np.clip(np.float32(30 + scene.enhanced_hu) - hu, 0, 2000)
    scene.paint(weight, WATER_HU + 6, box)
    return weight, box


def pneumothorax(scene: Scene, lesion: Lesion, rng: np.random.Generator) -> Marked:  # noqa: ARG001
    """Air in front and at the apex, and the lung behind a thin line."""
    canvas = scene.canvas
    sign = _SIGNS[lesion.side][0]
    box = _half(scene, sign)
    size = np.float32(lesion.size_mm)
    z, y, x = scene.reference(box)
    spread = np.float32(0.25 + 0.6 * min(1.0, lesion.size_mm / 40))
    front = np.clip((np.float32(-25 + 75 * spread) - y) / np.float32(70), 0, 1)
    apex = np.clip((z - np.float32(78 - 60 * spread)) / np.float32(30), 0, 1)
    low = np.clip((z + np.float32(40 + 60 * spread)) / np.float32(40), 0, 1)
    gap = size * np.maximum(front * low, apex) * (1 + np.float32(0.07) * scene.bumps[box])
    deep = -scene.wall[box] - np.float32(1.5)
    if size > _COLLAPSING_MM:  # the lung leaves the mediastinum too; it still rests on the diaphragm
        deep = np.minimum(deep, (np.abs(x) - 24) + (60 - size))
    here = within(scene.lung[box], 2.0) * (x * sign > 0)
    air = within(deep - gap, 2.0) * here * (gap > 1.5)
    shrunk = np.clip((lesion.size_mm - 12) / 40, 0, 1) * 110
    hu = canvas.hu[box]
    hu += here * (1 - air) * np.float32(shrunk)
    line = np.clip(1.6 - np.abs(deep - gap - 1.0), 0, 1) * here * (gap > 1.5)
    scene.paint(air, -1000.0, box)
    scene.paint(line * np.float32(0.75), _LINE_HU, box)
    return air, box
