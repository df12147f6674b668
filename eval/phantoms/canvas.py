"""What bodies are painted on: a grid in millimetres, soft-edged shapes, and the regions that lesions take."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from .grids import smooth_noise
from .model import Region, Rendered

Box = tuple[slice, slice, slice]
Triple = tuple[float, float, float]


@final
class Canvas:
    """HU on a grid (Z, Y, X), with its coordinates as open arrays; all triples are (z, y, x) in mm."""

    def __init__(self, low_mm: Triple, high_mm: Triple, spacing_mm: Triple, hu: float = -1000.0) -> None:
        """A grid from the centre of the first voxel at `low_mm` up to `high_mm`, filled with air."""
        self.spacing_mm = spacing_mm
        self.origin_mm = low_mm
        shape = tuple(int(np.floor((h - o) / s)) + 1 for o, h, s in zip(low_mm, high_mm, spacing_mm, strict=True))
        self.shape: tuple[int, int, int] = (shape[0], shape[1], shape[2])
        self.hu: NDArray[np.float32] = np.full(self.shape, hu, np.float32)
        axes = [
            np.float32(o) + np.arange(n, dtype=np.float32) * np.float32(s) for o, n, s in zip(low_mm, self.shape, spacing_mm, strict=True)
        ]
        self.z: NDArray[np.float32] = axes[0][:, None, None]
        self.y: NDArray[np.float32] = axes[1][None, :, None]
        self.x: NDArray[np.float32] = axes[2][None, None, :]

    def box(self, low_mm: Triple, high_mm: Triple) -> Box:
        """The part of the grid between two corners, clipped to it; may be empty."""
        edges = []
        for low, high, origin, step, count in zip(low_mm, high_mm, self.origin_mm, self.spacing_mm, self.shape, strict=True):
            first = int(np.clip(np.floor((low - origin) / step), 0, count))
            last = int(np.clip(np.ceil((high - origin) / step) + 1, first, count))
            edges.append(slice(first, last))
        return edges[0], edges[1], edges[2]

    def around(self, centre_mm: Triple, reach_mm: float) -> Box:
        z, y, x = centre_mm
        return self.box((z - reach_mm, y - reach_mm, x - reach_mm), (z + reach_mm, y + reach_mm, x + reach_mm))

    def at(self, box: Box) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Open coordinates (z, y, x) of a part of the grid, in mm."""
        return self.z[box[0]], self.y[:, box[1]], self.x[:, :, box[2]]

    def paint(self, weight: NDArray[np.floating[Any]], hu: float | NDArray[np.floating[Any]], box: Box | None = None) -> None:
        """Blend `hu` in by `weight` 0..1 (of the box's shape, or of the grid's)."""
        part = self.hu if box is None else self.hu[box]
        part += weight * (hu - part)

    def noise(self, rng: np.random.Generator, scale_mm: float, box: Box | None = None) -> NDArray[np.float32]:
        """A smooth random field of about unit standard deviation on the grid or a part of it."""
        shape = self.shape if box is None else self.hu[box].shape
        return smooth_noise(rng, shape, self.spacing_mm, scale_mm)

    def region(self, weight: NDArray[np.floating[Any]] | NDArray[np.bool_], box: Box | None = None) -> Region | None:
        """Where `weight` is at least one half, cropped; None where it is nowhere."""
        mask = np.asarray(weight >= 0.5, np.bool_)
        offset = (0, 0, 0) if box is None else tuple(s.start for s in box)
        edges = []
        for axis in range(3):
            places = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
            if not len(places):
                return None
            edges.append(slice(int(places[0]), int(places[-1]) + 1))
        crop = np.ascontiguousarray(mask[edges[0], edges[1], edges[2]])
        start = (edges[0].start + offset[0], edges[1].start + offset[1], edges[2].start + offset[2])
        return Region(start, crop)

    def depth_of(self, region: Region) -> float:
        """Z in mm of the plane where most of a region lies."""
        areas = region.voxels.sum(axis=(1, 2))
        return self.origin_mm[0] + (region.start[0] + int(areas.argmax())) * self.spacing_mm[0]

    def rendered(self, regions: list[Region | None], depth_mm: list[float]) -> Rendered:
        return Rendered(self.hu, self.spacing_mm, self.origin_mm, tuple(regions), tuple(depth_mm))


def inside(distance_mm: NDArray[np.floating[Any]], edge_mm: float = 1.0) -> NDArray[np.float32]:
    """A weight 0..1 from a signed distance (negative inside), falling over `edge_mm`."""
    return np.clip(0.5 - distance_mm / np.float32(edge_mm), 0, 1).astype(np.float32, copy=False)


def ellipsoid(
    coordinates: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]],
    centre_mm: Triple,
    radii_mm: Triple,
    power: float = 2.0,
) -> NDArray[np.float32]:
    """About the signed distance in mm from an ellipsoid with axes along (z, y, x); `power` above 2 makes it boxier."""
    terms = (
        np.abs((c - np.float32(m)) / np.float32(r)) ** np.float32(power) for c, m, r in zip(coordinates, centre_mm, radii_mm, strict=True)
    )
    z, y, x = terms
    return ((z + y + x) ** np.float32(1 / power) - 1) * np.float32(min(radii_mm))


def capsule(
    coordinates: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]],
    start_mm: Triple,
    end_mm: Triple,
    radius_mm: float | tuple[float, float],
) -> NDArray[np.float32]:
    """The signed distance in mm from a rod between two points; two radii make it taper."""
    first, last = (radius_mm, radius_mm) if isinstance(radius_mm, (int, float)) else radius_mm
    axis = np.subtract(end_mm, start_mm).astype(np.float32)
    length = float(axis @ axis) or 1.0
    offsets = [c - np.float32(s) for c, s in zip(coordinates, start_mm, strict=True)]
    t = np.clip((offsets[0] * axis[0] + offsets[1] * axis[1] + offsets[2] * axis[2]) / np.float32(length), 0, 1)
    gap = sum((o - t * a) ** 2 for o, a in zip(offsets, axis, strict=True))
    return np.sqrt(gap, dtype=np.float32) - (np.float32(first) + t * np.float32(last - first))
