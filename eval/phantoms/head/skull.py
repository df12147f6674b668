"""Scalp, vault with diploe and sutures, and the base with petrous bones, mastoid cells and sinuses."""

from __future__ import annotations

import numpy as np

from ..canvas import capsule, ellipsoid, inside
from .base import ridge_y
from .frame import Floats
from .scene import SIGN, Scene

SKIN_HU, FAT_HU, MUSCLE_HU, AIR_HU = 22.0, -85.0, 52.0, -990.0
_CORTEX_HU, _DIPLOE_HU, _PETROUS_HU = 1480.0, 620.0, 1750.0
_TABLE_MM = 1.7
"""Thickness of the outer and of the inner table."""
_SKIN_MM = 1.8


def paint(scene: Scene) -> None:
    """All but the face and what is within the skull."""
    _soft(scene)
    _base(scene)
    _vault(scene)
    _petrous(scene)


def _soft(scene: Scene) -> None:
    """Skin, fat, temporal and nuchal muscles, up to the vault's outer table; the depths below the base are muscle and fat."""
    hu = scene.canvas.hu.ravel()
    picked = np.flatnonzero((scene.skin < 1) & ((scene.outer > -2.5) | ((scene.z < 26) & (scene.outer > -18))))
    skin, outer = scene.skin.ravel()[picked], scene.outer.ravel()[picked]
    z, y, x = (c.ravel()[picked] for c in (scene.z, scene.y, scene.x))
    texture = scene.grain_at(picked, 9.0, "flesh")
    flesh = np.full(len(picked), FAT_HU, np.float32) + 8 * texture
    temple = inside(
        np.maximum(np.abs(y + 24) - (34 + 0.2 * (z - 40)), np.maximum(z - 82 + 0.012 * (y + 20) ** 2, 42 - np.abs(x))), 4
    ) * inside(outer - 9, 3)
    nape = inside(np.maximum(18 - y, z - 34), 5)
    deep = inside(z - 34 + np.maximum(-y - 20, 0) * 0.3, 5) * inside(skin + 7, 4)
    muscle = np.maximum(temple, np.maximum(nape, deep) * inside(skin + 5, 3))
    muscle *= 1 - fascia(texture)
    flesh += muscle * (MUSCLE_HU - flesh)
    flesh += inside(-(skin + np.float32(_SKIN_MM)), 1.0) * (SKIN_HU - flesh)
    weight = inside(skin, 1.0)
    hu[picked] += weight * (flesh - hu[picked])


def fascia(texture: Floats) -> Floats:
    """Weight of the fat between muscles, from a noise field."""
    return 0.85 * inside(np.abs(texture - 0.35) * 5 - 0.8, 1.4)


def _base(scene: Scene) -> None:
    """Bone below the floor of the fossae, and soft tissue below that within the vault's outline."""
    top = scene.frame.height(62) + 12
    box = scene.canvas.box((-1, -1e3, -1e3), (top, 1e3, 1e3))
    z, y, x = scene.reference(box)
    part = scene.canvas.hu[box]
    outer = scene.outer[box]
    floor = scene.base.at(scene.base.floor, y, x)
    floor += np.float32(0.6) * scene.bumps[box][:, :, ::-1]
    over = z - floor
    below = inside(np.maximum(over, outer), 1.5)
    texture = scene.grain(box, 9.0, "flesh")
    flesh = np.float32(MUSCLE_HU) + fascia(texture) * np.float32(FAT_HU - MUSCLE_HU)
    part += below * (flesh - part)
    thick = scene.base.at(scene.base.thick, y, x)
    thick *= 1 + np.float32(0.12) * texture
    depth = np.maximum(over, -over - thick)
    bone = inside(np.maximum(depth, outer), 1.6)
    marrow = inside(depth + 3.5, 3)
    cells = scene.grain(box, 3.5, "base")
    value = np.float32(1150) + 130 * cells - marrow * (np.float32(480) - 90 * cells)
    part += bone * (value - part)


def _vault(scene: Scene) -> None:
    shell = scene.outer + scene.thick
    picked = np.flatnonzero((scene.outer < 1) & (shell > -1) & (scene.z > 4))
    hu = scene.canvas.hu.ravel()
    outer, shell = scene.outer.ravel()[picked], shell.ravel()[picked]
    z, y, x = (c.ravel()[picked] for c in (scene.z, scene.y, scene.x))
    floor = scene.base.at(scene.base.floor, y, x)
    present = inside(np.maximum(floor - 4 - z, np.where(y < 0, 24 - z, 8 - z) + 60 * scene.base.at(scene.base.hole, y, x)), 3)
    grain = scene.grain_at(picked, 3.2, "diploe")
    bumps = scene.bumps.ravel()[picked]
    spongy = inside(np.maximum(outer + _TABLE_MM, _TABLE_MM - shell), 1.2)
    bone = np.float32(_CORTEX_HU) + 60 * grain
    bone += spongy * (np.float32(_DIPLOE_HU) + 150 * grain + 70 * bumps - bone)
    wide = 2.3 if scene.distracted("suture") else 1.3
    gap = sutures(z, y, x, grain, outer)
    bone -= inside(np.abs(gap) - wide / 2, 1.2) * (bone - 300) * np.float32(0.85)
    weight = inside(np.maximum(outer, -shell), 1.0) * present
    hu[picked] += weight * (bone - hu[picked])
    _frontal_sinus(scene)


def sutures(z: Floats, y: Floats, x: Floats, grain: Floats, outer: Floats) -> Floats:
    """Distance in mm from the nearest suture: coronal, sagittal, lambdoid. They meander more in the outer table."""
    wobble = grain * np.clip(1.6 + 0.25 * outer, 0.4, 1.6)
    across = np.abs(x)
    coronal = y + 12 + np.float32(0.16) * across + wobble - (z - 100) * np.float32(0.2)
    coronal = np.where(z > 50, coronal, 99)
    sagittal = np.where((y > -8) & (y < 62) & (z > 90), x + wobble, 99)
    lambdoid = np.where((y > 30) & (z > 34), (z - 108) * np.float32(0.62) + across * np.float32(0.78) + wobble, 99)
    found = np.where(np.abs(coronal) < np.abs(sagittal), coronal, sagittal)
    return np.where(np.abs(lambdoid) < np.abs(found), lambdoid, found).astype(np.float32)


def _frontal_sinus(scene: Scene) -> None:
    rng = scene.rng("frontal sinus")
    if rng.random() < 0.08:
        return
    thick = float(rng.uniform(0.6, 1.25))
    for side in (-1, 1):
        high, wide = float(rng.uniform(9, 19)) * thick, float(rng.uniform(9, 20)) * thick
        box = scene.box((30, -102, -40), (84, -60, 40))
        z, y, x = scene.reference(box)
        outer = scene.outer[box]
        sheet = np.maximum(outer + 2.2, -(outer + 2.2 + np.float32(6.5 * thick)))
        lobes = ellipsoid((z, y, x + 3 * scene.bumps[box]), (47, -86, side * 0.62 * wide), (high, 14, 0.6 * wide))
        scene.canvas.paint(inside(np.maximum(lobes, sheet), 1.2), AIR_HU, box)


def _petrous(scene: Scene) -> None:
    """Dense labyrinths, mastoid cells, ear canals."""
    rng = scene.rng("petrous")
    for side in SIGN.values():
        box = scene.box((4, -12, side * 42 - 38), (48, 58, side * 42 + 38))
        z, y, x = scene.reference(box)
        across = x * np.float32(side)
        dense = capsule((z, y, across), (33, 3, 18), (31, 22, 48), (5, 8))
        weight = inside(np.maximum(dense, scene.outer[box] + 1), 2)
        grain = scene.grain(box, 3.0, "mastoid")
        scene.canvas.paint(weight, np.float32(_PETROUS_HU) + 160 * grain, box)
        mastoid = ellipsoid((z, y, across), (24, 33, 51), (19, 13, 11))
        mastoid = np.maximum(mastoid, scene.base.at(scene.base.floor, y, x) * -1 + z - 2 + 0 * across)
        near = np.maximum(mastoid, y - 60)
        scene.canvas.paint(inside(near - 2.5, 1.5) * inside(scene.skin[box] + 6, 2), 1180 + 120 * grain, box)
        airy = float(rng.uniform(-0.5, 0.5))
        scene.canvas.paint(inside(near + 1.2, 1.2) * inside(-(grain + airy) * 2, 1), AIR_HU + 120, box)
        cavity = ellipsoid((z, y, across), (31, 16, 42), (5, 5, 3))
        canal = capsule((z, y, across), (24, 14, 46), (23, 14, 80), (2.8, 3.6))
        scene.canvas.paint(inside(np.minimum(cavity, canal), 1.2), AIR_HU, box)
        meatus = capsule((z, y, across), (34, float(ridge_y(np.full(1, 24, np.float32))[0]) + 10, 12), (34, 12, 27), 2.4)
        scene.canvas.paint(inside(meatus, 1.5), 12, box)
