"""The body's outline and wall: skin, fat, muscles, breasts, arms, and the cavity inside the ribs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ..canvas import Canvas, Triple, capsule, ellipsoid
from ..grids import smooth_noise
from ..model import Patient, Study
from ..seeds import generator
from .frame import Floats, Frame
from .scene import FAT_HU, MUSCLE_HU, Scene, within

SPACING_MM: Triple = (2.5, 2.0, 2.0)
LOW_MM, HIGH_MM = -140.0, 136.0
"""Ends of the grid, in the reference body."""
ARMS_DOWN = 0.16
"""Share of patients who lie with their arms beside them."""

# (z, half width, front y, back y) of the inner wall and of the skin of a thin person, in mm of the reference body
_WALL = np.array(
    [
        (-150, 128, -102, 86),
        (-100, 133, -102, 92),
        (-50, 132, -98, 96),
        (0, 127, -88, 95),
        (35, 118, -73, 91),
        (65, 104, -55, 85),
        (85, 86, -33, 78),
        (100, 62, -6, 65),
        (112, 44, 8, 54),
    ],
    np.float32,
)
_SKIN = np.array(
    [
        (-150, 148, -122, 110),
        (-60, 153, -120, 116),
        (0, 155, -113, 118),
        (45, 158, -99, 117),
        (75, 160, -80, 112),
        (100, 142, -62, 104),
        (120, 100, -48, 91),
        (140, 76, -44, 82),
    ],
    np.float32,
)
_TAPER = 0.0011
"""By what share per mm the thorax narrows from back to front."""
_GROOVE_MM = 15.0
"""How far the ribs' angles on both sides lie behind the middle."""
_FAT_FRONT_MM, _FAT_BACK_MM, _FAT_SIDE_MM = 26.0, 17.0, 27.0
_APEX_MM = 110.0


def fat_mm(patient: Patient) -> float:
    """Thickness of the fat under the skin in mm where it is neither thick nor thin."""
    return 4 + 20 * patient.fat


def table_top_mm(patient: Patient, frame: Frame) -> float:
    """Y of the patient's back."""
    return float((118 + _FAT_BACK_MM * patient.fat) * frame.scale[1])


def arms_down(patient: Patient) -> bool:
    return bool(generator(patient.seed, "arms").random() < ARMS_DOWN)


def blank(patient: Patient, frame: Frame) -> Canvas:
    """A grid just large enough for the body and the table."""
    front = (122 + _FAT_FRONT_MM * patient.fat + (34 if patient.sex == "F" else 12)) * frame.scale[1]
    return Canvas(
        (LOW_MM * frame.scale[0], -front, -200.0), (HIGH_MM * frame.scale[0], table_top_mm(patient, frame) + 62, 200.0), SPACING_MM
    )


def start(study: Study) -> Scene:
    """A scene with the outlines of body and thorax; nothing is painted."""
    patient = study.patient
    frame = Frame(patient)
    canvas = blank(patient, frame)
    z, y, x = frame.fields(canvas)
    bumps = smooth_noise(generator(patient.seed, "chest", "bumps"), canvas.shape, SPACING_MM, 28.0)
    across = x[len(x) // 2][None]
    groove = np.float32(_GROOVE_MM) * np.exp(-((across / 30) ** 2)) * np.clip((y - 10) / 40, 0, 1)
    wall = _section(z, y + groove, x * (1 - np.float32(_TAPER) * y), _WALL, (0, 0, 0), 0.45, patient.size)
    np.maximum(wall, (z - np.float32(_APEX_MM)) * np.float32(patient.size), out=wall)
    wall += bumps
    fat = patient.fat
    skin = _section(
        z,
        y,
        x * (1 - np.float32(0.5 * _TAPER) * y),
        _SKIN,
        (_FAT_SIDE_MM * fat, _FAT_FRONT_MM * fat, _FAT_BACK_MM * fat),
        0.52,
        patient.size,
    )
    skin += 0.8 * bumps
    return Scene(study, canvas, frame, z, y, x, bumps, wall, skin)


def _section(z: Floats, y: Floats, x: Floats, rows: Floats, more: Triple, boxy: float, size: float) -> Floats:
    """About the signed distance in mm from a stack of rounded boxes; `more` widens (side, front, back)."""
    at = [np.interp(z, rows[:, 0], rows[:, k]).astype(np.float32) for k in (1, 2, 3)]
    half = at[0] + np.float32(more[0])
    front, back = at[1] - np.float32(more[1]), at[2] + np.float32(more[2])
    deep, middle = (back - front) / 2, (back + front) / 2
    u, v = x / half, (y - middle) / deep
    u *= u
    v *= v
    q = u * v
    np.minimum(q, np.float32(0.5), out=q)
    q *= np.float32(-boxy)  # fills the corners
    q += u
    q += v
    u /= half**2
    v /= deep**2
    u += v
    np.sqrt(u, out=u)  # the gradient of q, by which the distance is right in all directions
    np.sqrt(q, out=q)
    u += np.float32(1e-4)
    np.divide(q, u, out=u)
    q -= 1
    q *= u
    q *= np.float32(size)
    return q


def paint(scene: Scene) -> None:
    """Paint all that lies outside the ribs, and fat within them."""
    patient, canvas = scene.study.patient, scene.canvas
    arms = _join_limbs(scene)
    breasts = _join_breasts(scene) if patient.sex == "F" else []
    skin, wall = scene.skin, scene.wall
    canvas.hu += within(skin, 2.0) * np.float32(1000 + 15)
    fat = np.float32(FAT_HU - 15 - 6 * patient.fat)
    canvas.hu += within(skin + np.float32(2.2), 2.0) * fat
    muscle = _muscle(scene)
    limits = np.maximum(muscle, skin + np.float32(3 + 0.75 * fat_mm(patient)))
    gap = np.abs(scene.bumps - np.float32(0.35))
    sheets = np.clip(np.float32(0.16) - gap, 0, np.float32(0.16)) * np.float32(4.5)  # fat between the muscles, along a level of the noise
    hu = np.float32(MUSCLE_HU) - sheets * np.float32(140)
    scene.paint(within(limits, 2.5), hu)
    for box, weight in arms:
        scene.paint(weight, MUSCLE_HU, box)
    for box, weight in breasts:
        scene.paint(weight, 25.0, box)
    streaks = np.clip(scene.bumps, -2, 2) * np.float32(9)
    scene.paint(within(wall, 2.0), np.float32(FAT_HU + 2) + streaks)


def _muscle(scene: Scene) -> Floats:
    """Signed distance from the muscles' outer surface."""
    z, y, x, wall = scene.z, scene.y, scene.x, scene.wall
    bulk = np.float32({"M": 1.0, "F": 0.72}[scene.study.patient.sex] * (1.15 - 0.004 * scene.study.patient.age))
    thick = np.float32(8) + 3 * bulk
    far = np.abs(x)
    out = wall - thick
    loins = np.clip(1 - ((far - 30) / np.float32(34)) ** 2, 0, 1) * np.clip((y - 45) / np.float32(30), 0, 1)
    out -= loins * (np.float32(13) + 8 * bulk)
    chest = np.clip(1 - ((z - 45) / np.float32(50)) ** 2, 0, 1) * np.clip((-18 - y) / np.float32(25), 0, 1)
    out -= chest * np.clip((far - 14) / 25, 0, 1) * (14 * bulk)
    flank = np.clip((z + 30) / np.float32(70), 0, 1) * np.clip((y + 25) / np.float32(40), 0, 1)
    out -= flank * np.clip((far - 55) / 40, 0, 1) * (np.float32(17) * bulk + 3)
    neck = np.sqrt((x / 46) ** 2 + ((y - 30) / 42) ** 2) * 42 - 42
    np.minimum(out, np.where(z > 78, neck, np.float32(99)), out=out)
    shoulder = np.clip((z - 62) / np.float32(30), 0, 1)
    return out - shoulder * np.float32(26)


def _join_limbs(scene: Scene) -> list[tuple[tuple[slice, slice, slice], Floats]]:
    """Add shoulders and arms to the outline; weights of their muscle."""
    canvas, frame, patient = scene.canvas, scene.frame, scene.study.patient
    out = []
    for sign in (-1, 1):
        path = arm_path(scene, sign)
        radius = (44 + 12 * patient.fat) * patient.size
        for (start, end), grow in zip(pairwise(path), (1.0, 0.86), strict=True):
            low = np.minimum(frame.point(*start), frame.point(*end)) - radius - 6
            high = np.maximum(frame.point(*start), frame.point(*end)) + radius + 6
            box = canvas.box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
            rod = capsule(canvas.at(box), frame.point(*start), frame.point(*end), (radius * grow, radius * 0.9 * grow))
            rod += scene.bumps[box] * np.float32(1.5)
            part = scene.skin[box]
            blend = np.clip((part - rod) / 36 + 0.5, 0, 1)  # a smooth union, without a crease at the armpit
            part[...] = np.where(np.abs(part - rod) < 18, part + (rod - part) * blend - 18 * blend * (1 - blend), np.minimum(part, rod))
            out.append((box, within(rod + np.float32(4 + 0.5 * fat_mm(patient)), 3.0)))
    return out


def arm_path(scene: Scene, sign: int) -> list[tuple[float, float, float]]:
    """Shoulder, and two points along the upper arm (reference z, y, x)."""
    if arms_down(scene.study.patient):
        return [(96, 38, sign * 140), (40, 46, sign * 182), (-160, 40, sign * 196)]
    return [(92, 36, sign * 132), (118, 26, sign * 146), (160, 14, sign * 152)]


def _join_breasts(scene: Scene) -> list[tuple[tuple[slice, slice, slice], Floats]]:
    """Add breasts to the outline; weights of their gland."""
    canvas, frame, patient = scene.canvas, scene.frame, scene.study.patient
    rng = scene.rng("breasts")
    deep = float(rng.uniform(2, 9) + 14 * patient.fat)
    dense = float(np.clip(rng.normal(0.85 - 0.008 * patient.age, 0.15), 0.05, 0.8))
    out = []
    for sign in (-1, 1):
        centre = frame.point(-18 + float(rng.normal(0, 3)), -102 - _FAT_FRONT_MM * patient.fat, sign * (80 + float(rng.normal(0, 3))))
        radii = (58 * patient.size, (deep + 22) * patient.size, 62 * patient.size)
        box = canvas.box(
            *((centre[0] + d * radii[0] * 1.4, centre[1] + d * radii[1] * 1.4, centre[2] + d * radii[2] * 1.4) for d in (-1, 1))
        )
        lump = ellipsoid(canvas.at(box), centre, radii)
        lump += scene.bumps[box] * np.float32(1.5)
        part = scene.skin[box]
        blend = np.clip((part - lump) / 24 + 0.5, 0, 1)
        part[...] = np.where(np.abs(part - lump) < 12, part + (lump - part) * blend - 12 * blend * (1 - blend), np.minimum(part, lump))
        gland = lump + np.float32(9) + np.maximum(0, np.float32(14) - scene.wall[box])
        grain = canvas.noise(rng, 9.0, box)
        out.append((box, within(gland, 8.0) * np.clip(grain * 0.5 + np.float32(2 * dense - 0.5), 0, 1)))
    return out
