"""Rigid alignment of a scan to a reference frame: a coarse search, then robust least squares (SciPy) at two resolutions.

Both scans are brought to upright grids with everything but the body set to air, so that a couch does not count, and blurred as far
as their voxels are apart. The search compares centres of mass, centres of volume and upper ends, each turned in steps of 15 degrees.
From the best, and from the best without a turn, differences of HU are minimized over six parameters; what fits better goes on.
Nothing is drawn by chance: the same scans give the same transform.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from ..store.errors import ReadError, UsageError, ViewError
from ..store.readers import load_volume
from ..store.readers.nifti import scan
from ..store.scan import Rejected, Volume
from .foreground import foreground
from .rigid import TargetGrid, resample_rigid, target_grid
from .windowing import BELOW_ALL

_GRID_MM, _FINE_MM, _COARSE_MM = 3.0, 4.0, 12.0
_AIR_HU, _BODY_HU, _MOST_HU = -1000.0, -500.0, 1000.0
_TURNS_DEG = (-30.0, -15.0, 0.0, 15.0, 30.0)
_RADIUS_MM = 80.0
"""A turn counts as the way of a point at this distance from the middle."""
_STEP_MM = 0.5
"""Of finite differences."""
_USUAL_HU = 150.0
"""Differences beyond this count less than by their square: two people, or contrast medium."""
_LEAST_MM = 30.0
"""What a scan must span along each axis: a single slice fits a reference in many ways."""
LEAST_CORRELATION = 0.5
LEAST_OVERLAP = 0.5
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Reference:
    """A scan whose frame others are brought to."""

    volume: Volume
    digest: str
    """Of its voxels and geometry: `ViewSpec.align`."""

    @cached_property
    def prepared(self) -> Prepared:
        """What all scans are compared with."""
        return _prepared(self.volume)


@dataclass(frozen=True)
class Rigid:
    """How a scan lies to a reference."""

    matrix: Matrix
    """(4, 4): LPS mm of the reference's frame to LPS mm of the scan."""
    correlation: float
    """Pearson's, of HU cut to -1000..1000 and blurred by 6 mm, where both are and one is body."""
    overlap: float
    """Share of the smaller of both bodies that the other scan has in view."""

    @property
    def turned_deg(self) -> float:
        """The angle of the rotation."""
        return float(np.rad2deg(np.arccos(np.clip((np.trace(self.matrix[:3, :3]) - 1) / 2, -1, 1))))


def load_reference(path: Path) -> Reference:
    """The user's reference volume, from a NIfTI file.

    Raises:
        UsageError: it cannot be read, or its grid is no frame to align to.
    """
    from ..store.local_map import Located

    found = scan(path) if path.is_file() else Rejected(path, "no such file")
    if isinstance(found, Rejected):
        raise UsageError(f"--align {path}: {found.reason}; expected a NIfTI file of a CT in HU")
    try:
        volume = load_volume(Located("nifti", found.sources, None))
        target_grid(volume)
    except (ReadError, ViewError) as error:
        raise UsageError(f"--align {path}: {error}") from error
    return Reference(volume, volume.content)


def rigid_to_reference(volume: Volume, reference: Reference) -> Rigid:
    """Find how a scan lies to a reference.

    Args:
        volume: The scan, of the same part of the body; it may be oblique, tilted, of thick slices, and see more or less of it.
        reference: What to bring it to.

    Raises:
        ViewError: the scan spans too little, or does not come to fit the reference.
    """
    extent = _extent_mm(volume)
    if min(extent) < _LEAST_MM:
        spans = " x ".join(f"{one:.0f}" for one in extent)
        raise ViewError(f"aligning needs {_LEAST_MM:g} mm of the body along each axis; the scan spans {spans} mm: leave --align out")
    fixed, moving = reference.prepared, _prepared(volume)
    found = _compared(fixed, moving, _registered(fixed, moving, _search(fixed, moving)))
    if found.correlation < LEAST_CORRELATION or found.overlap < LEAST_OVERLAP:
        raise ViewError(
            f"the scan does not fit the reference: correlation {found.correlation:.2f} (expected {LEAST_CORRELATION:g} or more) with "
            f"{found.overlap:.0%} of the smaller body in view of both (expected {LEAST_OVERLAP:.0%} or more); leave --align out, or take "
            "a reference of the same part of the body"
        )
    return found


@dataclass(frozen=True)
class Prepared:
    """A scan on upright grids, without its couch; cut HU, NaN beyond what was scanned."""

    volume: Volume
    body: NDArray[np.bool_]
    """On the volume's grid."""
    fine: Volume
    coarse: Volume


def _prepared(volume: Volume) -> Prepared:
    grid = _upright(volume, _GRID_MM)
    eye = np.eye(4)
    values = resample_rigid(volume, eye, grid).numpy()
    kept = _as_volume(foreground("body", volume).astype(np.float32), volume)
    body = resample_rigid(kept, eye, grid, nearest=True).numpy() > 0
    seen = values != BELOW_ALL
    values = np.where(seen, np.where(body, np.clip(values, _AIR_HU, _MOST_HU), _AIR_HU), np.nan).astype(np.float32)
    upright = _upright_volume(values, grid)
    return Prepared(upright, body, _blurred(upright, _FINE_MM), _blurred(upright, _COARSE_MM))


def _blurred(volume: Volume, spacing_mm: float) -> Volume:
    """On a coarser upright grid; of what was scanned alone: a cut through the body is no edge of it."""
    from scipy.ndimage import gaussian_filter

    seen = np.isfinite(volume.voxels)
    sigma = spacing_mm / _GRID_MM / 2
    weight = gaussian_filter(seen.astype(np.float32), sigma)
    blurred = gaussian_filter(np.where(seen, volume.voxels, 0), sigma) / np.maximum(weight, 1e-6)
    values = _as_volume(np.where(seen, blurred, np.nan).astype(np.float32), volume)
    grid = _upright(volume, spacing_mm)
    return _upright_volume(resample_rigid(values, np.eye(4), grid).numpy(), grid)


def _as_volume(values: NDArray[np.float32], like: Volume) -> Volume:
    return Volume(values, like.affine, like.spacing_mm, like.slice_axis, like.z_mm, like.positions_mm, has_hu=True)


def _upright_volume(values: NDArray[np.float32], grid: TargetGrid) -> Volume:
    z = grid.plane_centres[:, 2]
    return Volume(values, grid.affine, grid.spacing_mm, 0, z, z, has_hu=True)


def _corners(volume: Volume) -> NDArray[np.float64]:
    """(8, 3) LPS mm of the outer voxels' centres."""
    depth, height, width = volume.voxels.shape
    step = volume.spacing_mm[volume.slice_axis]
    ends = [width - 1.0, height - 1.0, depth - 1.0]
    if step and len(volume.positions_mm) > 1:
        ends[2 - volume.slice_axis] = float(np.ptp(volume.positions_mm)) / step
    indices = np.array([*product(*((0.0, end) for end in ends))])
    return indices @ volume.affine[:3, :3].T + volume.affine[:3, 3]


def _extent_mm(volume: Volume) -> tuple[float, float, float]:
    """(z, y, x)."""
    if None in volume.spacing_mm:
        raise ViewError(f"aligning needs the scan's spacing in mm, which is unknown in part {volume.spacing_mm}: leave --align out")
    z, y, x = (float(n) * float(step or 0) for n, step in zip(volume.voxels.shape, volume.spacing_mm, strict=True))
    return z, y, x


def _upright(volume: Volume, spacing_mm: float) -> TargetGrid:
    """An even grid along left, posterior and superior that covers a scan."""
    corners = _corners(volume)
    low = corners.min(axis=0)
    x, y, z = (max(2, int(np.ceil(one / spacing_mm)) + 1) for one in np.ptp(corners, axis=0))
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = low
    return TargetGrid((z, y, x), affine)


def _search(fixed: Prepared, moving: Prepared) -> list[Matrix]:
    """Starts, the best first: of all guesses, and of those without a turn."""
    there, grid, target = moving.coarse, target_grid(fixed.coarse), fixed.coarse.voxels
    scores: list[tuple[float, Matrix]] = []
    for guess in _guesses(fixed, moving):
        values = resample_rigid(there, guess, grid).numpy()
        seen = np.isfinite(values) & np.isfinite(target)
        # a fit of a small part is worth little
        score = _pearson(target[seen], values[seen]) * min(1.0, seen.mean() / 0.5) if seen.sum() > 50 else -np.inf
        scores.append((float(score), guess))
    upright = [one for one in scores if np.allclose(one[1][:3, :3], np.eye(3))]
    return [max(some, key=lambda one: one[0])[1] for some in (scores, upright)]


def _guesses(fixed: Prepared, moving: Prepared) -> Iterator[Matrix]:
    pairs = list(zip(_landmarks(fixed), _landmarks(moving), strict=True))
    for (here, there), (pitch, roll, yaw) in product(pairs, product(_TURNS_DEG, repeat=3)):
        yield _about(here, there, _rotation(pitch, roll, yaw))


def _landmarks(one: Prepared) -> list[NDArray[np.float64]]:
    """LPS mm: the body's centre of mass, the middle of the scan, and the middle of the body under its upper end."""
    weight = np.nan_to_num(one.volume.voxels - _AIR_HU)
    places = np.nonzero(weight > 0)
    affine = one.volume.affine
    mass = [float(np.average(at, weights=weight[places])) for at in places]
    middle = [(n - 1) / 2 for n in weight.shape]
    top = [float(places[0].max()), mass[1], mass[2]]
    return [affine[:3, :3] @ np.array(at[::-1]) + affine[:3, 3] for at in (mass, middle, top)]


def _rotation(pitch: float, roll: float, yaw: float) -> NDArray[np.float64]:
    """Degrees about left, posterior and superior."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_euler("xyz", [pitch, roll, yaw], degrees=True).as_matrix()


def _about(here: NDArray[np.float64], there: NDArray[np.float64], rotation: NDArray[np.float64]) -> Matrix:
    """A rotation that brings the one point to the other."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = there - rotation @ here
    return matrix


def _registered(fixed: Prepared, moving: Prepared, starts: Sequence[Matrix]) -> Matrix:
    """The starts, moved until the HU fit best on the coarse grid; the one that fits best goes on to the fine one."""
    coarse = [_fitted(fixed, fixed.coarse, moving.coarse, start) for start in starts]
    best = max(coarse, key=lambda matrix: _compared(fixed, moving, matrix).correlation)
    return _fitted(fixed, fixed.fine, moving.fine, best)


def _fitted(fixed: Prepared, here: Volume, there: Volume, start: Matrix) -> Matrix:
    from scipy.optimize import least_squares

    middle = _landmarks(fixed)[0]
    apart = partial(_differences, here, there, partial(_moved, start, middle))
    slopes = cast("Any", partial(_slopes, apart))
    steps = least_squares(apart, np.zeros(6), slopes, loss="soft_l1", xtol=1e-5, ftol=1e-5, max_nfev=40)
    return _moved(start, middle, steps.x)


def _moved(start: Matrix, middle: NDArray[np.float64], steps: NDArray[np.float64]) -> Matrix:
    """A transform after three shifts and three turns about a middle, all in mm."""
    from scipy.spatial.transform import Rotation

    turn = Rotation.from_rotvec(steps[3:] / _RADIUS_MM).as_matrix()
    return start @ _about(middle, middle + steps[:3], turn)


def _differences(
    here: Volume, there: Volume, moved: Callable[[NDArray[np.float64]], Matrix], steps: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n,) of HU in units of what is usual, where either is body; weighted so that seeing less is no gain."""
    values = resample_rigid(there, moved(steps), target_grid(here)).numpy()
    body = here.voxels > _BODY_HU
    near = np.isfinite(values) & np.isfinite(here.voxels) & (body | (values > _BODY_HU))
    apart = np.zeros(values.shape)
    np.subtract(values, here.voxels, out=apart, where=near)
    return apart.ravel() * (np.sqrt(body.sum() / max(1, int(near.sum()))) / _USUAL_HU)


def _slopes(apart: Callable[[NDArray[np.float64]], NDArray[np.float64]], steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 6)."""
    ways = np.eye(6) * _STEP_MM
    return np.stack([(apart(steps + way) - apart(steps - way)) / (2 * _STEP_MM) for way in ways], axis=1)


def _compared(fixed: Prepared, moving: Prepared, matrix: Matrix) -> Rigid:
    """The transform with what speaks for it. Two people differ in the details, so details are blurred."""
    here = fixed.coarse
    values = resample_rigid(moving.coarse, matrix, target_grid(here)).numpy()
    seen = np.isfinite(values) & np.isfinite(here.voxels)
    near = seen & ((here.voxels > _BODY_HU) | (values > _BODY_HU))
    correlation = _pearson(here.voxels[near], values[near]) if near.sum() > 50 else 0.0
    inner, whole = _share_seen(fixed, moving.volume, matrix), _share_seen(moving, fixed.volume, np.linalg.inv(matrix).astype(np.float64))
    return Rigid(matrix, correlation, inner if fixed.body.sum() <= moving.body.sum() else whole)


def _share_seen(one: Prepared, other: Volume, matrix: Matrix) -> float:
    """How much of a body the other scan has in view. `matrix`: LPS mm of the one to LPS mm of the other."""
    seen = torch.isfinite(resample_rigid(other, matrix, target_grid(one.volume), nearest=True)).numpy()
    return float(seen[one.body].mean()) if one.body.any() else 0.0


def _pearson(one: NDArray[np.number], other: NDArray[np.number]) -> float:
    one, other = one - np.float32(one.mean()), other - np.float32(other.mean())
    scale = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / scale if scale else 0.0
