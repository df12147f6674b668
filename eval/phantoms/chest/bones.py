"""Ribs, spine, breastbone, shoulder blades, collar bones and upper arms."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ..canvas import ellipsoid
from .body import arm_path, arms_down
from .frame import Floats
from .scene import Scene, within

_RIB_EVERY_MM, _RIB_SLOPE, _RIB_DEPTH_MM = 27.0, 0.52, 4.8
_VERTEBRA_EVERY_MM = 23.0
SPINE_Y_MM = 46.0


def paint(scene: Scene) -> None:
    density = 1.1 - 0.005 * scene.study.patient.age + 0.1 * float(scene.rng("bones").normal())
    _ribs(scene, density)
    _spine(scene, density)
    _sternum(scene, density)
    for sign in (-1, 1):
        _shoulder(scene, sign, density)


def _bone(
    scene: Scene, distance: Floats, box: tuple[slice, slice, slice], density: float, cortex_mm: float = 2.0, hard: float = 620.0
) -> None:
    """A shell of dense bone and marrow in it."""
    scene.paint(within(distance, 2.0), hard * density, box)
    marrow = np.float32(170 * density) + scene.bumps[box] * np.float32(25)
    scene.paint(within(distance + np.float32(cortex_mm + 0.6), 1.8), marrow, box)


def _ribs(scene: Scene, density: float) -> None:
    rng = scene.rng("ribs")
    size = np.float32(scene.study.patient.size)
    depth = scene.wall / size
    near = (depth > -0.5) & (depth < 11) & (scene.z < 108)
    at = np.nonzero(near)
    d, z, y, x = depth[at], scene.z[at[0], 0, 0], scene.y[0, at[1], at[2]], scene.x[at]
    bumps = scene.bumps[at]
    shift = np.float32(rng.uniform(0, _RIB_EVERY_MM))
    side = np.where(x > 0, np.float32(rng.normal(0, 1.5)), np.float32(0))
    front = np.clip((-28 - y) / np.float32(40), 0, 1)
    run = (
        z
        - np.float32(_RIB_SLOPE) * (y - 60)
        + 1.6 * bumps
        + side
        + np.float32(0.3) * np.minimum(np.abs(x), 95) * np.clip(y / 40, 0, 1)
        - front * (60 - np.abs(x)) * np.float32(0.25)
    )
    phase = np.mod(run + shift, np.float32(_RIB_EVERY_MM)) - np.float32(_RIB_EVERY_MM / 2)
    shape = np.sqrt((phase / np.float32(5.6)) ** 2 + ((d - np.float32(_RIB_DEPTH_MM)) / np.float32(3.6)) ** 2) - 1
    shape *= np.float32(3.6) * size
    reach = np.where(np.abs(x) < 17, np.float32(0), np.float32(1)) * np.clip((z + 210 + 2.2 * np.minimum(y, 20)) / np.float32(20), 0, 1)
    gristle = front * np.clip((82 - np.abs(x)) / np.float32(14), 0, 1) > 0.5
    weight = within(shape, 2.0) * reach
    old = np.float32(np.clip((scene.study.patient.age - 45) / 40, 0, 1))
    marks = np.float32(0.6 if "costal_calcification" in scene.study.distractors else 0.08) + 0.15 * old
    spots = np.clip(np.sin(run * 1.3 + x * 0.55) * np.sin(x * 0.43 + y * 0.6) - 1 + 1.4 * marks, 0, 1) * np.float32(900)
    rim = within(np.abs(shape + np.float32(0.8)) - np.float32(1.2), 1.5)
    bone = np.float32(210 * density) + rim * np.float32(420 * density)
    hu = np.where(gristle, np.float32(95) + spots, bone)
    old_hu = scene.canvas.hu[at]
    scene.canvas.hu[at] = old_hu + weight * (hu - old_hu)


def _spine(scene: Scene, density: float) -> None:
    canvas, frame = scene.canvas, scene.frame
    size = scene.study.patient.size
    low, high = frame.point(-160, 22, -52), frame.point(160, 106, 52)
    box = canvas.box((low[0], low[1], low[2] - 12), (high[0], high[1], high[2] + 12))
    z, y, x = scene.reference(box)
    rng = scene.rng("spine")
    far = np.abs(x)
    phase = np.mod(z + np.float32(rng.uniform(0, _VERTEBRA_EVERY_MM)), np.float32(_VERTEBRA_EVERY_MM)) - np.float32(_VERTEBRA_EVERY_MM / 2)
    curve = np.float32(6) * np.cos(z / np.float32(75)) + 1
    y = y - curve
    grown = 1 + (20 - z) / np.float32(900)
    waist = 1 - np.float32(0.10) * np.clip(1 - (phase / np.float32(9)) ** 2, 0, 1)
    body = np.sqrt((x / (17 * grown * waist)) ** 2 + ((y - SPINE_Y_MM) / (14.5 * grown * waist)) ** 2) - 1
    body *= np.float32(14.5 * size)
    ends = np.abs(phase) - np.float32(9.2)
    soft = within(np.sqrt((x / 30) ** 2 + ((y - 60) / 30) ** 2) * 30 - 30, 4.0)
    scene.paint(soft, 45.0, box)
    arch_z = np.clip(1.3 - np.abs(phase + 3) / np.float32(9), 0, 1)
    ring = np.abs(np.sqrt((x / np.float32(1.15)) ** 2 + (y - 69) ** 2) - 11) - 2.5
    ring = np.where(y < 61, np.maximum(ring, ends + 4), ring + (1 - arch_z) * 3)
    wing = np.maximum(np.abs(y - 72 - 0.25 * far) - 4.2, far - 31) + (1 - arch_z) * 8
    wing = np.where(far > 11, wing, np.float32(9))
    drop = np.mod(phase + (y - 84) * np.float32(0.9) + np.float32(_VERTEBRA_EVERY_MM / 2), np.float32(_VERTEBRA_EVERY_MM))
    thorn = np.maximum(np.maximum(far - 3.0, np.abs(y - 89) - 11), np.abs(drop - np.float32(_VERTEBRA_EVERY_MM / 2)) - 7)
    for part in (wing, thorn, ring):
        _bone(scene, np.asarray(part * np.float32(size), np.float32), box, density, 1.6, 560)
    scene.paint(within(np.maximum(body, -ends - 1), 2.0), 88.0, box)
    _bone(scene, np.maximum(body, ends), box, density, 1.3, 430)
    canal = np.sqrt((x / np.float32(1.15)) ** 2 + (y - 69) ** 2)
    scene.paint(within(canal - 8.2, 2.0), 12.0, box)
    scene.paint(within(canal - 4.6, 2.0), 38.0, box)


def sternum_y(z: Floats | float) -> Floats:
    """Reference y of the breastbone's middle at heights z."""
    return np.asarray(np.interp(z, (-80, -50, 0, 35, 65, 85), (-108, -107, -98, -83, -65, -49)), np.float32)


def _sternum(scene: Scene, density: float) -> None:
    canvas, frame = scene.canvas, scene.frame
    low, high = frame.point(-72, -118, -34), frame.point(80, -30, 34)
    box = canvas.box((low[0], low[1] - 4, low[2] - 10), (high[0], high[1] + 4, high[2] + 10))
    z, y, x = scene.reference(box)
    half = np.interp(z, (-70, -55, -40, 0, 40, 55, 72), (4, 8, 17, 15, 13, 24, 27)).astype(np.float32)
    flat = (
        np.sqrt((x / half) ** 2 + ((y - sternum_y(z)) / np.float32(6.2)) ** 2 + 0.4 * (x / half) ** 2 * ((y - sternum_y(z)) / 6.2) ** 2) - 1
    )
    distance = np.maximum(flat * np.float32(6.2), np.maximum(z - 74, -68 - z)) * np.float32(scene.study.patient.size)
    joint = np.abs(z - 42) < 2.0
    _bone(scene, np.where(joint, distance + 3, distance), box, 0.8 * density, 1.6, 520)


def _shoulder(scene: Scene, sign: int, density: float) -> None:
    """Blade, collar bone and upper arm of a side."""
    canvas, frame, size = scene.canvas, scene.frame, scene.study.patient.size
    down = arms_down(scene.study.patient)
    path = arm_path(scene, sign)
    low, high = frame.point(0, 40, sign * 60), frame.point(110, 112, sign * 160)
    box = canvas.box((low[0], low[1], min(low[2], high[2]) - 8), (high[0], high[1], max(low[2], high[2]) + 8))
    z, y, x = scene.reference(box)
    far = x * np.float32(sign)
    inner = np.interp(z, (0, 15, 60, 95, 108), (100, 84, 78, 82, 110)).astype(np.float32) + (0 if down else 14)
    thin = np.interp(far, (70, 84, 105, 122, 136), (3.4, 1.8, 1.5, 3.2, 7)).astype(np.float32)
    away = scene.wall[box] / np.float32(size) - 19 + 2 * np.sin(far / 8)  # it slides on the ribs' muscles
    blade = np.maximum(np.abs(away) - thin, np.maximum(inner - far, far - np.float32(124 if down else 132)))
    blade = np.maximum(blade, np.maximum(np.maximum(z - 104, 2 - z), 12 - y))
    ridge = np.maximum(np.abs(away - 9) - 9, np.maximum(np.abs(z - 76 - (far - 90) * np.float32(0.3)) - 3.2, inner - far))
    ridge = np.maximum(np.maximum(ridge, far - 140), np.maximum(30 - y, scene.skin[box] + 7))
    for part in (ridge, blade):
        _bone(scene, np.asarray(part * np.float32(size), np.float32), box, density, 1.4, 540)
    head = frame.point(*path[0])
    around = scene.near(head, 34)
    _bone(scene, ellipsoid(canvas.at(around), head, (24 * size, 23 * size, 23 * size)), around, density, 1.6, 420)
    for start, end in pairwise(path):
        distance, part = scene.chain([start, end], [12.0, 11.0])
        outside = ellipsoid(canvas.at(part), head, (22 * size, 22 * size, 22 * size))
        _bone(scene, np.maximum(distance, -outside), part, density * 1.25, 4.0, 900)
    distance, part = scene.chain(
        [(70, -52, sign * 22), (78, -52, sign * 52), (90, -18, sign * 92), (100, 12, sign * 122)], [9.0, 6.5, 6.0, 7.0]
    )
    _bone(scene, distance, part, density, 2.2, 640)
