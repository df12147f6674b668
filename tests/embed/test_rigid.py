"""Resampling through a rigid transform, against SciPy and SimpleITK, and by physical points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from rigid_moves import transform
from scanbank.embed.grid import plane_places
from scanbank.embed.rigid import TargetGrid, resample_rigid, target_grid
from scanbank.embed.windowing import BELOW_ALL
from scanbank.store.errors import ViewError
from scanbank.store.readers.grid import volume_of
from scanbank.store.scan import Volume

HU_RANGE = 4000.0


def scan(shape: tuple[int, int, int] = (9, 12, 14), spacing: tuple[float, float, float] = (3.0, 1.5, 1.0), seed: int = 0) -> Volume:
    """Noise over all HU; (z, y, x)."""
    affine = np.diag([*reversed(spacing), 1.0])
    affine[:3, 3] = (-7.0, 20.0, 100.0)
    voxels = np.random.default_rng(seed).uniform(-1000, 3000, shape).astype(np.float32)
    return volume_of(voxels, affine, True)


def scipy_says(volume: Volume, moved: np.ndarray, grid: TargetGrid, order: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Values by map_coordinates, and whether the place is within the outer voxels' centres."""
    k, j, i = np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij")
    points = np.linalg.inv(volume.affine) @ moved @ grid.affine @ np.stack([i.ravel(), j.ravel(), k.ravel(), np.ones(i.size)])
    at = points[2::-1].copy()
    at[0] = np.interp(at[0], plane_places(volume), np.arange(len(plane_places(volume))), left=-1, right=len(volume.voxels))
    inside = np.all([(a >= 0) & (a <= n - 1) for a, n in zip(at, volume.voxels.shape, strict=True)], axis=0)
    values = map_coordinates(volume.voxels, at, order=order, mode="nearest", prefilter=False)
    return values.reshape(grid.shape), inside.reshape(grid.shape)


@settings(max_examples=25)
@given(st.tuples(*[st.floats(-180, 180)] * 3), st.tuples(*[st.floats(-10, 10)] * 3), st.integers(0, 99))
def test_equal_to_scipy_within(degrees: tuple[float, float, float], shift: tuple[float, float, float], seed: int) -> None:
    volume = scan(seed=seed)
    grid = target_grid(scan((8, 8, 8), (2.5, 2.0, 2.0)), (2.0, 1.7, 1.9))
    found = resample_rigid(volume, transform(degrees, shift), grid).numpy()
    expected, inside = scipy_says(volume, transform(degrees, shift), grid)
    assert np.abs(found - expected)[inside].max(initial=0.0) / HU_RANGE < 1e-4


def test_uneven_planes_are_met_where_they_are() -> None:
    positions = np.array([0.0, 2.0, 3.0, 7.0, 8.0])
    ramp = np.broadcast_to(positions[:, None, None], (5, 4, 4)).astype(np.float32).copy()
    volume = Volume(ramp, np.diag([1.0, 1.0, 2.0, 1.0]), (2.0, 1.0, 1.0), 0, positions, positions, has_hu=True)
    grid = TargetGrid((8, 4, 4), np.eye(4))
    found = resample_rigid(volume, np.eye(4), grid).numpy()
    assert np.allclose(found[:, 1, 1], np.arange(8))
    nearest = resample_rigid(volume, transform((0, 0, 0), (0, 0, 0.1)), grid, nearest=True).numpy()
    assert list(nearest[:, 0, 0]) == [0, 2, 2, 3, 3, 7, 7, 7]


def test_a_tilted_stack_is_sheared_back() -> None:
    x = np.arange(20.0)
    affine = np.array([[1.0, 0, 0, 0], [0, 1.0, 1.5, 0], [0, 0, 3.0, 0], [0, 0, 0, 1]])  # (x, y, z); rows drift back by 1.5 mm a plane
    k, j, _ = np.meshgrid(np.arange(6), np.arange(20), x, indexing="ij")
    volume = volume_of((j + 1.5 * k).astype(np.float32), affine, True)  # the value is y in mm
    grid = TargetGrid((5, 6, 4), np.array([[1.0, 0, 0, 3], [0, 1.0, 0, 9], [0, 0, 3.0, 0], [0, 0, 0, 1]]))
    found = resample_rigid(volume, np.eye(4), grid).numpy()
    assert np.allclose(found, np.arange(9, 15)[None, :, None], atol=1e-4)


def test_beyond_half_a_voxel_there_is_nothing() -> None:
    volume = scan((2, 2, 2), (1.0, 1.0, 1.0))
    found = resample_rigid(volume, transform((0, 0, 0), (0.5, 0, 0)), target_grid(volume)).numpy()
    assert np.allclose(found[..., 1], volume.voxels[..., 1])
    gone = resample_rigid(volume, transform((0, 0, 0), (0.51, 0, 0)), target_grid(volume)).numpy()
    assert (gone[..., 1] == BELOW_ALL).all()


def test_a_grid_is_cropped_and_padded_around_its_middle() -> None:
    frame = scan((10, 12, 14), (2.0, 1.0, 1.0))
    whole, made = target_grid(frame), target_grid(frame, (4.0, 1.0, 2.0), (7, 6, 7))
    assert made.shape == (7, 6, 7)
    assert np.allclose(made.spacing_mm, (4.0, 1.0, 2.0))
    assert np.allclose(made.plane_centres[3], whole.plane_centres[[4, 5]].mean(axis=0))


def test_frames_must_be_square_and_even() -> None:
    affine = np.array([[1.0, 0, 0, 0], [0, 1.0, 0.5, 0], [0, 0, 3.0, 0], [0, 0, 0, 1]])
    with pytest.raises(ViewError, match=r"off by a cosine of 0\.1"):
        target_grid(volume_of(np.zeros((3, 3, 3), np.int16), affine, True))
    unknown = Volume(np.zeros((1, 4, 4), np.int16), np.eye(4), (None, 1.0, 1.0), 0, np.zeros(1), np.zeros(1), has_hu=True)
    with pytest.raises(ViewError, match="unknown in part"):
        resample_rigid(unknown, np.eye(4), target_grid(scan()))
