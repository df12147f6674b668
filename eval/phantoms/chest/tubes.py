"""Rods and threads: thick ones as signed distances, thin ones as drops along a line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..canvas import Box, Canvas, capsule
from .frame import Floats

Points = NDArray[np.float64]
_THIN_MM = (1.3, 3.0, 6.0)
"""Radii up to which drops reach one, two and four voxels far."""


def tube(canvas: Canvas, points_mm: Points, radii_mm: list[float]) -> tuple[Floats, Box]:
    """Signed distance in mm, in a box, from a chain of rods through points (N, 3) of these radii (N)."""
    reach = max(radii_mm) + 4
    low, high = points_mm.min(axis=0) - reach, points_mm.max(axis=0) + reach
    box = canvas.box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
    distance = np.full(canvas.hu[box].shape, 100, np.float32)
    for start, end, first, last in zip(points_mm[:-1], points_mm[1:], radii_mm[:-1], radii_mm[1:], strict=True):
        under, over = np.minimum(start, end) - reach, np.maximum(start, end) + reach
        part = canvas.box((under[0], under[1], under[2]), (over[0], over[1], over[2]))
        inner = tuple(slice(p.start - b.start, p.stop - b.start) for p, b in zip(part, box, strict=True))
        near = capsule(canvas.at(part), (start[0], start[1], start[2]), (end[0], end[1], end[2]), (first, last))
        distance[inner] = np.minimum(distance[inner], near)
    return distance, box


def smooth_chain(points: Points, radii: list[float], times: int = 4) -> tuple[Points, list[float]]:
    """A curve through points (Catmull-Rom), so that tubes have no knees."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    share = np.arange(times)[:, None] / times
    out = []
    for p0, p1, p2, p3 in zip(padded[:-3], padded[1:-2], padded[2:-1], padded[3:], strict=True):
        a, b, c = 2 * p1, p2 - p0, 2 * p0 - 5 * p1 + 4 * p2 - p3
        out.append(0.5 * (a + b * share + c * share**2 + (3 * p1 - p0 - 3 * p2 + p3) * share**3))
    curve = np.concatenate([*out, points[-1:]])
    places = np.linspace(0, len(radii) - 1, len(curve))
    return curve, [float(r) for r in np.interp(places, np.arange(len(radii)), radii)]


def thread(canvas: Canvas, points_mm: Points, radius_mm: float) -> tuple[Floats, Box]:
    """Weights, in a box, of a thin line of even thickness through points."""
    reach = radius_mm + 12
    low, high = points_mm.min(axis=0) - reach, points_mm.max(axis=0) + reach
    box = canvas.box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
    line = along_line(points_mm)
    return drops(canvas, line, np.full(len(line), radius_mm), box), box


def along_line(points: Points, step_mm: float = 1.0) -> Points:
    """Points at even steps along a chain."""
    gaps = np.sqrt(((points[1:] - points[:-1]) ** 2).sum(axis=1))
    length = np.concatenate([[0.0], np.cumsum(gaps)])
    at = np.arange(0, length[-1] + step_mm / 2, step_mm)
    return np.stack([np.interp(at, length, points[:, k]) for k in range(3)], axis=1)


def drops(canvas: Canvas, points_mm: Points, radii_mm: NDArray[np.float64], box: Box | None = None) -> Floats:
    """Weights 0..1 on the grid or a part of it of balls at points (N, 3), close enough to look like threads.

    Balls finer than a voxel fill it in part; those that reach beyond the grid are left out.
    """
    shape = canvas.shape if box is None else canvas.hu[box].shape
    first = (0, 0, 0) if box is None else tuple(s.start for s in box)
    out = np.zeros(shape, np.float32)
    flat = out.reshape(-1)
    spacing = np.asarray(canvas.spacing_mm)
    origin = np.asarray(canvas.origin_mm) + np.asarray(first) * spacing
    least = 0.0
    for most, reach in zip(_THIN_MM, (1, 2, 4), strict=True):
        chosen = (radii_mm > least) & (radii_mm <= most)
        least = most
        place = (points_mm[chosen] - origin) / spacing
        if not len(place):
            continue
        nearest = np.rint(place).astype(np.int64)
        fits = ((nearest >= reach) & (nearest < np.asarray(shape) - reach)).all(axis=1)
        nearest, rest = nearest[fits], ((place - np.rint(place)) * spacing)[fits].astype(np.float32)
        radius = radii_mm[chosen][fits].astype(np.float32)
        full = np.minimum(np.float32(1), np.float32(0.2) + np.float32(0.75) * radius)
        middle = (nearest[:, 0] * shape[1] + nearest[:, 1]) * shape[2] + nearest[:, 2]
        for dz in range(-reach, reach + 1):
            for dy in range(-reach, reach + 1):
                for dx in range(-reach, reach + 1):
                    step = np.asarray((dz, dy, dx)) * spacing
                    if reach > 1 and float((step**2).sum()) > (most + 2.5) ** 2:
                        continue
                    gap = np.sqrt(((step.astype(np.float32) - rest) ** 2).sum(axis=1))
                    weight = np.clip(np.float32(0.5) + (radius - gap) / np.float32(2), 0, 1) * full
                    np.maximum.at(flat, middle + (dz * shape[1] + dy) * shape[2] + dx, weight)
    return out
