"""Orbits with globes and muscles, nasal cavity, paranasal sinuses, cheekbones, jaw and the first vertebra."""

from __future__ import annotations

import numpy as np

from ..canvas import Triple, capsule, ellipsoid, inside
from .frame import Floats, single
from .scene import Scene
from .skull import AIR_HU, FAT_HU, MUSCLE_HU

_BONE_HU = 1050.0
_GLOBE_HU, _COAT_HU, _LENS_HU, _NERVE_HU = 9.0, 44.0, 78.0, 38.0
_RODS: tuple[tuple[Triple, Triple, tuple[float, float], float], ...] = (
    ((18, -62, 47), (18, -14, 66), (5, 3), _BONE_HU),  # zygomatic arch
    ((30, -72, 49), (16, -66, 44), (4, 6), _BONE_HU),  # lateral rim of the orbit
    ((44, -83, 14), (47, -80, 42), (3.5, 4), _BONE_HU),  # upper rim
    ((12, -82, 14), (14, -78, 40), (3, 4), _BONE_HU),  # lower rim
    ((40, -84, 4), (24, -90, 3), (3, 2), 800),  # bridge of the nose
    ((16, 2, 52), (-10, -4, 49), (7, 5), 1250),  # jaw
    ((18, -22, 48), (-10, -12, 50), (2.5, 6), 900),  # its front process
    ((24, -28, 15), (-6, -34, 16), (4, 3), 900),  # pterygoid
)
"""Start, end (z, y, x) on the left, radii, HU."""


def paint(scene: Scene) -> None:
    rng = scene.rng("face")
    _bones(scene)
    _neck(scene)
    for side in (-1, 1):
        _maxillary(scene, side, rng)
        _orbit(scene, side, rng)
    _nose(scene, rng)
    _sphenoid(scene, rng)


def _bones(scene: Scene) -> None:
    for start, end, radii, hu in _RODS:
        for side in (-1, 1):
            a, b = (start[0], start[1], side * start[2]), (end[0], end[1], side * end[2])
            reach = max(radii) + 3
            low = tuple(min(p, q) - reach for p, q in zip(a, b, strict=True))
            high = tuple(max(p, q) + reach for p, q in zip(a, b, strict=True))
            box = scene.box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
            distance = np.maximum(capsule(scene.reference(box), a, b, radii), scene.skin[box] + 2.5)
            grain = scene.grain(box, 3.0, "face")
            scene.canvas.paint(inside(distance, 1.5), hu + 90 * grain - inside(distance + 3, 2) * 350, box)


def _neck(scene: Scene) -> None:
    """Atlas and the tip of the dens around the spinal canal, where the grid reaches so low."""
    box = scene.box((-14, -14, -46), (9, 42, 46))
    z, y, x = scene.reference(box)
    ring = np.abs(np.sqrt(x * x + ((y - 15) * np.float32(1.05)) ** 2) - 19) - 4
    ring = np.maximum(ring, np.abs(z + 4) - 7)
    masses = ellipsoid((z, y, np.abs(x)), (-2, 6, 20), (9, 11, 9))
    dens = ellipsoid((z, y, x), (-4, -1, 0), (10, 5, 5))
    distance = np.minimum(np.minimum(ring, masses), dens)
    scene.canvas.paint(inside(distance, 1.5), 820 + 160 * scene.grain(box, 4.0, "atlas"), box)


def _cavity(scene: Scene, distance: Floats, box: tuple[slice, slice, slice], wall_mm: float, hu: float | Floats) -> None:
    """Something hollow in a thin wall of bone."""
    scene.canvas.paint(inside(distance - wall_mm, 1.2), _BONE_HU, box)
    scene.canvas.paint(inside(distance, 1.2), hu, box)


def _maxillary(scene: Scene, side: int, rng: np.random.Generator) -> None:
    box = scene.around(-2, -56, side * 27, 26)
    z, y, x = scene.reference(box)
    skew = single(0.35 * (y + 58) * side)  # wider in front, pointed behind
    distance = ellipsoid((z, y, single(x + 2 * scene.bumps[box] - skew)), (-2, -58, side * 26), (19, 19, 14.5))
    lining = float(rng.choice([0.0, 3.0, 9.0], p=[0.75, 0.17, 0.08]))
    _cavity(scene, distance, box, 1.6, np.where(z < -18 + 2 * lining, np.float32(25), np.float32(AIR_HU)) if lining else AIR_HU)


def _orbit(scene: Scene, side: int, rng: np.random.Generator) -> None:
    box = scene.box((6, -94, side * 30 - 27), (50, -20, side * 30 + 27))
    z, y, x = scene.reference(box)
    across = x * np.float32(side)
    cone = capsule((z, y, across), (27, -70, 31), (31, -30, 15), (17, 3))
    cone = np.maximum(cone, -96 - y + 0 * across)
    behind = inside(-88 - y, 3) * inside(scene.skin[box] + 1.5, 1)
    scene.canvas.paint(inside(cone - 2.0, 1.2) * inside(-75 - y, 2) * inside(scene.skin[box] + 2, 1), _BONE_HU, box)
    scene.canvas.paint(inside(cone, 1.2) * behind, FAT_HU, box)
    gaze = float(rng.normal(0, 1.2))
    for start, end, radii in (
        ((27, -58, 31), (31, -32, 16), (2.4, 1.8)),
        ((27, -66, 20), (31, -33, 13), (2.2, 1.3)),
        ((27, -66, 43), (31, -34, 18), (2.0, 1.3)),
        ((40, -66, 31), (33, -34, 16), (2.2, 1.3)),
        ((15, -66, 31), (29, -34, 16), (2.2, 1.3)),
    ):
        scene.canvas.paint(inside(capsule((z, y, across), start, end, radii), 1.2) * behind, _NERVE_HU + 8, box)
    globe = ellipsoid((z, y, across), (27, -73, 31), (12, 12.3, 12))
    scene.canvas.paint(inside(globe, 1.2), _COAT_HU, box)
    scene.canvas.paint(inside(globe + 1.4, 1.2), _GLOBE_HU, box)
    lens = ellipsoid((z, y, across), (27, -81.5, 31 + gaze), (4.6, 2.4, 4.6))
    scene.canvas.paint(inside(lens, 1.2), _LENS_HU, box)
    lid = inside(np.maximum(np.abs(globe - 2.2) - 1.5, y + 76), 1.2)
    scene.canvas.paint(lid, MUSCLE_HU - 15, box)


def _nose(scene: Scene, rng: np.random.Generator) -> None:
    """Nasal cavity with septum and turbinates below, ethmoid cells above."""
    box = scene.box((-12, -104, -18), (44, -24, 18))
    z, y, x = scene.reference(box)
    bend = float(rng.normal(0, 2.5))
    cells = scene.grain(box, 5.0, "ethmoid")
    wide = np.clip(5 + (y + 94) * 0.17, 4, 11) * np.clip(1.1 - (z - 8) * 0.012, 0.6, 1.25) - np.clip((y + 42) * 0.5, 0, 9)
    cavity = np.maximum(np.abs(x) + 1.5 * scene.bumps[box] - wide, np.maximum(np.maximum(-94 - y + np.maximum(z - 5, 0), y + 27), z - 40))
    _cavity(scene, cavity, box, 1.3, AIR_HU)
    septum = np.abs(x - np.float32(bend) * np.sin((y + 95) / 25)) - np.float32(0.9)
    walls = np.where(z > 20, np.minimum(septum, np.abs(cells) * 2.6 - 0.55), septum)
    scene.canvas.paint(inside(np.maximum(cavity, walls), 1.0), np.where(z > 20, np.float32(420), np.float32(130)), box)
    shell = np.abs(np.abs(x) - 8.5 - 1.2 * np.sin(y / 5)) - 2.6
    turbinate = np.maximum(np.maximum(cavity, shell), np.maximum(np.abs(np.mod(z, 13) - 6) - 4, -80 - y))
    scene.canvas.paint(inside(np.maximum(turbinate, z - 18), 1.2), 45, box)


def _sphenoid(scene: Scene, rng: np.random.Generator) -> None:
    box = scene.around(28, -22, 0, 24)
    z, y, x = scene.reference(box)
    wide, deep = float(rng.uniform(9, 14)), float(rng.uniform(8, 12))
    off = float(rng.normal(0, 2))
    distance = ellipsoid((z, y, x + 2 * scene.bumps[box]), (26, -25, off), (9, deep, wide), 2.6)
    _cavity(scene, distance, box, 1.5, AIR_HU)
    septum = np.maximum(distance, np.abs(x - off) - 0.7)
    scene.canvas.paint(inside(septum, 1.0), 500, box)
