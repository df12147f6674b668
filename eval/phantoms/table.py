"""The scanner's table under a body: a thin shell with foam in it, shaped as each maker's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .canvas import Canvas, inside


@dataclass(frozen=True)
class _Shape:
    half_width_mm: float
    height_mm: float
    radius_mm: float
    """Of the hollow that the patient lies in; large for a flat table."""
    shell_mm: float
    shell_hu: float
    foam_hu: float


_SHAPES: dict[str, _Shape] = {
    "curved": _Shape(205, 38, 380, 2.6, -150, -950),
    "flat": _Shape(230, 30, 6000, 3.2, -60, -920),
    "thin": _Shape(190, 9, 520, 2.4, -260, -700),
    "wide": _Shape(260, 46, 1400, 2.8, -100, -965),
}
_MATTRESS_MM, _MATTRESS_HU = 7.0, -940.0


def paint_table(canvas: Canvas, kind: str, top_mm: float, middle_mm: float = 0.0) -> None:
    """Paint the table where there is air. `top_mm` (y) is where the body's lowest point lies, `middle_mm` (x) the table's middle."""
    shape = _SHAPES[kind]
    rise = shape.half_width_mm**2 / (2 * shape.radius_mm)
    box = canvas.box((-1e6, top_mm - rise - 4, -1e6), (1e6, top_mm + _MATTRESS_MM + shape.height_mm + 6, 1e6))
    part = canvas.hu[box]
    if not part.size:
        return
    _, y, x = canvas.at(box)
    across = np.abs(x - np.float32(middle_mm))
    hollow = np.float32(top_mm) - across**2 / np.float32(2 * shape.radius_mm)
    upper = hollow + np.float32(_MATTRESS_MM)
    # the underside rises towards the edges, so the section is a lens and not a box
    lower = upper + np.float32(shape.height_mm) * np.sqrt(np.clip(1 - (across / np.float32(shape.half_width_mm)) ** 4, 0, 1))
    solid = np.maximum(np.maximum(upper - y, y - lower), across - np.float32(shape.half_width_mm))
    mattress = np.maximum(np.maximum(hollow - y, y - upper), across - np.float32(0.8 * shape.half_width_mm))
    hu = np.full(solid.shape, -1000, np.float32)
    for distance, value in ((mattress, _MATTRESS_HU), (solid, shape.shell_hu), (solid + np.float32(shape.shell_mm), shape.foam_hu)):
        hu += inside(distance, 1.6) * (np.float32(value) - hu)
    np.copyto(part, np.broadcast_to(hu, part.shape), where=part < -930)
