"""Below the diaphragm: liver, spleen, stomach with its gas, and fat."""

from __future__ import annotations

import numpy as np

from ..canvas import ellipsoid
from .frame import Floats
from .scene import Scene, within

_STOMACH = ((-94.0, -16.0, 52.0), (32.0, 46.0, 36.0))
_SPLEEN = ((-108.0, 42.0, 92.0), (36.0, 34.0, 27.0))
_KIDNEYS = ((-150.0, 48.0, 52.0), (26.0, 20.0, 22.0))


def paint(scene: Scene, dome: tuple[Floats, Floats]) -> None:
    """Fill what lies below the domes (reference z, (1, Y, X)) inside the wall."""
    canvas, size = scene.canvas, scene.study.patient.size
    top = float(dome[0].max()) * scene.frame.scale[0] + 6
    box = canvas.box((-1e6, -1e6, -1e6), (top, 1e6, 1e6))
    z, y, x = scene.reference(box)
    rng = scene.rng("abdomen")
    bumps = scene.bumps[box]
    below = (z - dome[0]) * dome[1] + np.float32(2.5)
    room = np.maximum(below, scene.wall[box] + np.float32(2.5))
    scene.paint(within(np.maximum(below - 2.5, scene.wall[box] + 1), 2.0), 50.0, box)  # the muscle of diaphragm and wall
    scene.paint(within(room, 2.0), np.float32(-103) + bumps * np.float32(8), box)
    enhanced = scene.study.contrast
    uptake = float(rng.uniform(25, 55))
    liver_hu = (62 - 40 * float(rng.beta(1.2, 6))) + uptake * enhanced
    reach = float(rng.normal(34, 12))
    edge = x - np.float32(reach) * np.clip((18 - y) / np.float32(60), -0.6, 1) + (z + 75) * np.float32(0.35)
    behind = y - 64 - np.clip((-x - 30) / np.float32(2), -22, 10)
    liver = np.maximum(np.maximum(room, edge * np.float32(0.8) + 5 * bumps), behind)
    liver = np.maximum(liver, 24 - np.sqrt(x**2 + (y - 46) ** 2))
    scene.paint(within(liver * np.float32(size), 2.5), liver_hu + 3 * bumps, box)
    if enhanced:
        veins = np.clip(0.16 - np.abs(bumps + np.float32(0.4)), 0, 0.08) * 12 * within(liver + 8, 3.0)
        scene.paint(veins, liver_hu + 35, box)
    _organs(scene, room, box, rng)


def _organs(scene: Scene, room: Floats, box: tuple[slice, slice, slice], rng: np.random.Generator) -> None:
    canvas, size = scene.canvas, scene.study.patient.size
    free = within(room, 2.0)
    bumps = scene.bumps[box]

    def organ(shape: tuple[tuple[float, float, float], tuple[float, float, float]], sign: int = 1) -> Floats:
        (z, y, x), radii = shape
        centre = scene.frame.point(z, y, sign * x)
        return ellipsoid(canvas.at(box), centre, (radii[0] * size, radii[1] * size, radii[2] * size), 2.3) + 3 * bumps

    for sign in (-1, 1):
        scene.paint(within(organ(_KIDNEYS, sign), 2.5) * free, 130.0 if scene.study.contrast else 34.0, box)
    scene.paint(within(organ(_SPLEEN), 2.5) * free, 115.0 if scene.study.contrast else 50.0, box)
    (z, y, x), radii = _STOMACH
    full = float(rng.uniform(0.62, 1.08))
    middle = (z + float(rng.normal(0, 6)), y + float(rng.normal(0, 7)), x + float(rng.normal(0, 7)))
    stomach = organ((middle, (radii[0] * full, radii[1] * full, radii[2] * full * float(rng.uniform(0.85, 1.2)))))
    stomach += 3 * bumps
    scene.paint(within(stomach, 2.5) * free, 42.0, box)
    hollow = within(stomach + np.float32(4), 2.0) * free
    scene.paint(hollow, 22 + 14 * bumps, box)
    level = scene.frame.point(-94, float(rng.uniform(-40, -8)), 52)[1]
    gas = hollow * within(canvas.at(box)[1] - np.float32(level), 2.0)  # gas rises: the level is flat in the room, not in the body
    scene.paint(gas, -980.0, box)
