"""What all painters of a head share: the canvas, the pose, distances from skin and skull, and the state that lesions leave the brain in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ..canvas import Box, Canvas
from ..model import Lesion, Study
from ..seeds import generator
from .base import Base
from .frame import Floats, Frame, single

Marked = tuple[Floats, Box]
"""Weights 0..1 of a lesion in a part of the grid."""

SIGN = {"left": 1.0, "right": -1.0}
"""Of x."""
_PERIOD = (16, 48, 48)
"""After how many voxels fine noise repeats."""


@final
@dataclass
class Scene:
    """Reference coordinates and signed distances in mm (negative inside), (Z, Y, X) each."""

    study: Study
    canvas: Canvas
    frame: Frame
    base: Base
    z: Floats
    y: Floats
    x: Floats
    bumps: Floats
    """Smooth noise of about 40 mm."""
    outer: Floats
    """From the outer table of the skull's vault."""
    skin: Floats
    thick: Floats
    """Thickness of the vault in mm."""

    def rng(self, *parts: object) -> np.random.Generator:
        """For anatomy: the same in all of a patient's studies."""
        return generator(self.study.patient.seed, "head", *parts)

    def has(self, finding: str) -> list[Lesion]:
        return [lesion for lesion in self.study.lesions if lesion.finding == finding]

    def distracted(self, name: str) -> bool:
        return name in self.study.distractors

    def box(self, low: tuple[float, float, float], high: tuple[float, float, float]) -> Box:
        """The part of the grid that holds a box of the reference head, given as (z, y, x) corners."""
        corners = np.array([self.frame.point(z, y, x) for z in (low[0], high[0]) for y in (low[1], high[1]) for x in (low[2], high[2])])
        least, most = corners.min(axis=0), corners.max(axis=0)
        return self.canvas.box((least[0], least[1], least[2]), (most[0], most[1], most[2]))

    def around(self, z: float, y: float, x: float, reach: float) -> Box:
        return self.box((z - reach, y - reach, x - reach), (z + reach, y + reach, x + reach))

    def reference(self, box: Box) -> tuple[Floats, Floats, Floats]:
        """Reference (z, y, x) in a part of the grid."""
        return self.z[box], self.y[box], self.x[box]

    def grain(self, box: Box, scale_mm: float, *parts: object) -> Floats:
        """Fine noise of standard deviation 1, repeated every few dozen voxels: cheaper than a field of its own."""
        index = [np.arange(s.start, s.stop) % p for s, p in zip(box, _PERIOD, strict=True)]
        return self._tile(scale_mm, parts)[np.ix_(*index)]

    def grain_at(self, picked: NDArray[np.intp], scale_mm: float, *parts: object) -> Floats:
        """The same at voxels given by their index in the flattened grid."""
        index = [i % p for i, p in zip(np.unravel_index(picked, self.canvas.shape), _PERIOD, strict=True)]
        return self._tile(scale_mm, parts)[index[0], index[1], index[2]]

    def _tile(self, scale_mm: float, parts: tuple[object, ...]) -> Floats:
        sd = [scale_mm / 2.4 / s for s in self.canvas.spacing_mm]
        tile = gaussian_filter(self.rng("grain", *parts).standard_normal(_PERIOD, dtype=np.float32), sd, mode="wrap", truncate=3)
        return single(tile / np.float32(tile.std()))


def local(outer: Box, inner: Box) -> Box:
    """A box of the grid in the indices of an array that covers `outer`; clipped to it."""
    edges = [
        slice(min(max(i.start, o.start), o.stop) - o.start, max(min(i.stop, o.stop), o.start) - o.start)
        for o, i in zip(outer, inner, strict=True)
    ]
    return edges[0], edges[1], edges[2]
