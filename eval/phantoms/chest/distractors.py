"""What looks like a finding and is none. Those that change how the anatomy is painted are painted with it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..canvas import Triple
from ..model import Lesion
from ..seeds import generator
from .focal import blob, place
from .scene import Scene, within
from .tubes import along_line, thread


def paint(scene: Scene) -> None:
    for name in scene.study.distractors:
        if name in _PAINTERS:
            _PAINTERS[name](scene, generator(scene.study.patient.seed, "distractor", name))


def _somewhere(scene: Scene, depth_mm: float, rng: np.random.Generator) -> Triple:
    side = "left" if rng.random() < 0.5 else "right"
    lobe = ("upper_lobe", "middle_lobe", "lower_lobe")[int(rng.integers(3))]
    return place(scene, Lesion("", side, lobe, 0, 0), depth_mm, rng)


def _vessel_crossing(scene: Scene, rng: np.random.Generator) -> None:
    """A vessel that runs along z for a while: round in each slice."""
    for _ in range(int(rng.integers(2, 5))):
        centre = np.asarray(_somewhere(scene, 9, rng))
        steps = np.linspace(-1, 1, 9)[:, None]
        drift = rng.normal(0, 3, 3) * (0, 1, 1)
        course = centre + steps * np.array([float(rng.uniform(11, 18)), 0, 0]) + steps**2 * drift
        line = along_line(course)
        weight, box = thread(scene.canvas, line, float(rng.uniform(1.8, 3.0)))
        scene.paint(weight * within(scene.lung[box] + 1, 2.0), scene.blood_hu * 0.85, box)


def _apical_scar(scene: Scene, rng: np.random.Generator) -> None:
    for sign in (-1, 1):
        if rng.random() < 0.25:
            continue
        centre = scene.frame.point(98 + float(rng.normal(0, 3)), 24, sign * 44)
        box = scene.near(centre, 30)
        cap = scene.lung[box] + np.float32(rng.uniform(3, 6)) + 2.5 * scene.canvas.noise(rng, 8.0, box)
        z = scene.reference(box)[0]
        weight = (1 - within(cap, 3.0)) * within(scene.lung[box], 2.0) * np.clip((z - 84) / 8, 0, 1)
        scene.paint(weight * np.float32(0.85), -20.0, box)


def _dependent_atelectasis(scene: Scene, rng: np.random.Generator) -> None:
    box = scene.canvas.box((-1e6, 20.0, -1e6), (40.0, 1e6, 1e6))
    z, y, _ = scene.reference(box)
    thick = np.float32(rng.uniform(4, 8)) * np.clip((y - 38) / np.float32(35), 0, 1) * np.clip((20 - z) / 60, 0, 1)
    weight = within(-scene.wall[box] - 1.5 - thick, 5.0) * within(scene.lung[box], 2.5) * (thick > 0.8)
    scene.paint(weight * np.float32(0.7), -260.0, box)


def _nipple_shadow(scene: Scene, rng: np.random.Generator) -> None:
    for sign in (-1, 1):
        at = scene.frame.point(-12 + float(rng.normal(0, 4)), -100, sign * (82 + float(rng.normal(0, 4))))
        row = [round((v - o) / s) for v, o, s in zip(at, scene.canvas.origin_mm, scene.canvas.spacing_mm, strict=True)]
        first = int(np.argmax(scene.skin[row[0], :, row[2]] < 0))
        centre = (at[0], scene.canvas.origin_mm[1] + first * scene.canvas.spacing_mm[1] - 1.5, at[2])
        distance, box = blob(scene, centre, float(rng.uniform(3.5, 5.0)), rng, 0.08, 0.0)
        scene.paint(within(distance, 2.0), 35.0, box)


def _beam_hardening(scene: Scene, rng: np.random.Generator) -> None:
    """Streaks from side to side at the shoulders, and from dense contrast in the upper veins."""
    canvas = scene.canvas
    box = canvas.box((scene.frame.point(62, 0, 0)[0], -1e6, -1e6), (1e6, 1e6, 1e6))
    _, y, x = canvas.at(box)
    level = np.clip((scene.reference(box)[0] - 66) / np.float32(22), 0, 1)
    waves = sum(
        np.cos(y * np.float32(f) + x * np.float32(rng.normal(0, 0.01)) + np.float32(rng.uniform(0, 6.28))) for f in (0.13, 0.24, 0.43)
    )
    within = (scene.skin[box] < -4).astype(np.float32)
    canvas.hu[box] += np.asarray(waves, np.float32) * level * within * np.float32(rng.uniform(16, 32))
    if scene.study.contrast:
        centre = scene.frame.point(70, -18, -20)
        near = canvas.box((centre[0] - 22, centre[1] - 80, centre[2] - 80), (centre[0] + 22, centre[1] + 80, centre[2] + 80))
        _, y, x = canvas.at(near)
        dy, dx = y - np.float32(centre[1]), x - np.float32(centre[2])
        far = np.sqrt(dy**2 + dx**2)
        canvas.hu[near] += np.cos(7 * np.arctan2(dy, dx) + 1) * np.float32(90) * np.clip(14 / (far + 10), 0, 1) * (far > 9)


def _calcified_granuloma(scene: Scene, rng: np.random.Generator) -> None:
    for _ in range(int(rng.integers(1, 3))):
        line = np.asarray(_somewhere(scene, 5, rng))[None] + np.array([[-0.5, 0, 0], [0.5, 0, 0]])
        weight, box = thread(scene.canvas, line, float(rng.uniform(1.2, 1.9)))
        scene.paint(weight, 420.0, box)


def _aortic_calcification(scene: Scene, rng: np.random.Generator) -> None:
    distance, box = scene.marks["aorta"]
    plaque = scene.canvas.noise(rng, 13.0, box) - np.float32(0.9)
    weight = np.clip(plaque * 3, 0, 1) * within(np.abs(distance + 0.3) - 0.9, 1.6)
    scene.paint(weight, float(rng.uniform(450, 800)), box)


def _small_lymph_nodes(scene: Scene, rng: np.random.Generator) -> None:
    for place_mm in ((58, -4, -18), (50, 0, 20), (14, 18, 4), (30, -30, 22), (60, 10, 118), (62, 8, -120)):
        if rng.random() < 0.7:
            at = scene.frame.world(np.asarray(place_mm, float) + rng.normal(0, 4, 3))
            distance, box = blob(scene, (float(at[0]), float(at[1]), float(at[2])), float(rng.uniform(2, 3.8)), rng, 0.05, 0.0)
            scene.paint(within(distance, 2.0), 40.0, box)


def _epicardial_fat(scene: Scene, rng: np.random.Generator) -> None:
    """A pad in the angle between heart and diaphragm."""
    for sign, x in ((-1, -34.0), (1, 62.0)):
        centre = scene.frame.point(-72, -62, x + float(rng.normal(0, 3)))
        distance, box = blob(scene, centre, float(rng.uniform(16, 24)), rng, 0.08, 0.0)
        fat = within(distance, 3.0) * within(scene.wall[box] + 2, 2.0) * within(scene.lung[box] - 1, 2.0) * (sign * scene.x[box] > 0)
        scene.paint(fat, -98.0, box)


_PAINTERS: dict[str, Callable[[Scene, np.random.Generator], None]] = {
    "vessel_crossing": _vessel_crossing,
    "apical_scar": _apical_scar,
    "dependent_atelectasis": _dependent_atelectasis,
    "nipple_shadow": _nipple_shadow,
    "beam_hardening": _beam_hardening,
    "calcified_granuloma": _calcified_granuloma,
    "epicardial_fat": _epicardial_fat,
    "aortic_calcification": _aortic_calcification,
    "small_lymph_nodes": _small_lymph_nodes,
}
