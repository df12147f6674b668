"""Ventricles and cisterns of the reference brain, as signed distances in mm."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from ..canvas import Box, Triple, capsule, ellipsoid
from .frame import Floats, single
from .state import State

Coordinates = tuple[Floats, Floats, Floats]

_FAR_MM = 12.0
"""Beyond this from a ventricle distances are not told apart."""
_LATERAL: tuple[tuple[Triple, float], ...] = (
    ((63, -33, 12), 2.6),
    ((67, -24, 9.5), 4.0),
    ((70, -10, 7.5), 4.0),
    ((77, 4, 9.5), 4.4),
    ((79, 18, 14), 4.4),
    ((74, 32, 21), 5.2),
    ((67, 42, 24), 4.2),
    ((64, 56, 24), 1.8),
)
"""Frontal horn, body, atrium and occipital horn of the left ventricle, (z, y, x) and radius."""
_TEMPORAL: tuple[tuple[Triple, float], ...] = (((70, 34, 23), 4.2), ((57, 24, 31), 2.2), ((46, 6, 32), 1.5), ((42, -7, 29), 1.7))


def lateral(at: Coordinates, state: State, side: Floats, bumps: Floats, near: Callable[[Triple, Triple, float], Box]) -> Floats:
    """Both lateral ventricles, up to _FAR_MM. `side` is the sign of x; `near` gives the part of the arrays around two points on the
    left and their mirror images on the right.
    """
    z, y, x = at
    across = np.abs(x)
    inner = 1.2 + 0.25 * bumps
    found = np.full(x.shape, _FAR_MM, np.float32)
    wide = float(np.clip(state.ventricle, 0.4, 2.6))
    for chain, factor in ((_LATERAL, wide), (_TEMPORAL, state.horns)):
        for (start, r0), (end, r1) in pairwise(chain):
            centre = 1 + 0.16 * (wide - 1)
            a, b = (start[0], start[1], start[2] * centre), (end[0], end[1], end[2] * centre)
            box = near(a, b, max(r0, r1) * factor + _FAR_MM)
            tube = capsule((z[box], y[box], across[box]), a, b, (r0 * factor, r1 * factor))
            np.minimum(found[box], tube, out=found[box])
    # the head of the caudate bulges into the horn from the side
    caudate = ellipsoid((z, y, across), (66, -20, 17 + 5 * (wide - 1)), (11, 11, 6.2))
    found = np.maximum(found, -caudate - 0.4 * wide)
    found = np.maximum(found, inner - across)
    squeezed = np.where(side > 0, np.float32(state.squeeze[1]), np.float32(state.squeeze[0]))
    return single(found + squeezed * np.float32(3.2 * wide**0.5) + 0.4 * bumps)


def third(at: Coordinates, state: State) -> Floats:
    wide = float(np.clip(state.ventricle, 0.5, 2.6))
    slit = ellipsoid(at, (58, -1, 0), (10 + wide, 14, 12))
    squeeze = max(state.squeeze)
    return np.maximum(slit, np.abs(at[2]) - np.float32((0.5 + 1.5 * wide) * (1 - 0.55 * squeeze)))


def fourth(at: Coordinates, state: State) -> Floats:
    z, y, x = at
    wide = 0.75 + 0.25 * float(np.clip(state.ventricle, 0.5, 2.6))
    body = ellipsoid((z, y, x), (31, 27, 0), (11, 4.5 * wide, 8 * wide))
    return np.maximum(body, np.abs(x) * np.float32(0.5) - (y - 20) * np.float32(0.9) - 0.5)


def brainstem(at: Coordinates) -> Floats:
    z, y, x = at
    peduncles = capsule((z, y, np.abs(x)), (46, -1, 6), (52, 3, 7), 7.5)
    tectum = ellipsoid(at, (49, 9, 0), (9, 9, 11))
    pons = ellipsoid(at, (33, 5, 0), (14, 12.5, 15))
    medulla = capsule(at, (24, 10, 0), (-20, 14, 0), (8.5, 6.5))
    return np.minimum(np.minimum(peduncles, tectum), np.minimum(pons, medulla))


def cisterns(at: Coordinates, state: State, stem: Floats, bumps: Floats) -> Floats:
    """Suprasellar star, interpeduncular, ambient, quadrigeminal, prepontine cisterns and cisterna magna."""
    z, y, x = at
    across = np.abs(x)
    room = 0.65 + 0.35 * min(state.ventricle, 1.6) - 0.9 * state.edema - 0.45 * max(state.squeeze)
    angle = np.arctan2(x, y + 15)
    star = np.sqrt(x * x + (y + 15) ** 2) - np.float32(10 + 2 * room) * (1 + 0.28 * np.cos(5 * angle))
    star = np.maximum(star, np.abs(z - 47) - 5) + np.float32(2.5 * (1 - room))
    around = np.abs(stem - 1.0) - np.float32(1.15 * room) * np.clip(across / 9 - 0.35, 0.1, 1) * (1 + 0.4 * np.sin(y / 5 + bumps * 3))
    around = np.maximum(around, np.maximum(np.abs(z - 48) - 8, np.abs(y - 8) - 12))
    quadrigeminal = np.sqrt((z - 54) ** 2 * np.float32(0.6) + (y - 21 - across * 0.35) ** 2 * 2 + (x * np.float32(0.45)) ** 2) - np.float32(
        4.6 * room
    )
    prepontine = np.maximum(np.maximum(np.abs(stem - 1.2) - np.float32(1.4 * room), y + 1), z - 46)
    magna = ellipsoid(at, (12, 50, 0), (11, 8 * room, 10))
    below = np.maximum(np.abs(stem - 2.5) - 2.2, z - 16)  # around the medulla
    found = np.minimum(np.minimum(np.minimum(star, around), quadrigeminal), np.minimum(np.minimum(prepontine, magna), below))
    return found + 0.3 * bumps


def insula(at: Coordinates, width_mm: Floats | np.float32, bumps: Floats) -> Floats:
    """The Sylvian fissure: a cleft over the insula and its way to the surface, which rises towards the back."""
    z, y, x = at
    across = np.abs(x) + 1.2 * bumps
    cleft = np.abs(across - 38.5 - 0.03 * y + 0.004 * (y + 3) ** 2) - width_mm
    cleft = np.maximum(cleft, np.maximum(np.abs(y + 3) - 21, np.abs(z - 60) - 13))
    sheet = np.abs((z - 55 - 0.42 * (y + 12)) * np.float32(0.92) + 2.2 * bumps) - width_mm * np.float32(1.1)
    sheet = np.maximum(sheet, np.maximum(38 - across, np.abs(y + 2) - 30))
    stem = np.maximum(
        np.abs(y + 22 + 0.25 * (across - 20)) - width_mm * np.float32(1.1), np.maximum(np.abs(across - 27) - 13, np.abs(z - 50) - 4)
    )
    return np.minimum(np.minimum(cleft, sheet), stem)
