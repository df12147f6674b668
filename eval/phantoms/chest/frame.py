"""From a patient's millimetres to those of a reference body of ordinary build, in which anatomy is written down, and back."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from ..canvas import Canvas, Triple
from ..model import Patient
from ..seeds import generator

Floats = NDArray[np.floating[Any]]
"""Of single precision, unless a function says otherwise."""


@final
class Frame:
    """Scale, turn about the long axis and sideways bend of the spine. Triples and columns are (z, y, x)."""

    def __init__(self, patient: Patient) -> None:
        rng = generator(patient.seed, "frame")
        size = patient.size
        self.scale: Triple = (0.5 + 0.5 * size, size * float(rng.normal(1, 0.045)), size * float(rng.normal(1, 0.03)))
        self.turn = float(np.clip(rng.normal(0, 0.035), -0.09, 0.09))
        self.bend_mm = float(np.clip(rng.normal(0, 4), -11, 11))
        self.phase = float(rng.uniform(0, 2 * np.pi))

    def bent(self, z_mm: Floats | float) -> Floats:
        """How far to the left in mm the spine is at a height of the reference body."""
        return np.asarray(self.bend_mm * np.sin(np.asarray(z_mm) / 80 + self.phase), np.float32)

    def fields(self, canvas: Canvas) -> tuple[Floats, Floats, Floats]:
        """Reference (z, y, x) of the canvas: of shapes (Z, 1, 1), (1, Y, X) and (Z, Y, X)."""
        sine, cosine = np.float32(np.sin(self.turn)), np.float32(np.cos(self.turn))
        z = canvas.z / np.float32(self.scale[0])
        y = (canvas.y * cosine - canvas.x * sine) / np.float32(self.scale[1])
        flat = canvas.x * cosine + canvas.y * sine
        return z, y, (flat - self.bent(z)) / np.float32(self.scale[2])

    def world(self, points: object) -> NDArray[np.float64]:
        """Where points (..., 3) of the reference body are in the patient."""
        z, y, x = np.moveaxis(np.asarray(points, np.float64) * self.scale, -1, 0)
        sine, cosine = np.sin(self.turn), np.cos(self.turn)
        moved = x + self.bent(np.asarray(z / self.scale[0], np.float32))
        return np.stack([z, y * cosine + moved * sine, moved * cosine - y * sine], axis=-1)

    def point(self, z: float, y: float, x: float) -> Triple:
        """One point of the reference body in the patient."""
        there = self.world((z, y, x))
        return float(there[0]), float(there[1]), float(there[2])
