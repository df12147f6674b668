"""The trees of pulmonary arteries and veins, grown from the hila to all parts of the lungs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .scene import Scene, within
from .tubes import Points, drops

# roots (reference z, y, x) of the right side's artery and vein; the left side's are mirrored
_ROOTS = {1: ((12, 8, 38), (-6, 2, 36)), -1: ((4, 8, 38), (-12, 2, 34))}
_LEAVES = 250
_STEP_MM = 4.0
_DETOUR = 0.42
"""0: each twig leaves the nearest branch; 1: each comes straight from the hilum."""
_TWIG_MM = 0.76
_MURRAY = 0.41
_WIDEST_MM = 6.6


def paint(scene: Scene) -> None:
    points, radii = [], []
    for sign in (-1, 1):
        targets = _targets(scene, sign)
        for kind, root in enumerate(_ROOTS[sign]):
            rng = scene.rng("tree", sign, kind)
            start = scene.frame.world((root[0], root[1], sign * root[2]))
            nodes, radius = grow(start, targets[kind::2], np.array([0.0, 0.1, sign]), rng)
            points.append(nodes)
            radii.append(radius)
    weight = drops(scene.canvas, np.concatenate(points), np.concatenate(radii) * scene.study.patient.size)
    weight *= within(scene.lung, 2.0)
    scene.paint(weight, scene.blood_hu * 0.9 + 4)


def _targets(scene: Scene, sign: int) -> Points:
    """Where twigs end: spread over a lung, up to a few millimetres below its surface."""
    rng = scene.rng("twigs", sign)
    every = (slice(None, None, 2),) * 3
    lung, x = scene.lung[every], scene.x[every]
    at = np.argwhere((lung < -4) & (x * sign > 0))
    chosen = at[rng.permutation(len(at))[: 2 * _LEAVES]]
    return chosen * 2 * np.asarray(scene.canvas.spacing_mm) + np.asarray(scene.canvas.origin_mm) + rng.normal(0, 1.2, chosen.shape)


def grow(root: Points, targets: Points, ahead: Points, rng: np.random.Generator) -> tuple[Points, NDArray[np.float64]]:
    """A tree from the root to all targets; points (N, 3) about a millimetre apart, and radii (N).

    Each target is joined to the branch from which the way to the root is shortest, with a penalty on detours; a branch is as thick as
    the twigs it feeds demand (Murray's law).
    """
    order = np.argsort(((targets - root) ** 2).sum(axis=1) * rng.uniform(0.6, 1.4, len(targets)))
    room = 4 + int(sum(np.ceil(1.4 * np.sqrt(((targets - root) ** 2).sum(axis=1)) / _STEP_MM) + 2))
    nodes, heading = np.zeros((room, 3)), np.zeros((room, 3))
    path = np.full(room, np.inf)
    parent = [0] * room
    ends = []
    nodes[0], heading[0], path[0] = root, ahead, 0.0
    count = 1
    for target in targets[order]:
        gap = np.sqrt(((nodes[:count] - target) ** 2).sum(axis=1))
        origin = int(np.argmin(gap + _DETOUR * path[:count]))
        length = float(gap[origin])
        steps = min(max(1, round(length / _STEP_MM)), room - count)
        share = (np.arange(1, steps + 1) / max(steps, 1))[:, None]
        bend = nodes[origin] + heading[origin] * 0.38 * length
        curve = (1 - share) ** 2 * nodes[origin] + 2 * share * (1 - share) * bend + share**2 * target
        nodes[count : count + steps] = curve
        steer = curve - np.concatenate([nodes[origin][None], curve[:-1]])
        heading[count : count + steps] = steer / np.maximum(np.sqrt((steer**2).sum(axis=1, keepdims=True)), 1e-6)
        path[count : count + steps] = path[origin] + length * share[:, 0]
        parent[count] = origin
        for k in range(count + 1, count + steps):
            parent[k] = k - 1
        count += steps
        ends.append(count - 1)
    fed = [0] * count
    for end in ends:
        fed[end] += 1
    for k in range(count - 1, 0, -1):
        fed[parent[k]] += fed[k]
    radius = np.minimum(_TWIG_MM * np.asarray(fed[1:], np.float64) ** _MURRAY, _WIDEST_MM)
    near, far = nodes[np.asarray(parent[1:count])], nodes[1:count]
    parts = int(_STEP_MM)
    share = ((np.arange(parts) + 1) / parts)[:, None, None]
    return (near + (far - near) * share).reshape(-1, 3), np.tile(radius, parts)
