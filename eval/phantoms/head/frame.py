"""From a patient's millimetres to those of a reference head, in which anatomy is written down, and back."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from ..canvas import Canvas, Triple
from ..model import Patient
from ..seeds import generator

Floats = NDArray[np.float32]


def single(values: NDArray[Any]) -> Floats:
    """The same in single precision; no copy where it is that already."""
    return values.astype(np.float32, copy=False)


PIVOT_Z_MM = 70.0
"""Height about which the head turns, in the middle of the brain."""


@final
class Frame:
    """Scale, shape (long or short) and pose. Triples and columns are (z, y, x)."""

    def __init__(self, patient: Patient) -> None:
        rng = generator(patient.seed, "head", "frame")
        size = 1 + 0.6 * (patient.size - 1)
        long = float(np.clip(rng.normal(0, 0.035), -0.08, 0.08))
        self.scale: Triple = (size * float(np.clip(rng.normal(1, 0.025), 0.94, 1.06)), size * (1 + long), size * (1 - long))
        degrees = (np.clip(rng.normal(0, 3.5), -9, 9), np.clip(rng.normal(0, 2.2), -6, 6), np.clip(rng.normal(0, 4), -10, 10))
        yaw, roll, pitch = (float(np.deg2rad(d)) for d in degrees)
        self.turn = _turns(yaw, roll, pitch)
        """Columns are the reference head's axes in the patient's (z, y, x)."""

    def fields(self, canvas: Canvas) -> tuple[Floats, Floats, Floats]:
        """Reference (z, y, x) of every voxel, (Z, Y, X) each."""
        made: list[Floats] = []
        for axis in range(3):
            along = self.turn[:, axis] / self.scale[axis]
            plane = canvas.y * np.float32(along[1]) + canvas.x * np.float32(along[2])
            made.append(single((canvas.z - np.float32(PIVOT_Z_MM)) * np.float32(along[0]) + plane))
        made[0] += np.float32(PIVOT_Z_MM)
        return made[0], made[1], made[2]

    def point(self, z: float, y: float, x: float) -> Triple:
        """Where a point of the reference head is in the patient."""
        local = np.array([(z - PIVOT_Z_MM) * self.scale[0], y * self.scale[1], x * self.scale[2]])
        there = (self.turn * local).sum(axis=1)
        return float(there[0]) + PIVOT_Z_MM, float(there[1]), float(there[2])

    def height(self, z: float) -> float:
        """Z in the patient of a level on the head's long axis."""
        return self.point(z, 0.0, 0.0)[0]


def _turns(yaw: float, roll: float, pitch: float) -> NDArray[np.float64]:
    """Rotation about z, then y, then x, of (z, y, x) columns."""

    def about(first: int, second: int, angle: float) -> NDArray[np.float64]:
        matrix = np.eye(3)
        matrix[first, first] = matrix[second, second] = np.cos(angle)
        matrix[first, second], matrix[second, first] = -np.sin(angle), np.sin(angle)
        return matrix

    return about(1, 2, yaw) @ about(0, 2, roll) @ about(0, 1, pitch)
