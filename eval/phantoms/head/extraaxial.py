"""Blood between skull and brain: crescents that cross sutures, lenses that do not, layers on tentorium and falx."""

from __future__ import annotations

import numpy as np

from ..canvas import Box, inside
from ..model import Lesion
from ..seeds import generator
from .brain import Brain, tentorium_z
from .frame import Floats
from .paint_brain import box_of
from .scene import SIGN, Marked, Scene

_AIM = {"frontal": (0.45, -0.75, 0.62), "temporal": (-0.22, -0.16, 0.97), "parietal": (0.55, 0.42, 0.72), "convexity": (0.38, -0.12, 0.92)}
"""Direction (z, y, x) from the middle of the brain to the thickest point, on the left."""
_MIDDLE_Z = 68.0
BLOOD_HU = {"acute": (56.0, 74.0), "subacute": (35.0, 47.0), "chronic": (24.0, 12.0)}
"""At severity 0 and 1."""


def blood_hu(lesion: Lesion) -> float:
    low, high = BLOOD_HU[lesion.variant or "acute"]
    return low + (high - low) * lesion.severity


def sides(lesion: Lesion) -> tuple[float, ...]:
    """Signs of x."""
    return (1.0, -1.0) if lesion.side in ("bilateral", "midline", "") else (SIGN[lesion.side],)


def taken(scene: Scene, lesion: Lesion, box: Box) -> Floats:
    """How thick in mm a collection is over each place of the brain's surface; zero for those on tentorium and falx."""
    z, y, x = scene.reference(box)
    thick = np.zeros(z.shape, np.float32)
    if lesion.place in ("tentorial", "parafalcine"):
        return thick
    rng = generator(lesion.seed, "taken")
    up, back = z - np.float32(_MIDDLE_Z), y * np.float32(0.85)
    length = np.sqrt(up * up + back * back + x * x) + np.float32(1)
    turn = rng.normal(0, 0.12, 2)
    for index, side in enumerate(sides(lesion)):
        aim = np.asarray(_AIM[lesion.place]) + np.array([turn[0], turn[1], 0])
        aim /= np.linalg.norm(aim)
        cosine = (up * np.float32(aim[0]) + back * np.float32(aim[1]) + x * np.float32(side * aim[2])) / length
        angle = np.arccos(np.clip(cosine, -1, 1))
        size = lesion.size_mm * (1.0 if index == 0 else float(rng.uniform(0.5, 0.95)))
        if lesion.finding == "epidural":
            reach = 0.30 + size * 0.0115 + float(rng.uniform(0, 0.12))
            profile = np.clip(1 - (angle / np.float32(reach)) ** 2, 0, 1)
        else:
            reach = float(rng.uniform(1.0, 1.35)) + 0.012 * size
            profile = np.sqrt(np.clip(1 - (angle / np.float32(reach)) ** 2, 0, 1)) * np.clip((x * np.float32(side) - 3) / 9, 0, 1)
            profile *= 1 + np.float32(0.12) * scene.bumps[box][::-1]
        np.maximum(thick, profile * np.float32(size), out=thick)
    return thick


def subdural(scene: Scene, lesion: Lesion, rng: np.random.Generator, brain: Brain, thick: Floats) -> Marked:
    if lesion.place == "tentorial":
        distance, box = _tentorial(scene, lesion, brain)
    elif lesion.place == "parafalcine":
        distance, box = _parafalcine(scene, lesion, brain)
    else:
        distance, box = np.maximum(brain.cavity, -brain.vault - thick), brain.box
    hu = np.full((1, 1, 1), blood_hu(lesion), np.float32) + 2.5 * scene.grain(box, 7.0, lesion.seed)
    if lesion.variant == "chronic" and rng.random() < 0.3:  # fresher blood has sunk to the back
        hu = hu + 22 * inside(-(scene.y[box] - float(rng.uniform(5, 35))), 14)
    weight = inside(distance, 1.2)
    scene.canvas.paint(weight, hu, box)
    return weight, box


def epidural(scene: Scene, lesion: Lesion, rng: np.random.Generator, brain: Brain, thick: Floats) -> Marked:
    weight = inside(np.maximum(brain.cavity, -brain.vault - thick), 1.2)
    part = scene.canvas.noise(rng, 9.0, brain.box) if lesion.severity > 0.6 else 0
    # unclotted blood makes a dark swirl
    hu = (
        np.float32(blood_hu(lesion)) - np.clip(np.asarray(part, np.float32) - 0.9, 0, 1) * 22 + 2 * scene.grain(brain.box, 7.0, lesion.seed)
    )
    scene.canvas.paint(weight, hu, brain.box)
    return weight, brain.box


def _tentorial(scene: Scene, lesion: Lesion, brain: Brain) -> tuple[Floats, Box]:
    box = box_of(brain, brain.place(scene.box((28, -10, -66), (76, 86, 66))))
    part = brain.place(box)
    z, y, x = brain.z[part], brain.y[part], brain.x[part]
    above = z - tentorium_z(y, x)
    wave = np.float32(lesion.size_mm) * np.clip(0.95 + 0.25 * brain.bumps[part], 0.4, 1.2)
    wave *= np.clip((y + 4) / 26, 0, 1) * np.clip((60 - np.abs(x)) / 25, 0, 1)
    sheet = np.maximum(-above - 0.5, above - wave)
    free = 2 + 0.5 * np.abs(x) - y - 8 + 0 * z
    keep = np.maximum(free, 20 - np.sqrt(x * x + (y - 4) ** 2))
    own = [-x * np.float32(side) + 2 for side in sides(lesion)]
    return np.maximum(np.maximum(sheet, keep), np.maximum(np.minimum.reduce(own), brain.cavity[part])), box


def _parafalcine(scene: Scene, lesion: Lesion, brain: Brain) -> tuple[Floats, Box]:
    box = box_of(brain, brain.place(scene.box((50, -86, -32), (146, 92, 32))))
    part = brain.place(box)
    z, y, x = brain.z[part], brain.y[part], brain.x[part]
    rng = generator(lesion.seed, "falx")
    middle = float(rng.uniform(-35, 45))
    wave = (
        np.float32(lesion.size_mm) * np.sqrt(np.clip(1 - ((y - middle) / 52) ** 2, 0, 1)) * np.clip(1 + 0.25 * brain.bumps[part], 0.5, 1.3)
    )
    lowest = 90 - np.float32(0.30) * np.maximum(y + 30, 0)
    own = [np.maximum(0.4 - x * np.float32(side), x * np.float32(side) - wave) for side in sides(lesion)]
    return np.maximum(np.maximum(np.minimum.reduce(own), lowest - z), brain.cavity[part]), box
