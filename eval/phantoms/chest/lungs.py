"""The lungs' outline, lobes and tissue."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from ..grids import smooth_noise
from ..seeds import generator
from .frame import Floats
from .scene import Scene, within

# half width of the mediastinum in mm at (z, y) of the reference body: left, then right
_Z = (105.0, 80.0, 55.0, 35.0, 10.0, -20.0, -60.0, -100.0)
_Y = (-88.0, -60.0, -30.0, 0.0, 25.0, 52.0, 78.0)
_LEFT = (
    (44, 42, 38, 34, 31, 30, 27),
    (26, 28, 31, 30, 28, 27, 22),
    (7, 12, 27, 32, 35, 33, 21),
    (4, 9, 25, 26, 29, 34, 21),
    (4, 10, 27, 33, 29, 36, 21),
    (7, 17, 28, 28, 24, 36, 21),
    (12, 18, 20, 18, 22, 34, 21),
    (14, 20, 20, 20, 22, 33, 22),
)
_RIGHT = (
    (44, 42, 38, 34, 30, 28, 26),
    (26, 28, 31, 28, 25, 24, 21),
    (6, 13, 29, 30, 22, 21, 20),
    (4, 11, 33, 32, 20, 20, 20),
    (4, 13, 33, 34, 21, 19, 20),
    (6, 20, 33, 25, 9, 17, 20),
    (9, 20, 25, 17, 6, 18, 20),
    (12, 20, 24, 20, 10, 18, 20),
)


def diaphragm(scene: Scene) -> tuple[Floats, Floats]:
    """Reference z of the two domes, (1, Y, X), and how steep they are there: the factor from height to distance."""
    rng = scene.rng("diaphragm")
    y, x = scene.y, scene.x[scene.canvas.shape[0] // 3][None]
    top = float(rng.normal(-66, 6))
    left_lower = float(np.clip(rng.normal(9, 4), 1, 18))
    surface = np.full(y.shape, -300, np.float32)
    for sign, height in ((-1, top), (1, top - left_lower)):
        rho = np.sqrt(((sign * x - 62) / 67) ** 2 + ((y + 22) / np.where(y > -22, np.float32(118), np.float32(88))) ** 2)
        rim = np.clip(np.float32(0.8) + y / 110, 0.25, 1.6)  # the recess is deepest behind
        fall = np.float32(11) * rho**2 + np.float32(480) * np.clip(rho - 0.7, 0, 0.5) ** 2 * rim
        np.maximum(surface, np.float32(height) - fall, out=surface)
    surface = gaussian_filter(surface[0], 2.0, truncate=2.5)
    surface += 1.6 * scene.bumps[scene.canvas.shape[0] // 3]
    down, across = np.gradient(surface, 2.0)
    return surface[None], (1 / np.sqrt(1 + down**2 + across**2)).astype(np.float32)[None]


def outline(scene: Scene, dome: tuple[Floats, Floats]) -> Floats:
    """Signed distance from the lungs' surface, before the heart takes its place."""
    rng = scene.rng("mediastinum")
    size = np.float32(scene.study.patient.size)
    out = scene.wall + np.float32(1.5)
    sides = []
    for table in (_LEFT, _RIGHT):
        rows = np.asarray(table, np.float32) * (1 + 0.05 * rng.standard_normal((len(_Z), len(_Y)))) + rng.normal(0, 1)
        sides.append(gaussian_filter(_between(scene, rows), (2.0, 2.5), truncate=2.5)[:, :, None].astype(np.float32))
    gap = np.minimum(sides[0] - scene.x, sides[1] + scene.x)
    gap *= size
    gap += 0.7 * scene.bumps
    np.maximum(out, gap, out=out)
    np.subtract(dome[0], scene.z, out=gap)
    gap *= dome[1] * size
    np.maximum(out, gap, out=out)
    return out


def _between(scene: Scene, rows: Floats) -> Floats:
    """The table at all (z, y) of the grid, in straight lines."""
    z, y = scene.z[:, 0, 0], scene.y[0, :, scene.canvas.shape[2] // 2]
    wide = np.stack([np.interp(y, _Y, row) for row in rows[::-1]])
    return np.stack([np.interp(z, _Z[::-1], wide[:, k]) for k in range(len(y))], axis=1)


def lobe_heights(y: Floats, right: bool) -> tuple[Floats, Floats]:
    """Reference z of the oblique fissure and of the horizontal one (of the lingula's upper end on the left) at reference y."""
    oblique = 46 - np.float32(0.82) * (58 - y)
    return oblique.astype(np.float32), np.full_like(y, -2 if right else -8)


def lobe_distance(scene: Scene, side: str, place: str, box: tuple[slice, slice, slice]) -> Floats:
    """About the signed distance in mm from a lobe of a side, in a part of the grid; negative inside."""
    z, y, x = scene.reference(box)
    oblique, level = lobe_heights(y, side == "right")
    behind = (z - oblique) * np.float32(0.77)
    beside = -x if side == "left" else x
    if place == "lower_lobe":
        return np.maximum(behind, beside)
    if place == "upper_lobe":
        return np.maximum(np.maximum(-behind, level - z), beside)
    if place == "middle_lobe":
        return np.maximum(np.maximum(-behind, z - level), beside)
    return np.broadcast_to(beside, scene.lung[box].shape)


def paint(scene: Scene) -> None:
    """Paint the tissue: denser at the back, with a faint grain, and the fissures."""
    rng = scene.rng("tissue")
    canvas = scene.canvas
    patient = scene.study.patient
    base = float(np.clip(rng.normal(-860 - 0.25 * (patient.age - 60), 20), -895, -785))
    base += float(generator(scene.study.seed, "breath").normal(0, 9))
    grain = smooth_noise(generator(patient.seed, "grain"), canvas.shape, canvas.spacing_mm, 6.0)
    grain *= 13
    grain += scene.y * np.float32(0.28) + np.float32(base)
    grain += 9 * scene.bumps
    scene.paint(within(scene.lung, 2.5), grain)
    thick = "fissure_thickening" in scene.study.distractors
    half, hu = (1.1, -350.0) if thick else (0.4, -640.0)
    in_lung = within(scene.lung + np.float32(1), 2.0)
    wave = 4 * scene.bumps
    oblique, level = lobe_heights(scene.y, True)
    behind = (scene.z - oblique + wave) * np.float32(0.77)
    sheet = np.clip(np.float32(half + 1) - np.abs(behind), 0, 1)
    minor = np.clip(np.float32(half + 1) - np.abs(scene.z - level + wave), 0, 1)
    sheet = np.maximum(sheet, minor * (behind > 0) * (scene.x < 0))
    sheet *= in_lung
    scene.paint(sheet, hu)
