"""From a body to a series: the gantry's planes, slice thickness, kernel, noise, motion, calibration, quantization."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, shift
from scipy.sparse import csr_array

from .grids import along, weights
from .model import Acquired, Region, Rendered, Series
from .seeds import generator

LOWEST_HU, HIGHEST_HU = -1024, 3071
"""What 12 bits hold."""
_MARGIN = 2
"""Voxels of nothing around a lesion's crop: beyond a grid's ends its last values go on."""

Triple = tuple[float, float, float]


def acquire(rendered: Rendered, series: Series, offset_hu: float = 0.0) -> Acquired:
    """Scan a body. Beyond the body's grid its last values go on, so positions should lie within it."""
    every = np.arange(series.matrix)
    hu = _sampled(rendered.hu, rendered.origin_mm, rendered.spacing_mm, series, every, every, series.fwhm_mm)
    rng = generator(series.seed, "acquire")
    if series.motion > 0:
        _move(hu, series, rng)
    hu += _noise(hu, series, rng)
    hu += np.float32(offset_hu)
    np.clip(hu, LOWEST_HU, HIGHEST_HU, out=hu)
    regions = tuple(None if region is None else _region(region, rendered, series) for region in rendered.regions)
    return Acquired(series, np.rint(hu).astype(np.int16), regions, _centres(series)[:, 2])


def row_direction(series: Series) -> NDArray[np.float64]:
    """(x, y, z) of a step from one row to the next."""
    angle = np.deg2rad(series.tilt_deg)
    return np.array([0.0, np.cos(angle), np.sin(angle)])


def normal(series: Series) -> NDArray[np.float64]:
    """(x, y, z) of the slices' axis: columns x rows."""
    angle = np.deg2rad(series.tilt_deg)
    return np.array([0.0, -np.sin(angle), np.cos(angle)])


def travel(series: Series) -> NDArray[np.float64]:
    """(x, y, z) that the table goes on, per mm along the normal. It moves along z, tilted gantry or not: then the stack is sheared."""
    return np.array([0.0, 0.0, 1.0 / normal(series)[2]])


def corner_mm(series: Series, index: int) -> NDArray[np.float64]:
    """(x, y, z) of the centre of the first voxel of an image: its ImagePositionPatient."""
    half = (series.matrix - 1) / 2 * series.pixel_mm
    return _centres(series)[index] - half * np.array([1.0, 0.0, 0.0]) - half * row_direction(series)


def _centres(series: Series) -> NDArray[np.float64]:
    """(slices, 3): x, y, z of each image's centre."""
    made = np.empty((len(series.positions_mm), 3), np.float64)
    made[:, :2] = series.centre_mm
    made[:, 2] = np.asarray(series.positions_mm) * travel(series)[2]
    return made


def _offsets(series: Series, pixels: NDArray[np.intp]) -> NDArray[np.float64]:
    """Distances in mm of rows or columns from the image's centre."""
    return np.asarray((pixels - (series.matrix - 1) / 2) * series.pixel_mm, np.float64)


def _places(series: Series, rows: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Y and z in mm of rows, (slices, rows) each."""
    direction, centres = row_direction(series), _centres(series)[:, None]
    along_rows = _offsets(series, rows)[None, :]
    return centres[..., 1] + along_rows * direction[1], centres[..., 2] + along_rows * direction[2]


def _sampled(
    values: NDArray[np.float32],
    origin: Triple,
    spacing: Triple,
    series: Series,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    fwhm_mm: float,
) -> NDArray[np.float32]:
    """(slices, rows, columns) of values (Z, Y, X): blurred in the plane, averaged over the slices' thickness."""
    z, y, x = ((o + np.arange(n) * s) for o, n, s in zip(origin, values.shape, spacing, strict=True))
    out = along(values, weights(x, series.centre_mm[0] + _offsets(series, columns), fwhm_mm), 2)
    at_y, at_z = _places(series, rows)
    if series.tilt_deg == 0:
        out = along(out, weights(z, at_z[:, 0], width_mm=series.thickness_mm), 0)
        return along(out, weights(y, at_y[0], fwhm_mm), 1)
    out = along(out, weights(z, z, width_mm=series.thickness_mm), 0)
    out = along(out, weights(y, y, fwhm_mm), 1)
    plane = _bilinear(z, at_z.ravel(), y, at_y.ravel())
    return np.asarray(plane @ out.reshape(len(z) * len(y), -1), np.float32).reshape(len(series.positions_mm), len(rows), -1)


def _bilinear(z: NDArray[np.float64], at_z: NDArray[np.float64], y: NDArray[np.float64], at_y: NDArray[np.float64]) -> csr_array:
    """Weights (points, Z * Y) of points in a plane of constant x."""

    def neighbours(grid: NDArray[np.float64], at: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        place = np.clip((at - grid[0]) / (grid[1] - grid[0]), 0, len(grid) - 1)
        lower = np.minimum(place.astype(np.int64), len(grid) - 2)
        return lower, place - lower

    (low_z, share_z), (low_y, share_y) = neighbours(z, at_z), neighbours(y, at_y)
    columns, values = [], []
    for step_z, part_z in ((0, 1 - share_z), (1, share_z)):
        for step_y, part_y in ((0, 1 - share_y), (1, share_y)):
            columns.append((low_z + step_z) * len(y) + low_y + step_y)
            values.append((part_z * part_y).astype(np.float32))
    rows = np.tile(np.arange(len(at_z)), 4)
    return csr_array((np.concatenate(values), (rows, np.concatenate(columns))), shape=(len(at_z), len(z) * len(y)))


def _move(hu: NDArray[np.float32], series: Series, rng: np.random.Generator) -> None:
    """Some neighbouring slices are seen twice, a little apart: ghosts, as when a patient turns the head or breathes."""
    count = max(1, round(len(hu) * (0.1 + 0.25 * series.motion)))
    first = int(rng.integers(0, max(1, len(hu) - count)))
    for index in range(first, min(len(hu), first + count)):
        step = rng.normal(0, 1 + 4 * series.motion, 2) / series.pixel_mm
        ghost = shift(hu[index], step, order=1, mode="nearest")
        hu[index] += np.float32(0.2 + 0.25 * series.motion) * (ghost - hu[index])


def _noise(hu: NDArray[np.float32], series: Series, rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise with the kernel's grain, stronger where more was absorbed: in the middle of the body, and little in the air around."""
    white = rng.standard_normal(hu.shape, dtype=np.float32)
    grain = series.fwhm_mm * (0.6 if series.sharp else 0.9) / series.pixel_mm / 2.355
    if grain > 0.2:
        for axis in (1, 2):
            white = gaussian_filter1d(white, grain, axis=axis, truncate=2.5, mode="wrap")
    white /= np.float32(max(float(white.std()), 1e-6))
    body = (hu > -700).mean(axis=(1, 2), keepdims=True)  # how much of the slice is tissue
    local = np.clip((hu + 1000) / 1000, 0.25, 1.0)
    return white * local * (np.float32(series.noise_hu) * np.sqrt(0.4 + 1.4 * body))


def _region(region: Region, rendered: Rendered, series: Series) -> Region | None:
    """A lesion on the series' grid: voxels of which half or more is lesion; of one thinner than that, the fullest."""
    crop = np.pad(region.voxels, _MARGIN).astype(np.float32)
    start = (o + (s - _MARGIN) * step for o, s, step in zip(rendered.origin_mm, region.start, rendered.spacing_mm, strict=True))
    origin: Triple = (next(start), next(start), next(start))
    end = [o + n * s for o, n, s in zip(origin, crop.shape, rendered.spacing_mm, strict=True)]
    every = np.arange(series.matrix)
    at_y, at_z = _places(series, every)
    x = series.centre_mm[0] + _offsets(series, every)
    near = (at_y >= origin[1]) & (at_y <= end[1]) & (at_z >= origin[0] - series.thickness_mm) & (at_z <= end[0] + series.thickness_mm)
    rows, columns = np.flatnonzero(near.any(axis=0)), np.flatnonzero((x >= origin[2]) & (x <= end[2]))
    if not len(rows) or not len(columns):
        return None
    share = _sampled(crop, origin, rendered.spacing_mm, series, rows, columns, 0.0)
    peak = float(share.max())
    if peak < 0.1:
        return None
    mask = share >= min(0.5, 0.8 * peak)
    edges = [np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    low, high = [int(e[0]) for e in edges], [int(e[-1]) + 1 for e in edges]
    inner = np.ascontiguousarray(mask[low[0] : high[0], low[1] : high[1], low[2] : high[2]])
    return Region((low[0], int(rows[0]) + low[1], int(columns[0]) + low[2]), inner)
