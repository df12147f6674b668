"""The head rest of the scanner: a thin shell with a cushion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..canvas import inside
from .scene import Scene


@dataclass(frozen=True)
class _Shape:
    radius_mm: float
    shell_mm: float
    shell_hu: float
    half_angle: float
    """Radians on either side of the lowest point."""


_SHAPES = {
    "curved": _Shape(104, 2.2, 60, 1.0),
    "flat": _Shape(150, 3.0, -80, 0.62),
    "thin": _Shape(112, 1.6, 160, 0.8),
    "wide": _Shape(98, 3.2, -30, 1.15),
}


def paint(scene: Scene) -> None:
    """Paint the source's head rest where there is air."""
    shape = _SHAPES[scene.study.source.table]
    lowest = 0.0
    canvas = scene.canvas
    back = np.flatnonzero((scene.skin < 0).any(axis=(0, 2)))
    lowest = float(canvas.y[0, back[-1], 0]) + 7
    middle = lowest - shape.radius_mm
    y, x = canvas.y[0], canvas.x[0]
    ring = np.sqrt((y - np.float32(middle)) ** 2 + x * x) - np.float32(shape.radius_mm)
    angle = np.abs(np.arctan2(x, y - np.float32(middle))) - np.float32(shape.half_angle)
    edge = np.maximum(angle * np.float32(shape.radius_mm), -y)
    shell = inside(np.maximum(np.abs(ring) - np.float32(shape.shell_mm / 2), edge), 1.2)
    cushion = inside(np.maximum(np.abs(ring + 5) - 4, edge), 1.5)
    hu = -1000 + cushion * 45
    hu += shell * (np.float32(shape.shell_hu) - hu)
    painted = np.broadcast_to(hu, canvas.shape)
    np.copyto(canvas.hu, painted, where=(canvas.hu < -950) & (painted > -990) & (scene.skin > 0.5))
