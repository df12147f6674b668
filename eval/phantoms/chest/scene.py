"""What all painters of a chest share: the canvas, where the body is on it, and the fields that many of them need."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import final

import numpy as np

from ..canvas import Box, Canvas, Triple, inside
from ..model import Lesion, Study
from ..seeds import generator
from .frame import Floats, Frame
from .tubes import smooth_chain, tube

Marked = tuple[Floats, Box]
"""Weights 0..1 of a lesion in a part of the grid."""
WHOLE: Box = (slice(0, None), slice(0, None), slice(0, None))
"""All of the grid."""

FAT_HU, MUSCLE_HU, WATER_HU = -100.0, 52.0, 8.0


def within(distance_mm: Floats, edge_mm: float = 1.0) -> Floats:
    """A weight 0..1 from a signed distance (negative inside), falling over `edge_mm`."""
    return inside(np.asarray(distance_mm, np.float32), edge_mm)


@final
@dataclass
class Scene:
    """Reference coordinates `z` (Z, 1, 1), `y` (1, Y, X) and `x` (Z, Y, X); the other fields are (Z, Y, X)."""

    study: Study
    canvas: Canvas
    frame: Frame
    z: Floats
    y: Floats
    x: Floats
    bumps: Floats
    """Smooth noise of about 28 mm."""
    wall: Floats
    """Signed distance in mm from the inner wall of the thorax and abdomen."""
    skin: Floats
    """Signed distance in mm from the skin."""
    lung: Floats = field(default_factory=lambda: np.zeros((0, 0, 0), np.float32))
    """Signed distance in mm from the lungs' surface."""
    marks: dict[str, Marked] = field(default_factory=dict)
    """Parts of the anatomy that lesions refer to, by name."""
    lines: dict[str, list[tuple[float, float, float]]] = field(default_factory=dict)
    """Courses in the reference body (z, y, x), by name."""

    def rng(self, *parts: object) -> np.random.Generator:
        """For anatomy: the same in all of a patient's studies."""
        return generator(self.study.patient.seed, "chest", *parts)

    def has(self, finding: str) -> list[Lesion]:
        return [lesion for lesion in self.study.lesions if lesion.finding == finding]

    @cached_property
    def blood_hu(self) -> float:
        return float(generator(self.study.seed, "blood").uniform(150, 340)) if self.study.contrast else 42.0

    @cached_property
    def venous_hu(self) -> float:
        """Of veins and the right heart, which the iodine has passed or still fills."""
        return self.blood_hu * float(generator(self.study.seed, "veins").uniform(0.75, 1.25)) if self.study.contrast else 42.0

    @property
    def enhanced_hu(self) -> float:
        """Of tissue that takes up contrast, such as collapsed lung or a tumour: added to its own."""
        return 35.0 if self.study.contrast else 0.0

    def chain(self, points: list[tuple[float, float, float]], radii: list[float]) -> tuple[Floats, Box]:
        """Signed distance from a smooth tube through points of the reference body."""
        curve, wide = smooth_chain(self.frame.world(points), [r * self.study.patient.size for r in radii])
        return tube(self.canvas, curve, wide)

    def paint(self, weight: Floats, hu: float | Floats, box: Box | None = None) -> None:
        """Blend `hu` in by a weight 0..1, on the whole grid or in a part of it."""
        value = hu if isinstance(hu, (int, float)) else np.asarray(hu, np.float32)
        self.canvas.paint(np.asarray(weight, np.float32), value, box)

    def pipe(self, points: list[tuple[float, float, float]], radii: list[float], hu: float, edge_mm: float = 2.0) -> Marked:
        """Paint such a tube."""
        distance, box = self.chain(points, radii)
        weight = within(distance, edge_mm)
        self.paint(weight, hu, box)
        return weight, box

    def near(self, centre_mm: Triple, reach_mm: float) -> Box:
        return self.canvas.around(centre_mm, reach_mm)

    def reference(self, box: Box) -> tuple[Floats, Floats, Floats]:
        """Reference coordinates in a part of the grid, of shapes that go together."""
        return self.z[box[0]], self.y[:, box[1], box[2]], self.x[box]
