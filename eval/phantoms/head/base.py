"""The floor of the skull as a height map over the reference head's (y, x): three fossae, their ridges, sella and clivus."""

from __future__ import annotations

from typing import final

import numpy as np

from .frame import Floats

_HALF_X, _HALF_Y = 100, 125


def wing_y(across: Floats) -> Floats:
    """Where the sphenoid's wing parts the anterior from the middle fossa, at a distance from the midline; mm."""
    return -22 - np.float32(0.62) * np.maximum(across - 12, 0)


def ridge_y(across: Floats) -> Floats:
    """Where the petrous ridge parts the middle from the posterior fossa."""
    return -4 + np.float32(0.62) * np.maximum(across - 10, 0)


@final
class Base:
    """Maps of 1 mm steps, looked up by `at`."""

    def __init__(self, rng: np.random.Generator) -> None:
        y = np.arange(-_HALF_Y, _HALF_Y + 1, dtype=np.float32)[:, None]
        x = np.arange(-_HALF_X, _HALF_X + 1, dtype=np.float32)[None, :]
        across = np.abs(x)
        lift = rng.normal(0, 1.2, 4).astype(np.float32)
        front = 38 + lift[0] + 4 * _bell(across, 0, 3) + 13 * _bell(across, 30, 15) * _bell(y, -62, 34) - np.float32(0.10) * (y + 45)
        middle = 25 + lift[1] + 5 * ((across - 38) / 24) ** 2 + 0 * y
        back = 9 + lift[2] + 9 * (across / 42) ** 2 + 0 * y
        wing, ridge = y - wing_y(across), y - ridge_y(across)
        floor = front + _step(wing, 2.5) * (middle - front)
        floor += _step(ridge, 3.5) * (back - floor)
        floor += np.maximum(47 - floor, 0) * _bell(wing, 0, 4) * _step(across - 9, 3)
        self.petrous = _bell(ridge, 1, 8) * _step(across - 10, 4) * _step(68 - across, 4)
        floor += np.maximum(39 + lift[3] - floor, 0) * _bell(ridge, 0, 7) * _step(across - 10, 4)
        central = _step(12 - across, 3) * _step(y + 26, 3) * _step(12 - y, 3)
        clivus = np.interp(y.ravel(), [-26, -20, -13, -8, -5, 9], [44, 43, 36, 37, 43, 9]).astype(np.float32)[:, None]
        floor += central * (clivus - floor)
        hole = np.sqrt((across / 14) ** 2 + ((y - 16) / 17) ** 2)
        self.hole = _step((1 - hole) * 14, 3)
        floor += self.hole * (-40 - floor)
        self.floor: Floats = floor.astype(np.float32)
        thick = 2.2 + 3.3 * _step(wing, 3) + 3 * _step(ridge, 4) + 17 * self.petrous + 16 * central
        self.thick: Floats = (thick + 5 * _bell(wing, 0, 5)).astype(np.float32)

    def at(self, field: Floats, y: Floats, x: Floats) -> Floats:
        """Values of one of the maps at reference coordinates, of the nearest millimetre."""
        rows = np.clip(y + np.float32(_HALF_Y + 0.5), 0, 2 * _HALF_Y).astype(np.int32)
        rows *= 2 * _HALF_X + 1
        rows += np.clip(x + np.float32(_HALF_X + 0.5), 0, 2 * _HALF_X).astype(np.int32)
        return field.ravel().take(rows)


def _bell(value: Floats, middle: float, width: float) -> Floats:
    return np.exp(-(((value - np.float32(middle)) / np.float32(width)) ** 2), dtype=np.float32)


def _step(value: Floats, width: float) -> Floats:
    """0 below, 1 above zero, smoothly over about `width`."""
    return (0.5 + 0.5 * np.tanh(value / np.float32(width))).astype(np.float32)
