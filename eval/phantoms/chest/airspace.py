"""Airspace filled in part (ground glass) or wholly (consolidation)."""

from __future__ import annotations

import numpy as np

from ..model import Lesion
from .focal import place
from .frame import Floats
from .lungs import lobe_distance
from .scene import Marked, Scene, within
from .tubes import thread

_SIDES = {"left": ("left",), "right": ("right",), "bilateral": ("right", "left")}


def consolidation(scene: Scene, lesion: Lesion, rng: np.random.Generator) -> Marked:
    return joined(scene, [_consolidated(scene, lesion, side, rng) for side in _SIDES[lesion.side]])


def ground_glass(scene: Scene, lesion: Lesion, rng: np.random.Generator) -> Marked:
    return joined(scene, [_hazy(scene, lesion, side, rng) for side in _SIDES[lesion.side]])


def joined(scene: Scene, marks: list[Marked]) -> Marked:
    """One mark of several."""
    if len(marks) == 1:
        return marks[0]
    lows = [min(mark[1][k].start for mark in marks) for k in range(3)]
    highs = [max(mark[1][k].stop for mark in marks) for k in range(3)]
    box = (slice(lows[0], highs[0]), slice(lows[1], highs[1]), slice(lows[2], highs[2]))
    out = np.zeros(scene.canvas.hu[box].shape, np.float32)
    for weight, part in marks:
        inner = tuple(slice(p.start - low, p.stop - low) for p, low in zip(part, lows, strict=True))
        np.maximum(out[inner], weight, out=out[inner])
    return out, box


def _consolidated(scene: Scene, lesion: Lesion, side: str, rng: np.random.Generator) -> Marked:
    radius = lesion.size_mm / 2 * float(rng.uniform(0.85, 1.0))
    centre = place(scene, lesion, 0.35 * radius, rng, side)
    box = scene.near(centre, 1.25 * radius + 6)
    z, y, x = (c - np.float32(m) for c, m in zip(scene.canvas.at(box), centre, strict=True))
    lobar = lesion.variant == "lobar"
    distance = np.sqrt((0.95 * z) ** 2 + y**2 + (1.05 * x) ** 2) - np.float32(radius)
    rough = scene.canvas.noise(rng, 14.0, box)
    distance += rough * np.float32(3 if lobar else 0.22 * radius)
    lobe = lobe_distance(scene, side, lesion.place, box) * np.float32(scene.study.patient.size)
    here = within(scene.lung[box] + np.float32(0.5), 2.0) * within(lobe, 2.0 if lobar else 8.0)
    extent = within(distance, 7.0 if lobar else 12.0) * here
    fine = scene.canvas.noise(rng, 6.0, box)
    fill = np.clip((0.75 if lobar else 0.35) + 0.5 * lesion.severity + (0.12 if lobar else 0.35) * fine, 0.15, 1)
    weight = extent * fill
    dense = 18 + 18 * lesion.severity + 0.8 * scene.enhanced_hu
    hu = scene.canvas.hu[box]
    vessels = hu > dense
    hu += np.where(vessels, np.float32(0), weight * (np.float32(dense) - hu))
    if radius > 16:
        _bronchograms(scene, centre, side, radius, extent, box, rng)
    return extent, box


def _bronchograms(
    scene: Scene,
    centre: tuple[float, float, float],
    side: str,
    radius: float,
    extent: Floats,
    box: tuple[slice, slice, slice],
    rng: np.random.Generator,
) -> None:
    """Airways that have stayed open, from the hilum outwards."""
    hilum = np.asarray(scene.frame.point(8, 12, 34 if side == "left" else -34))
    for _ in range(int(2 + radius // 9)):
        aim = np.asarray(centre) + rng.normal(0, 0.45 * radius, 3)
        begin = np.asarray(centre) + (hilum - centre) * min(1.0, radius / max(1.0, float(np.sqrt(((hilum - centre) ** 2).sum()))))
        weight, part = thread(scene.canvas, np.stack([begin, (begin + aim) / 2 + rng.normal(0, 3, 3), aim + (aim - begin) * 0.4]), 1.25)
        low = tuple(max(a.start, b.start) for a, b in zip(part, box, strict=True))
        high = tuple(min(a.stop, b.stop) for a, b in zip(part, box, strict=True))
        if any(h <= w for h, w in zip(high, low, strict=True)):
            continue
        common = tuple(slice(w, h) for w, h in zip(low, high, strict=True))
        of_part = tuple(slice(c.start - p.start, c.stop - p.start) for c, p in zip(common, part, strict=True))
        of_box = tuple(slice(c.start - b.start, c.stop - b.start) for c, b in zip(common, box, strict=True))
        scene.paint(weight[of_part] * extent[of_box], -800.0, (common[0], common[1], common[2]))


def _hazy(scene: Scene, lesion: Lesion, side: str, rng: np.random.Generator) -> Marked:
    canvas = scene.canvas
    radius = lesion.size_mm / 2
    if lesion.variant == "diffuse" or lesion.place == "diffuse":
        middle = scene.frame.point(0, 0, 62 if side == "left" else -62)
        reach = 0.75 * lesion.size_mm + 45
        box = scene.near(middle, reach)
        field = canvas.noise(rng, 26.0, box)
        shape = field * 9 - np.float32(4)
        if lesion.variant == "peripheral":
            shape = np.maximum(shape - 5, -scene.wall[box] - 26)
        place_here = lobe_distance(scene, side, "", box)
    else:
        centre = place(scene, lesion, 0.3 * radius, rng, side)
        box = scene.near(centre, 1.3 * radius + 8)
        z, y, x = (c - np.float32(m) for c, m in zip(canvas.at(box), centre, strict=True))
        rough = canvas.noise(rng, max(10.0, 0.45 * radius), box)
        shape = np.sqrt(z**2 + y**2 + x**2) - np.float32(radius) + rough * np.float32(0.28 * radius)
        if lesion.variant == "peripheral":
            here = tuple(n // 2 for n in rough.shape)
            deep = max(20.0, 5.0 - float(scene.wall[box][here]))  # so that its middle is in it
            shape = np.maximum(shape, -scene.wall[box] - np.float32(deep) + 3 * rough)
        place_here = lobe_distance(scene, side, lesion.place, box)
    fine = canvas.noise(rng, 7.0, box)
    extent = within(shape, 9.0) * within(scene.lung[box] + np.float32(0.5), 2.0) * within(np.asarray(place_here, np.float32), 6.0)
    hu = canvas.hu[box]
    haze = np.float32(110 + 240 * lesion.severity) * np.clip(1 + np.float32(0.22) * fine, 0.4, 1.6)
    hu += extent * haze * np.clip((-150 - hu) / np.float32(500), 0, 1)  # vessels stay as they are and so can be seen through it
    return extent, box
