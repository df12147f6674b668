"""Things put into the body: metal and plastic, with the streaks that metal makes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..canvas import Box, Triple
from ..model import Lesion
from .airspace import joined
from .bones import sternum_y
from .frame import Floats
from .scene import Marked, Scene, within
from .tubes import smooth_chain, thread

_POCKET_MM = 10.5
"""Below the skin."""
_METAL_HU, _PLASTIC_HU = 2900.0, 900.0
_VEIN = {
    1: [(88, -22, 70), (84, -24, 40), (78, -20, 6), (74, -17, -18)],
    -1: [(88, -20, -70), (92, -18, -40), (82, -16, -22), (74, -17, -21)],
}
_CAVA = [(40, -14, -26), (10, -18, -27)]


def device(scene: Scene, lesion: Lesion, rng: np.random.Generator) -> Marked:
    return joined(scene, _DEVICES[lesion.variant](scene, lesion, rng))


def _wire(scene: Scene, points: list[tuple[float, float, float]], radius: float, hu: float) -> Marked:
    course, _ = smooth_chain(scene.frame.world(points), [1.0, 1.0])
    weight, box = thread(scene.canvas, course, radius)
    scene.paint(weight, hu, box)
    return weight, box


def _pocket(scene: Scene, sign: int, z: float, x: float) -> Triple:
    """A point under the skin of the chest, on the muscle."""
    at = scene.frame.point(z, -100, sign * x)
    row = [round((v - o) / s) for v, o, s in zip(at, scene.canvas.origin_mm, scene.canvas.spacing_mm, strict=True)]
    line = scene.skin[row[0], :, row[2]]
    first = int(np.argmax(line < -_POCKET_MM))
    return at[0], scene.canvas.origin_mm[1] + first * scene.canvas.spacing_mm[1], at[2]


def _drum(scene: Scene, centre: Triple, thick_mm: float, radius_mm: float) -> tuple[Floats, Box]:
    """Signed distance from a flat disc that lies along the skin."""
    box = scene.near(centre, radius_mm + 12)
    z, y, x = scene.canvas.at(box)
    far = np.sqrt((z - np.float32(centre[0])) ** 2 + (x - np.float32(centre[2])) ** 2) - np.float32(radius_mm)
    flat = np.abs(scene.skin[box] + np.float32(_POCKET_MM)) - np.float32(thick_mm / 2)
    return np.maximum(np.maximum(flat, far), np.abs(y - np.float32(centre[1])) - np.float32(0.8 * radius_mm)), box


def _pacemaker(scene: Scene, lesion: Lesion, rng: np.random.Generator) -> list[Marked]:
    sign = 1 if lesion.side == "left" else -1
    centre = _pocket(scene, sign, 62, 88)
    can, box = _drum(scene, centre, 8.0, 22.0)
    weight = within(can, 1.5)
    scene.paint(weight, _METAL_HU, box)
    _streaks(scene, centre, 26, 0.6 + 0.4 * lesion.severity, rng)
    start = (62.0, -40.0, sign * 76.0)
    leads = [[(-10, -30, -26), (-30, -40, -6), (-52, -52, 24)]] + ([[(-14, -38, -34)]] if rng.random() < 0.7 else [])
    return [(weight, box), *(_wire(scene, [start, *_VEIN[sign], *_CAVA, *end], 1.0, 1700.0) for end in leads)]


def _port(scene: Scene, lesion: Lesion, rng: np.random.Generator) -> list[Marked]:
    sign = 1 if lesion.side == "left" else -1
    centre = _pocket(scene, sign, 50, 78)
    drum, box = _drum(scene, centre, 10.0, 12.5)
    weight = within(drum, 1.5)
    scene.paint(weight, 1300 + 900 * lesion.severity, box)
    scene.paint(within(drum + np.float32(2.5), 1.5), 60.0, box)
    _streaks(scene, centre, 12, 0.35 * lesion.severity, rng)
    return [(weight, box), _wire(scene, [(50, -46, sign * 70), *_VEIN[sign], *_CAVA], 1.1, _PLASTIC_HU)]


def _venous_catheter(scene: Scene, lesion: Lesion, rng: np.random.Generator) -> list[Marked]:
    sign = 1 if lesion.side == "left" else -1
    neck = [(134.0, 4.0, sign * 31.0), (100.0, -6.0, sign * 29.0)]
    way = neck if rng.random() < 0.55 else [(100.0, 0.0, sign * 120.0), _VEIN[sign][0]]
    through = _VEIN[sign][2:] if len(way) == 2 and way is neck else _VEIN[sign][1:]
    return [_wire(scene, [*way, *through, _CAVA[0], (20, -17, -27)], 1.0 + 0.4 * lesion.severity, _PLASTIC_HU)]


def _endotracheal_tube(scene: Scene, lesion: Lesion, rng: np.random.Generator) -> list[Marked]:
    tip = float(rng.uniform(62, 82))
    path = [(150.0, 8.0, 0.0), (110.0, 10.0, 0.0), (tip, 12.0, 1.5)]
    distance, box = scene.chain(path, [6.4, 6.4, 6.4])
    shell = np.maximum(distance, -distance - np.float32(1.9))
    weight = within(shell, 1.4)
    scene.paint(weight, 150 + 150 * lesion.severity, box)
    scene.paint(within(distance + np.float32(1.9), 1.4), -1000.0, box)
    stripe = _wire(scene, [(z, y - 5.5, x) for z, y, x in path], 0.9, 1100.0)
    return [(within(distance, 1.4), box), stripe]


def _sternal_wires(scene: Scene, lesion: Lesion, rng: np.random.Generator) -> list[Marked]:
    made = []
    for z in np.linspace(60, -52, 5 + round(2 * lesion.severity)):
        y = float(sternum_y(float(z)))
        half = float(rng.uniform(14, 18))
        lean = float(rng.normal(0, 2))
        turns = np.linspace(0, 2 * np.pi, 13)
        loop = [(float(z + lean * np.cos(t)), y + 8.5 * float(np.sin(t)), half * float(np.cos(t))) for t in turns]
        made.append(_wire(scene, loop, 0.95, 1500 + 900 * lesion.severity))
        _streaks(scene, scene.frame.point(float(z), y - 8, 0), 4, 0.25, rng)
    return made


def _streaks(scene: Scene, centre: Triple, reach_mm: float, strength: float, rng: np.random.Generator) -> None:
    """Dark and bright rays from metal, in its slices."""
    canvas = scene.canvas
    wide = 130.0
    box: Box = canvas.box(
        (centre[0] - reach_mm, centre[1] - wide, centre[2] - wide), (centre[0] + reach_mm, centre[1] + wide, centre[2] + wide)
    )
    _, y, x = canvas.at(box)
    dy, dx = (y - np.float32(centre[1]))[0], (x - np.float32(centre[2]))[0]
    angle, far = np.arctan2(dy, dx), np.sqrt(dy**2 + dx**2)
    waves = sum(np.cos(k * angle + np.float32(rng.uniform(0, 6.28))) for k in (2, 5, 9, 14, 23))
    rays = np.asarray(waves, np.float32) * np.float32(95 * strength) * np.clip(18 / (far + 14), 0, 1) * (far > 4)
    canvas.hu[box] += rays[None] * (canvas.hu[box] > -990)


_DEVICES: dict[str, Callable[[Scene, Lesion, np.random.Generator], list[Marked]]] = {
    "pacemaker": _pacemaker,
    "port": _port,
    "venous_catheter": _venous_catheter,
    "endotracheal_tube": _endotracheal_tube,
    "sternal_wires": _sternal_wires,
}
