"""The brain: cortex folded by noise, white matter, deep gray nuclei, cerebellum with its leaves, and the water around all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy.ndimage import map_coordinates

from ..canvas import Box, Triple, ellipsoid, inside
from ..grids import smooth_noise
from . import ventricles
from .base import ridge_y
from .frame import Floats, single
from .scene import Scene, local
from .state import State

CSF_HU = 6.0
_FOLD_MM, _FOLD_RADIUS = 7.5, 46.0
"""Size of the folds on a sphere of this radius, onto which each hemisphere is projected."""
_FOLD_DEPTH_MM = 17.0
_CORTEX_MM = 3.4
_DEEP_BOX = ((14.0, -52.0, -50.0), (98.0, 68.0, 50.0))
_THIRD_BOX = ((38.0, -24.0, -20.0), (78.0, 22.0, 20.0))
_FOURTH_BOX = ((14.0, 12.0, -22.0), (48.0, 42.0, 22.0))
_STEM_BOX = ((-8.0, -34.0, -32.0), (66.0, 64.0, 32.0))
_INSULA_BOX = ((36.0, -40.0, -70.0), (80.0, 44.0, 70.0))
_NUCLEI_BOX = ((46.0, -44.0, -42.0), (86.0, 30.0, 42.0))
"""Corners (z, y, x) of the reference head between which structures lie."""


@final
@dataclass
class Brain:
    """Fields over `box` of the grid. Coordinates are those of the reference brain before it was shifted."""

    box: Box
    z: Floats
    y: Floats
    x: Floats
    bumps: Floats
    cavity: Floats
    """Signed distance in mm from the inner table and the floor of the skull, negative within."""
    vault: Floats
    """The same, from the inner table only."""
    depth: Floats
    """How deep in mm below the brain's surface, that of the medial sides too."""
    sulcal: Floats
    """Weight of the water outside the ventricles."""
    cisternal: Floats
    """The same, of the cisterns only."""
    sylvian: Floats
    ventricular: Floats
    gray: Floats
    white: Floats
    """Weight of white matter."""
    lower: Floats
    """Weight 0..1 of what lies below the tentorium."""
    deep: Box
    """Where the ventricles are, in the grid."""
    lateral: Floats
    third: Floats
    fourth: Floats
    """Signed distances in mm in `deep`."""
    shift: Floats
    """By how many mm (of the reference head) the brain is moved to the left."""

    @property
    def within(self) -> Floats:
        """Weight of the skull's cavity."""
        return inside(self.cavity, 1.0)

    def place(self, box: Box) -> Box:
        """A box of the grid in the indices of these fields."""
        return local(self.box, box)


def tentorium_z(y: Floats, x: Floats) -> Floats:
    return 60 - np.float32(0.42) * np.maximum(y - 22, 0) - np.float32(0.28) * np.abs(x)


def build(scene: Scene, state: State, taken: Floats | None, box: Box) -> Brain:
    """The fields of a brain; `taken` is how thick in mm blood over the brain is at each voxel of the box."""
    z, y, x = scene.reference(box)
    bumps = scene.bumps[box]
    cavity = cavity_of(scene, box)
    shift = np.float32(state.shift_mm) * _bulge(z, y, x) if state.shift_mm else np.zeros((1, 1, 1), np.float32)
    x = x - shift if state.shift_mm else x
    side = np.sign(x)
    across = np.abs(x)
    lower = inside(np.maximum(z - tentorium_z(y, x), ridge_y(across) - y - 2 - 30 * (across < 16)), 1.5)
    squeezed = np.where(x > 0, np.float32(state.squeeze[1]), np.float32(state.squeeze[0])) if max(state.squeeze) else np.float32(0)
    gap = np.float32(state.gap_mm) * (1 + 0.35 * bumps[:, :, ::-1] + np.clip(-y / 110, -0.3, 0.5)) * (1 - 0.9 * squeezed)
    depth = -cavity - np.maximum(gap, 0.2)
    vault = scene.outer[box] + scene.thick[box]
    if taken is not None:
        np.minimum(depth, -vault - taken, out=depth)
    reach = _FOLD_DEPTH_MM + 10 + abs(state.shift_mm)
    slab = local(box, scene.box((-8, -92, -reach), (147, 92, reach)))
    tight = squeezed[slab] if isinstance(squeezed, np.ndarray) else squeezed
    np.minimum(depth[slab], _medial(z[slab], y[slab], x[slab], state, bumps[slab], lower[slab], tight), out=depth[slab])
    fold = np.abs(_folds(scene, z, y, x, across, bumps, depth))
    half = np.float32(state.sulcus_mm) * (1 + 0.3 * bumps) * (1 - 0.95 * squeezed)
    upper = 1 - lower
    sulcus = inside(fold - half * np.clip(1.25 - depth / np.float32(_FOLD_DEPTH_MM), -1, 1.25), 1.0) * (depth < _FOLD_DEPTH_MM + 4) * upper
    surface = inside(depth, 1.0)
    ribbon = np.minimum(depth, fold + np.maximum(depth - _FOLD_DEPTH_MM, 0)) - np.float32(_CORTEX_MM)
    gray = inside(ribbon, 1.6) * upper
    sulcal = np.maximum(surface, sulcus)
    deep = scene.box(*_DEEP_BOX)
    inner = local(box, deep)
    at = (z[inner], y[inner], x[inner])

    def near(a: Triple, b: Triple, reach: float) -> Box:
        wide = max(abs(a[2]), abs(b[2])) + reach + abs(state.shift_mm)
        low, high = (min(a[0], b[0]) - reach, min(a[1], b[1]) - reach, -wide), (max(a[0], b[0]) + reach, max(a[1], b[1]) + reach, wide)
        return local(deep, scene.box(low, high))

    lateral = ventricles.lateral(at, state, side[inner], bumps[inner], near)
    third, fourth = (np.full(lateral.shape, 20, np.float32) for _ in range(2))
    for distance, shape, corners in ((third, ventricles.third, _THIRD_BOX), (fourth, ventricles.fourth, _FOURTH_BOX)):
        small = local(deep, scene.box(*corners))
        distance[small] = shape((at[0][small], at[1][small], at[2][small]), state)
    ventricular, cisternal, sylvian = (np.zeros_like(depth) for _ in range(3))
    ventricular[inner] = inside(np.minimum(np.minimum(lateral, third), fourth), 1.2)
    low = local(box, scene.box(*_STEM_BOX))
    at = (z[low], y[low], x[low])
    stem = ventricles.brainstem(at)
    cisternal[low] = inside(ventricles.cisterns(at, state, stem, bumps[low]), 1.2)
    wide = local(box, scene.box(*_INSULA_BOX))
    cleft = ventricles.insula((z[wide], y[wide], x[wide]), _cleft_mm(state, x[wide]), bumps[wide])
    sylvian[wide] = inside(cleft, 1.2) * upper[wide]
    gray[wide] = np.maximum(gray[wide], inside(cleft - 3.2, 1.6) * upper[wide])
    np.maximum(sulcal, sylvian, out=sulcal)
    np.maximum(sulcal, cisternal, out=sulcal)
    core = local(box, scene.box(*_NUCLEI_BOX))
    gray[core] = np.maximum(gray[core], _nuclei((z[core], y[core], x[core]), bumps[core]) * upper[core])
    leaves = _leaves(scene, z, y, x, lower, bumps, box)
    gray += lower * (0.62 + 0.25 * leaves - gray)
    sulcal = np.maximum(sulcal, lower * np.clip(1.3 * leaves - 0.95 + 0.4 * state.sulcus_mm, 0, 0.55) * (depth < 24))
    stem_weight = inside(stem, 2)
    gray[low] += stem_weight * (np.float32(0.25) - gray[low])
    sulcal[low] *= 1 - inside(stem + 0.5, 1.0)
    white = np.clip(1 - gray, 0, 1)
    return Brain(
        box,
        z,
        y,
        x,
        bumps,
        cavity,
        vault,
        depth,
        sulcal,
        cisternal,
        sylvian,
        ventricular,
        gray,
        white,
        lower,
        deep,
        lateral,
        third,
        fourth,
        shift,
    )


def cavity_of(scene: Scene, box: Box) -> Floats:
    """Signed distance in mm from the inside of the skull."""
    z, y, x = scene.reference(box)
    floor = scene.base.at(scene.base.floor, y, x)
    floor += np.float32(0.6) * scene.bumps[scene.canvas.box((-1, -1e3, -1e3), (1e3, 1e3, 1e3))][:, :, ::-1][box]
    cavity = np.maximum(scene.outer[box] + scene.thick[box], (floor - z) * np.float32(0.85))
    canal = local(box, scene.box((-14, -6, -24), (16, 40, 24)))
    tube = np.maximum(np.sqrt(x[canal] ** 2 + (y[canal] - 16) ** 2) - 12.5, z[canal] - 16)
    np.minimum(cavity[canal], tube, out=cavity[canal])
    return cavity


def _bulge(z: Floats, y: Floats, x: Floats) -> Floats:
    """How much of a shift each place takes part in: most at the septum, none at the skull."""
    flat = np.clip(1 - (x / 62) ** 2, 0, None) * np.clip(1 - ((y + 2) / 84) ** 2, 0, None)
    return (flat * np.exp(-(((z - 70) / 36) ** 2))).astype(np.float32)


def _cleft_mm(state: State, x: Floats) -> Floats | np.float32:
    """Half the width of the Sylvian fissure."""
    width = np.float32((0.35 + 0.55 * state.gap_mm) * (1 - 0.6 * state.edema))
    right, left = (width * np.float32(1 - 0.8 * s) - np.float32(0.8 * s) for s in state.squeeze)
    return np.where(x > 0, left, right) if left != right else width


def _medial(z: Floats, y: Floats, x: Floats, state: State, bumps: Floats, lower: Floats, squeezed: Floats | np.float32) -> Floats:
    """Depth below the hemispheres' medial surface, which ends at the corpus callosum."""
    callosum = 86 - np.float32(0.016) * (y - 2) ** 2
    closed = np.clip((callosum - z) * np.float32(0.8) + 2, 0, None)
    wide = np.float32(0.7 + 0.55 * state.gap_mm) * (1 + 0.3 * bumps[:, ::-1]) * (1 - 0.7 * squeezed)
    wide *= np.clip(1.1 - y / 160, 0.7, 1.6)
    return single(np.abs(x + 0.6 * bumps) - wide + closed + 40 * lower)


def _folds(scene: Scene, z: Floats, y: Floats, x: Floats, across: Floats, bumps: Floats, depth: Floats) -> Floats:
    """About the distance in mm from the nearest sulcus, with a sign; 9 deep below the surface. Sulci run square to the surface."""
    rng = scene.rng("folds")
    extent = int(2 * _FOLD_RADIUS / 2) + 6
    table = smooth_noise(rng, (extent, extent, 2 * extent), (2.0, 2.0, 2.0), _FOLD_MM)
    out = np.full(depth.shape, 9, np.float32)
    picked = np.flatnonzero((depth > -1.5) & (depth < _FOLD_DEPTH_MM + 5))
    flat_x, bump = x.ravel()[picked], bumps.ravel()[picked]
    up = z.ravel()[picked] - np.float32(72)
    back = y.ravel()[picked] * np.float32(0.82) + 3 * bump
    sideways = across.ravel()[picked] - np.float32(24)
    up += 2.5 * bump
    length = np.sqrt(up * up + back * back + sideways * sideways)
    scale = np.float32(_FOLD_RADIUS / 2) / np.maximum(length, 1)
    middle = np.float32(extent / 2)
    left = np.where(flat_x > 0, np.float32(extent), np.float32(0))
    places = np.stack([up * scale + middle, back * scale + middle, sideways * scale + middle + left])
    value = map_coordinates(table, places, order=1, mode="nearest", prefilter=False, output=np.float32)
    out.ravel()[picked] = value * np.float32(0.62 * _FOLD_MM) * np.clip(length / np.float32(_FOLD_RADIUS), 0.5, 1.4)
    return out


def _nuclei(at: tuple[Floats, Floats, Floats], bumps: Floats) -> Floats:
    """Caudate, putamen with pallidum, thalamus."""
    z, y, x = at
    across = np.abs(x)
    lens = ellipsoid((z, y, across - np.float32(0.22) * (y + 4)), (62, -5, 25), (11, 17, 6.0)) + 0.5 * bumps
    caudate = ellipsoid((z, y, across), (66, -20, 15), (11, 10, 5.5))
    body = ellipsoid((z, y, across), (78, 4, 17), (5, 18, 4))
    thalamus = ellipsoid((z, y, across - np.float32(0.3) * (y - 8)), (63, 8, 10), (10, 14, 8.5)) + 0.4 * bumps
    return np.maximum(np.maximum(inside(lens, 2.2), inside(caudate, 2)), np.maximum(inside(body, 2), 0.85 * inside(thalamus, 2.5)))


def _leaves(scene: Scene, z: Floats, y: Floats, x: Floats, lower: Floats, bumps: Floats, box: Box) -> Floats:
    """The cerebellum's leaves: arcs around the fourth ventricle, about -1 (white) to 1.5 (the gaps between)."""
    out = np.zeros_like(lower)
    part = local(box, scene.box((-20, -4, -66), (62, 86, 66)))
    z, y, x = z[part], y[part], x[part]
    radius = np.sqrt((x * np.float32(0.72)) ** 2 + (y - 20) ** 2 + ((z - 34) * np.float32(0.55)) ** 2)
    wave = np.cos((radius + 2.2 * bumps[part]) * np.float32(2 * np.pi / 6.4))
    core = inside(ellipsoid((z, y, np.abs(x)), (31, 32, 15), (11, 12, 13)), 8)
    out[part] = wave * np.clip((radius - 8) / 12, 0, 1) * (1 - core) - 1.5 * core
    return out
