"""From the brain's fields to HU: tissue, water, falx, tentorium, venous sinuses, arteries, hardened beam."""

from __future__ import annotations

import numpy as np

from ..canvas import Triple, capsule, inside
from ..seeds import generator
from .brain import CSF_HU, Brain, tentorium_z
from .frame import Floats, single
from .scene import Scene
from .state import State

WHITE_HU, GRAY_HU = 28.0, 39.0
_DURA_HU, _BLOOD_HU = 46.0, 44.0
_ARTERIES: tuple[tuple[Triple, Triple], ...] = (
    ((46, -14, 7), (48, -18, 20)),
    ((48, -18, 20), (52, -16, 36)),
    ((48, -16, 4), (56, -30, 2)),
)
"""Left internal carotid to middle cerebral artery, anterior cerebral."""


def paint(scene: Scene, state: State, brain: Brain) -> None:
    rng = scene.rng("tissue")
    white = np.float32(WHITE_HU + rng.normal(0, 0.8) - 3.0 * state.edema)
    contrast = np.float32((GRAY_HU - WHITE_HU) * rng.uniform(0.85, 1.1) * (1 - 0.75 * state.edema))
    hu = white + contrast * brain.gray
    hu += 4.0 * np.exp(np.minimum(brain.cavity, 0) / 7)  # the beam is not fully corrected near bone
    hu += 0.8 * brain.bumps
    _leucoaraiosis(scene, brain, hu)
    water = np.maximum(brain.sulcal, brain.ventricular)
    hu += water * (np.float32(CSF_HU) + 2 * brain.bumps - hu)
    part = scene.canvas.hu[brain.box]
    part += brain.within * (hu - part)
    _dura(scene, brain)
    _vessels(scene)
    _hardening(scene, brain)


def _leucoaraiosis(scene: Scene, brain: Brain, hu: Floats) -> None:
    """Dark white matter around the ventricles in old age."""
    amount = np.clip((scene.study.age - 58) / 35, 0, 1) * scene.rng("leucoaraiosis").uniform(0, 1)
    part = brain.place(brain.deep)
    near = np.exp(-np.maximum(brain.lateral, 0) / 5)
    hu[part] -= np.float32(9 * amount) * near * brain.white[part]


def _dura(scene: Scene, brain: Brain) -> None:
    """Falx (it bends less than the brain), tentorium, sinuses."""
    canvas = scene.canvas
    box = scene.box((40, -86, -14), (146, 92, 14))
    part = brain.place(box)
    z, y, x = brain.z[part], brain.y[part], brain.x[part]
    whole = box_of(brain, part)
    x = x + np.float32(0.55) * np.broadcast_to(brain.shift, brain.cavity.shape)[part]
    lowest = 88 - np.float32(0.30) * np.maximum(y + 30, 0) + np.float32(0.5) * np.maximum(-y - 40, 0)
    sheet = np.abs(x + 0.35 * brain.bumps[part]) - np.float32(0.55) - np.clip(y, 0, 60) * np.float32(0.006)
    falx = inside(np.maximum(sheet, lowest - z), 1.0) * brain.within[part]
    canvas.paint(0.85 * falx, _DURA_HU + 2, whole)
    deep = -brain.cavity[part]
    dense = _BLOOD_HU + (16 if scene.distracted("dense_venous_sinus") else 6)
    dense += 110 if scene.study.contrast else 0
    sinus = inside(np.maximum(np.abs(x) * np.float32(1.3) + deep - 6.5, np.maximum(-y - 40, 50 - z)), 1.2)
    canvas.paint(sinus * brain.within[part], dense, whole)
    straight = inside(np.sqrt(x * x + (z - tentorium_z(y, single(0 * x))) ** 2 * np.float32(0.5)) - 2.2, 1.2) * (y > 24)
    canvas.paint(straight * brain.within[part], dense, whole)
    box = scene.box((30, -8, -66), (64, 86, 66))
    part = brain.place(box)
    z, y, x = brain.z[part], brain.y[part], brain.x[part]
    sheet = np.abs(z - tentorium_z(y, x)) * np.float32(0.85) - 0.7
    free = np.sqrt(x * x + (y - 4) ** 2) - 21
    tent = inside(np.maximum(sheet, np.maximum(-free, 2 + 0.5 * np.abs(x) - y - 10)), 1.0)
    whole = box_of(brain, part)
    canvas.paint(0.6 * tent * brain.within[part], _DURA_HU, whole)
    groove = inside(np.maximum(np.abs(z - tentorium_z(y, x) + 2) - 4, -brain.cavity[part] - 4.5), 1.5) * (y > 28) * brain.within[part]
    canvas.paint(groove, dense, whole)


def box_of(brain: Brain, part: tuple[slice, slice, slice]) -> tuple[slice, slice, slice]:
    """A part of the brain's fields as a box of the grid."""
    moved = [slice(p.start + b.start, p.stop + b.start) for p, b in zip(part, brain.box, strict=True)]
    return moved[0], moved[1], moved[2]


def _vessels(scene: Scene) -> None:
    prominent = scene.distracted("prominent_vessels")
    hu = 190.0 if scene.study.contrast else 58.0 if prominent else 44.0
    radius = 2.0 if prominent else 1.35
    for start, end in _ARTERIES:
        for side in (-1, 1):
            a, b = (start[0], start[1], side * start[2]), (end[0], end[1], side * end[2])
            _rod(scene, a, b, radius, hu)
    _rod(scene, (26, -9, 0), (44, -9, 1), radius + 0.3, hu)


def _rod(scene: Scene, a: Triple, b: Triple, radius: float, hu: float) -> None:
    low = [min(p, q) - 4 for p, q in zip(a, b, strict=True)]
    high = [max(p, q) + 4 for p, q in zip(a, b, strict=True)]
    box = scene.box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
    scene.canvas.paint(inside(capsule(scene.reference(box), a, b, radius), 1.2), hu, box)


def _hardening(scene: Scene, brain: Brain) -> None:
    """A dark band and streaks between the petrous bones."""
    rng = generator(scene.study.seed, "hardening")
    strength = float(rng.uniform(9, 16)) if scene.distracted("beam_hardening") else float(rng.uniform(1.5, 5))
    box = box_of(brain, brain.place(scene.box((20, -30, -40), (46, 60, 40))))
    z, y, x = scene.reference(box)
    level = np.exp(-(((z - 34) / 7) ** 2))
    band = np.exp(-(((y - 12 - 0.1 * np.abs(x)) / 6) ** 2)) * inside(np.abs(x) - 30, 8)
    angle = np.arctan2(x, y + 40)
    streaks = 0.35 * np.cos(angle * np.float32(rng.uniform(26, 38)) + np.float32(rng.uniform(0, 6))) * inside(y - 45, 20)
    scene.canvas.hu[box] -= np.float32(strength) * level * (band + streaks) * (scene.canvas.hu[box] < 200)
