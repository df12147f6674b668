"""Where the planes of a stack lie. Used by ingest to order them and by decoding to place them, so that both agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import ReadError
from ..geometry import affine_of, orientation, plane_of
from ..scan import Plane
from .dicom_record import Frame

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)

TOLERANCE_MM = 0.06
"""How far a plane may lie from its place on the even grid: half a unit of a position written with one decimal, and a little."""

TOLERANCE_STEP = 0.01
"""The same as a part of the step between planes; the larger of the two counts."""

TILT = 0.01
"""Shift within the plane per mm along the normal above which a stack counts as tilted (0.57 degrees)."""

GAP = 1.5
"""Steps above this many times the median step miss at least one slice."""


@dataclass(frozen=True)
class Layout:
    """A stack of planes in the order given; k counts planes, j rows, i columns."""

    affine: NDArray[np.float64]
    """(4, 4), (i, j, k, 1) to LPS mm. Unknown spacings and positions stand as 1 mm apart."""
    spacing_mm: tuple[float | None, float | None, float | None]
    """(between planes, along their normal; between rows; between columns)."""
    positions_mm: NDArray[np.float64]
    """(planes,) along the normal, increasing; 0, 1, 2, ... where no position is known."""
    z_mm: NDArray[np.float64]
    """(planes,) of the plane's centre along the superior axis; NaN where unknown."""
    plane: Plane
    flags: tuple[str, ...]

    @property
    def reversed(self) -> bool:
        """Whether the planes run against the canonical axis that they lie along."""
        return bool(orientation(self.affine)[2, 1] < 0)


def normal_of(frame: Frame) -> NDArray[np.float64]:
    """(3,) the unit normal of a plane: along a row x along a column."""
    (a, b, c), (d, e, f) = _cosines(frame)
    return _unit(np.array([b * f - c * e, c * d - a * f, a * e - b * d]))  # np.cross takes ten times as long for one pair


def points_of(frames: Sequence[Frame]) -> NDArray[np.float64] | None:
    """(planes, 3) LPS mm of each plane's first voxel; None where neither a position nor a SliceLocation places each.

    A SliceLocation is taken along the normal, turned towards the head (or left, or back).
    """
    if all(frame.position is not None for frame in frames):
        return np.array([frame.position for frame in frames], dtype=np.float64)
    locations = [frame.location for frame in frames if frame.location is not None]
    if len(locations) == len(frames):
        normal = normal_of(frames[0])
        towards = normal * np.sign(normal[np.argmax(np.abs(normal))])
        return np.outer(np.array(locations), towards)
    return None


def lay_out(frames: Sequence[Frame], rows: int, columns: int) -> Layout:
    """The geometry of planes in the order given, which must follow their normal one way or the other.

    Raises:
        ReadError: they do not, or the geometry is degenerate.
    """
    row, column = _cosines(frames[0])
    normal = normal_of(frames[0])
    points = points_of(frames)
    between_rows, between_columns = frames[0].spacing or (1.0, 1.0)
    flags = [] if frames[0].spacing else ["no_spacing"]
    if frames[0].orientation is None:
        flags.append("no_orientation")
    if frames[0].position is None:
        flags.append("no_position")
    origin = np.zeros(3) if points is None else points[0]
    step, step_mm = normal, None
    positions = np.arange(len(frames), dtype=np.float64)
    if len(frames) == 1:
        flags.append("single_slice")
    if points is None:
        flags.extend(["order_by_instance_number"] if len(frames) > 1 else [])
    elif len(frames) == 1:
        positions = points @ _towards(row, column, normal, origin)
    else:
        normal = normal if (points[-1] - points[0]) @ normal >= 0 else -normal
        positions = points @ normal
        if (np.diff(positions) <= 0).any():
            raise ReadError("the slices do not follow one another along their normal: their headers are not those that were ingested")
        step_mm, found = _step(positions)
        drift = (points[-1] - points[0]) / (positions[-1] - positions[0])
        step = drift * step_mm
        flags.extend(found)
        flags.extend(_sideways(points, positions, drift, normal, min(between_rows, between_columns)))
    affine = affine_of(origin, row * between_columns, column * between_rows, step)
    if step_mm is None:  # nothing tells which way the planes run, so they run the canonical way
        affine[:3, 2] *= orientation(affine)[2, 1]
    in_plane = frames[0].spacing or (None, None)
    spacing = (None if step_mm is None else round(step_mm, 6), in_plane[0], in_plane[1])
    centre = row * between_columns * (columns - 1) / 2 + column * between_rows * (rows - 1) / 2
    level = abs(row[2]) < 1e-6 and abs(column[2]) < 1e-6
    known = points is not None and (level or frames[0].spacing is not None)
    z = points[:, 2] + centre[2] if points is not None and known else np.full(len(frames), np.nan)
    return Layout(affine, spacing, positions, z, plane_of(normal), tuple(flags))


def _cosines(frame: Frame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    cosines = np.array(frame.orientation or AXIAL, dtype=np.float64)
    return _unit(cosines[:3]), _unit(cosines[3:])


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return vector / np.linalg.norm(vector)


def _towards(
    row: NDArray[np.float64], column: NDArray[np.float64], normal: NDArray[np.float64], origin: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The normal, turned along the canonical axis that it is nearest to."""
    return normal * orientation(affine_of(origin, row, column, normal))[2, 1]


def _step(positions: NDArray[np.float64]) -> tuple[float, list[str]]:
    """The distance between neighbouring planes, and what is wrong with it.

    Planes are compared with the even grid that fits them best (gaps counted as whole steps), not each step with the next:
    0.625 mm written with one decimal gives steps of 0.6 and 0.7 and is even all the same. Then the step is the whole
    length over the number of steps, which rounding cannot bend; on uneven stacks it is the median step.
    """
    steps = np.diff(positions)
    median = float(np.median(steps))
    gaps = steps > GAP * median
    along = np.concatenate([[0.0], np.cumsum(np.where(gaps, np.maximum(np.rint(steps / median), 1.0), 1.0))])
    centred = along - along.mean()
    slope = centred @ positions / (centred @ centred)  # least squares
    off_grid = np.abs(positions - positions.mean() - slope * centred).max()
    even = bool(off_grid <= max(TOLERANCE_MM, TOLERANCE_STEP * median))
    flags = (["missing_slices"] if gaps.any() else []) + ([] if even else ["nonuniform"])
    return float((positions[-1] - positions[0]) / along[-1]) if even else median, flags


def _sideways(
    points: NDArray[np.float64], positions: NDArray[np.float64], drift: NDArray[np.float64], normal: NDArray[np.float64], pixel: float
) -> list[str]:
    """`tilted` where the stack leans, `shifted` where planes lie beside the line through the first and last by half a pixel."""
    lean = drift - (drift @ normal) * normal
    beside = points - points[0] - np.outer(positions - positions[0], drift)
    shifted = np.linalg.norm(beside, axis=1).max() > max(TOLERANCE_MM, pixel / 2)
    return (["tilted"] if np.linalg.norm(lean) > TILT else []) + (["shifted"] if shifted else [])
