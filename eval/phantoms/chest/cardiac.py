"""Findings of the heart: what of them is part of its shape, and calcium in its arteries."""

from __future__ import annotations

import numpy as np

from ..canvas import Box
from ..model import Lesion
from .scene import Marked, Scene
from .tubes import along_line, drops, smooth_chain

_VESSELS = ("left_anterior_descending", "right_coronary", "circumflex")


def cardiomegaly(scene: Scene, lesion: Lesion, rng: np.random.Generator) -> Marked:  # noqa: ARG001
    """The heart, which was painted large."""
    return scene.marks["cardiomegaly"]


def pericardial_effusion(scene: Scene, lesion: Lesion, rng: np.random.Generator) -> Marked:  # noqa: ARG001
    """The fluid, which was painted with the heart."""
    return scene.marks["pericardial_effusion"]


def coronary_calcification(scene: Scene, lesion: Lesion, rng: np.random.Generator) -> Marked:
    """Flecks and tracks of calcium along one artery or all three."""
    names = _VESSELS if lesion.place == "three_vessel" else (lesion.place,)
    points, radii = [], []
    for name in names:
        course, _ = smooth_chain(scene.frame.world(scene.lines[name]), [1.0, 1.0])
        line = along_line(course)
        first = int(rng.integers(2, max(3, len(line) // 4)))
        for _ in range(1 + int(rng.integers(0, 2)) + round(4 * lesion.severity)):
            length = int(rng.uniform(2, 4 + 12 * lesion.severity))
            points.append(line[first : first + length])
            radii.append(np.full(len(points[-1]), rng.uniform(0.9, 1.1 + 1.1 * lesion.severity)))
            first += length + int(rng.uniform(2, 12))
    beads = np.concatenate(points)
    low, high = beads.min(axis=0) - 14, beads.max(axis=0) + 14
    box: Box = scene.canvas.box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
    weight = drops(scene.canvas, beads, np.concatenate(radii), box)
    scene.paint(weight, 420 + 620 * lesion.severity, box)
    return weight, box
