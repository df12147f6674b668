"""Great vessels, windpipe, bronchi, gullet, thyroid and thymus."""

from __future__ import annotations

import numpy as np

from ..canvas import ellipsoid
from .frame import Floats
from .scene import Scene, within

Path = list[tuple[float, float, float]]

_AORTA: Path = [
    (-8, -24, 4),
    (14, -30, -8),
    (36, -26, -11),
    (50, -14, -5),
    (55, 4, 9),
    (50, 24, 20),
    (36, 34, 25),
    (10, 38, 25),
    (-40, 38, 22),
    (-90, 36, 16),
    (-150, 34, 8),
]
_AORTA_RADII = [14.5, 16, 15.5, 14.5, 13.5, 13, 12.5, 12, 11.5, 11, 10.5]
_TRACHEA: Path = [(150, 8, 0), (110, 10, 0), (70, 12, 2), (36, 16, 3)]
_BRONCHI: dict[int, list[tuple[Path, list[float]]]] = {
    -1: [
        ([(37, 16, 2), (26, 14, -16), (14, 14, -34)], [7.6, 7.2, 6.0]),
        ([(24, 14, -22), (30, 12, -44), (44, 8, -62)], [5.0, 4.0, 2.4]),
        ([(14, 14, -34), (-4, 18, -40), (-30, 30, -50)], [5.4, 4.4, 2.6]),
        ([(4, 14, -38), (-6, -4, -50), (-16, -26, -62)], [3.6, 3.0, 2.0]),
    ],
    1: [
        ([(37, 16, 3), (24, 17, 22), (10, 16, 42)], [7.0, 6.2, 5.4]),
        ([(14, 15, 38), (22, 4, 52), (36, -6, 64)], [4.6, 3.8, 2.4]),
        ([(10, 16, 42), (-8, 22, 46), (-34, 34, 56)], [5.0, 4.2, 2.6]),
    ],
}


# what leaves the arch; the great veins and the pulmonary arteries; the pulmonary veins
_BRANCHES: list[tuple[Path, list[float]]] = [
    ([(58, 0, 6), (75, -6, -6), (92, -6, -16), (120, 8, -26)], [7, 6.5, 6, 4]),
    ([(58, 4, 9), (85, 4, 10), (130, 14, 24)], [4.6, 4.2, 3.8]),
    ([(57, 12, 14), (82, 18, 22), (98, 6, 48), (94, 14, 100)], [5.4, 5, 4.6, 4]),
]
_VEINS: list[tuple[Path, list[float]]] = [
    ([(80, -16, -20), (40, -14, -27), (8, -18, -28), (-14, -22, -28)], [8.5, 9, 10, 11]),
    ([(78, -18, -18), (76, -24, 8), (90, -14, 32), (96, -4, 76)], [7, 6.5, 6, 5]),
    ([(80, -16, -20), (96, -10, -42), (94, 4, -84)], [7, 6, 5]),
    ([(92, -6, 28), (130, 4, 30)], [6, 5.4]),
    ([(90, -6, -30), (130, 4, -32)], [6.4, 5.8]),
    ([(44, 14, -22), (46, 26, -12), (36, 40, -6), (-40, 42, -4), (-120, 42, -3)], [4, 3.6, 3.2, 3, 2.6]),
    ([(-4, -42, 16), (10, -34, 20), (20, -16, 24), (20, 2, 36), (6, 10, 48)], [14, 14.5, 13, 10, 7]),
    ([(16, -14, 16), (11, -2, -8), (9, 2, -30), (2, 6, -44)], [11.5, 11, 9.5, 6.5]),
]
_CAVA: Path = [(-40, -4, -22), (-66, 4, -24), (-150, 18, -26)]
_PULMONARY_VEINS: list[Path] = [[(-14, 2, -18), (-12, 4, -36), (-16, 2, -46)], [(-16, 4, 22), (-14, 6, 36), (-18, 4, 46)]]


def paint(scene: Scene) -> None:
    age = scene.study.patient.age
    wide = 1.0 + 0.003 * (age - 55) + 0.05 * float(scene.rng("aorta").normal())
    arterial, venous = scene.blood_hu, scene.venous_hu
    distance, box = scene.chain(_AORTA, [r * wide for r in _AORTA_RADII])
    weight = within(distance, 2.2)
    scene.paint(weight, arterial, box)
    scene.marks["aorta"] = (distance, box)
    for path, radii in _BRANCHES:
        scene.pipe(path, radii, arterial)
    for path, radii in _VEINS:
        scene.pipe(path, radii, venous)
    # blood from the legs, which the iodine has hardly reached
    scene.pipe(_CAVA, [11.0, 12.0, 11.0], 0.35 * venous + 30)
    for path in _PULMONARY_VEINS:
        scene.pipe(path, [8.0, 7.0, 4.5], arterial)
    _gullet(scene)
    _airways(scene)
    _glands(scene)


def _gullet(scene: Scene) -> None:
    rng = scene.rng("gullet")
    path: Path = [(150, 24, 4), (80, 27, 5), (40, 29, 4), (0, 27, 6), (-50, 26, 12), (-88, 16, 22)]
    scene.pipe(path, [7.0, 6.5, 6.5, 7, 7.5, 8], 46.0)
    low = float(rng.uniform(-30, 70))
    scene.pipe([(low, 27, 5), (low + 30, 27, 4.5)], [1.8, 2.2], -600.0)


def _airways(scene: Scene) -> None:
    scene.pipe(_TRACHEA, [10.2, 10.2, 10.0, 10.4], 40.0)
    scene.marks["trachea"] = scene.pipe(_TRACHEA, [8.6, 8.6, 8.4, 9.0], -1000.0)
    for side in (-1, 1):
        for path, radii in _BRONCHI[side]:
            scene.pipe(path, [r + 1.4 for r in radii], -20.0)
        for path, radii in _BRONCHI[side]:
            scene.pipe(path, [r - 0.2 for r in radii], -1000.0)


def _glands(scene: Scene) -> None:
    """Thyroid, and what age leaves of the thymus."""
    canvas, size, age = scene.canvas, scene.study.patient.size, scene.study.patient.age
    hu = 170.0 if scene.study.contrast else 95.0
    for sign in (-1, 1):
        centre = scene.frame.point(124, 2, sign * 17)
        box = scene.near(centre, 28)
        scene.paint(within(ellipsoid(canvas.at(box), centre, (20 * size, 9 * size, 8 * size)), 2.0), hu, box)
    share = float(np.clip((48 - age) / 40, 0, 0.8))
    if share > 0:
        centre = scene.frame.point(40, -44, 4)
        box = scene.near(centre, 40)
        lump: Floats = ellipsoid(canvas.at(box), centre, (26 * size, 7 * size, 16 * size))
        scene.paint(within(lump, 4.0) * np.float32(share), 50.0, box)
