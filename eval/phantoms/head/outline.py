"""The outlines of a head: skin, the skull's vault. From them a scene begins."""

from __future__ import annotations

import numpy as np

from ..canvas import Canvas, capsule, ellipsoid
from ..model import Study
from ..seeds import generator
from .base import Base
from .frame import PIVOT_Z_MM, Floats, Frame, single
from .scene import Scene

SPACING_MM = (2.4, 1.0, 1.0)
_CENTRE_Y, _CENTRE_Z = 2.0, 66.0
_RADII = (80.0, 91.0, 72.0)
"""(up, back, left) of the outer table, in mm of the reference head."""
_LOWER_SKULL, _LOWER_SKIN = 64.0, 165.0
"""How far skull and skin would reach down below their centre."""
_BOXY = 0.28
"""How far the shape goes from an ellipsoid to a box with round corners."""


def start(study: Study) -> Scene:
    """An empty scene: air, and where the head will be."""
    patient = study.patient
    frame = Frame(patient)
    up, back, left = frame.scale
    canvas = Canvas((0.0, -111 * back - 5, -84 * left - 8), (PIVOT_Z_MM + 84 * up + 9, 100 * back + 27, 84 * left + 8), SPACING_MM)
    rng = generator(patient.seed, "head", "outline")
    z, y, x = frame.fields(canvas)
    bumps = canvas.noise(generator(patient.seed, "head", "bumps"), 40.0)
    egg = np.float32(rng.uniform(0.0006, 0.0016))
    high, deep = z - np.float32(_CENTRE_Z), y - np.float32(_CENTRE_Y)
    wide = x / (1 + egg * y)
    wide += bumps * np.float32(1.3)
    upper = (high / np.float32(_RADII[0])) ** 2
    lower = high < 0
    squares_y, squares_x = (deep / np.float32(_RADII[1])) ** 2, (wide / np.float32(_RADII[2])) ** 2
    radius = np.sqrt(high * high + deep * deep + wide * wide)
    flat = single(squares_y + squares_x)
    quartic = single(squares_y * squares_y + squares_x * squares_x)
    skull = _distance(np.where(lower, upper * np.float32((_RADII[0] / _LOWER_SKULL) ** 2), upper), flat, quartic, radius)
    skin = _distance(np.where(lower, upper * np.float32((_RADII[0] / _LOWER_SKIN) ** 2), upper), flat, quartic, radius)
    scalp = np.float32(3.2 + 3.5 * patient.fat)
    skin -= scalp + np.float32(0.5) * bumps
    thick = (
        np.float32(rng.uniform(5.6, 8.2)) + np.float32(0.9) * bumps[:, ::-1] + np.float32(0.012) * np.abs(y) - np.float32(0.02) * np.abs(x)
    )
    scene = Scene(study, canvas, frame, Base(generator(patient.seed, "head", "base")), z, y, x, bumps, skull, skin, thick)
    _face(scene, rng)
    return scene


def _distance(square_z: Floats, flat: Floats, quartic: Floats, radius: Floats) -> Floats:
    """Millimetres along the radius from a rounded box: `radius` (1 - 1 / norm)."""
    norm = np.sqrt(square_z + flat)
    norm *= np.float32(1 - _BOXY)
    norm += np.float32(_BOXY) * np.sqrt(np.sqrt(square_z * square_z + quartic))
    np.maximum(norm, np.float32(0.05), out=norm)
    return single(radius - radius / norm)


def _face(scene: Scene, rng: np.random.Generator) -> None:
    """Nose, eye sockets and ears change the skin's outline."""
    box = scene.box((-10, -112, -26), (52, -70, 26))
    nose = capsule(scene.reference(box), (36, -90, 0), (6, -101 - float(rng.uniform(0, 4)), 0), (5, 11))
    np.minimum(scene.skin[box], nose, out=scene.skin[box])
    for side in (-1, 1):
        box = scene.around(27, -92, side * 32, 22)
        socket = ellipsoid(scene.reference(box), (27, -95, side * 35), (13, 8.5, 17))
        np.maximum(scene.skin[box], -socket, out=scene.skin[box])
        box = scene.around(22, 20, side * 76, 24)
        ear = ellipsoid(scene.reference(box), (22, 22, side * 75), (22, 11, 4 + float(rng.uniform(0, 2))))
        np.minimum(scene.skin[box], ear, out=scene.skin[box])
