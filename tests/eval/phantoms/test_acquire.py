"""Scanning bodies whose every value is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from phantom_bodies import ORIGIN, SPACING, ball, body, mm, series
from scanbank.eval.phantoms.acquire import HIGHEST_HU, LOWEST_HU, acquire, corner_mm, normal, row_direction

TILT = 17.0


def places(planned) -> np.ndarray:
    """(3, slices, rows, columns): (z, y, x) in mm of every voxel, from the DICOM geometry alone."""
    rows = np.arange(planned.matrix)[:, None, None] * planned.pixel_mm * row_direction(planned)
    columns = np.arange(planned.matrix)[None, :, None] * planned.pixel_mm * np.array([1.0, 0, 0])
    return np.stack([corner_mm(planned, i) + rows + columns for i in range(len(planned.positions_mm))])[..., ::-1].transpose(3, 0, 1, 2)


@pytest.mark.parametrize("tilt", [0.0, TILT, -TILT])
def test_voxels_lie_where_the_header_says(tilt: float) -> None:
    z, y, x = mm()
    planned = series(tilt_deg=tilt, centre_mm=(6.5, -4.25))
    scanned = acquire(body(3 * z - 2 * y + 5 * x), planned)
    expected = np.tensordot([3, -2, 5], places(planned), axes=1)
    inside = np.abs(places(planned)[0]) < 58  # beyond the grid its last values go on
    assert inside.mean() > 0.9
    assert np.abs(scanned.hu - expected)[inside].max() <= 0.51  # rounding to whole HU


@pytest.mark.parametrize("tilt", [0.0, TILT])
def test_resampling_is_scipys(tilt: float) -> None:
    z, y, x = mm()
    wavy = 400 * np.sin(z / 15) * np.cos(y / 21) * np.sin(x / 18)
    planned = series(tilt_deg=tilt)
    index = (places(planned) - np.reshape(ORIGIN, (3, 1, 1, 1))) / np.reshape(SPACING, (3, 1, 1, 1))
    expected = map_coordinates(wavy, index, order=1, mode="nearest")
    slab = 9  # HU that averaging over 2 mm, the thickness, takes off where the function bends
    assert np.abs(acquire(body(wavy), planned).hu - expected).max() < slab


def test_tilted_stack_shears_as_a_table_moves() -> None:
    planned = series(tilt_deg=TILT)
    step = corner_mm(planned, 1) - corner_mm(planned, 0)
    assert step[:2] == pytest.approx([0, 0])
    assert step @ normal(planned) == pytest.approx(5)
    assert step[2] == pytest.approx(5 / np.cos(np.deg2rad(TILT)))
    assert normal(planned) == pytest.approx(np.cross([1, 0, 0], row_direction(planned)))
    middle = corner_mm(planned, 3)[2] + 31.5 * planned.pixel_mm * row_direction(planned)[2]
    assert acquire(body(0), planned).z_mm[3] == pytest.approx(middle)


def test_thick_slices_average() -> None:
    z, _, _ = mm()
    step = np.where(z < 0, 0.0, 100.0)  # the voxel at 0, reaching from -1 to 1, is of the upper half
    scanned = acquire(body(step), series(thickness_mm=10.0, positions_mm=(-20.0, 0.0, 3.0, 20.0)))
    assert scanned.hu[:, 30, 30].tolist() == [0, 60, 90, 100]  # of -5..5 mm lies 6/10 above -1, of -2..8 mm 9/10


def test_kernel_blurs_in_the_plane_alone() -> None:
    z, y, x = mm()
    edge = np.where(x < 0, 0.0, 1000.0) + 0 * z + 0 * y
    sharp, soft = (acquire(body(edge), series(fwhm_mm=f, matrix=256)).hu[5, 128] for f in (0.0, 8.0))
    assert np.diff(soft).max() < np.diff(sharp).max() / 3
    depth = np.where(z < 1, 0.0, 1000.0)
    assert np.array_equal(acquire(body(depth), series(fwhm_mm=8.0)).hu, acquire(body(depth), series()).hu)


@pytest.mark.parametrize("sharp", [False, True])
def test_noise_is_as_strong_as_asked(sharp: bool) -> None:
    # Where 3/7 of a slice is tissue, noise in water is as given; it is stronger in larger bodies and weaker in air.
    _, y, _ = mm()
    water = np.where(y < 0, 0.0, -1000.0)
    planned = series(noise_hu=20.0, fwhm_mm=2.0, sharp=sharp, centre_mm=(0.0, (0.5 - 3 / 7) * 128), fov_mm=128.0)
    scanned = acquire(body(water), planned).hu
    assert scanned[:, :20].std() == pytest.approx(20, rel=0.05)
    assert scanned[:, :20].mean() == pytest.approx(0, abs=1)
    assert scanned[:, 40:].std() < 10
    assert acquire(body(0), planned).hu.std() > 24
    assert not np.array_equal(scanned, acquire(body(water), series(noise_hu=20.0, seed=2)).hu)
    assert np.array_equal(scanned, acquire(body(water), planned).hu)


def test_offset_and_range() -> None:
    assert (acquire(body(10), series(), offset_hu=6).hu == 16).all()
    assert (acquire(body(9000), series()).hu == HIGHEST_HU).all()
    assert (acquire(body(-9000), series()).hu == LOWEST_HU).all()


def test_motion_changes_some_slices() -> None:
    found = ball((0, 0, 0), 30) * 100.0
    still, moved = (acquire(body(found), series(motion=m)).hu for m in (0.0, 1.0))
    changed = (still != moved).any(axis=(1, 2))
    assert 0 < changed.sum() < len(changed)


@pytest.mark.parametrize("tilt", [0.0, TILT])
def test_regions_are_where_the_lesion_is(tilt: float) -> None:
    mask = ball((4, 10, -12), 15)
    # Off the body's grid, or many voxels would be lesion by exactly one half.
    planned = series(tilt_deg=tilt, centre_mm=(0.37, -0.61), positions_mm=tuple(p + 0.43 for p in range(-40, 41, 2)))
    (found,) = acquire(body(mask * 100.0, mask), planned).regions
    assert found is not None
    volume = found.voxels.sum() * 2.0 * planned.pixel_mm**2
    assert volume == pytest.approx(4 / 3 * np.pi * 15**3, rel=0.05)
    full = np.zeros((41, 64, 64), bool)
    full[tuple(slice(s, s + n) for s, n in zip(found.start, found.voxels.shape, strict=True))] = found.voxels
    assert places(planned)[:, full].mean(axis=1) == pytest.approx([4, 10, -12], abs=0.7)  # a third of a voxel
    for axis in range(3):  # cropped
        assert found.voxels.any(axis=tuple(a for a in range(3) if a != axis)).all()


def test_thin_and_far_lesions() -> None:
    speck = ball((0, 0, 0), 2.5)
    (found,) = acquire(body(0, speck), series(thickness_mm=8.0, positions_mm=(-8.0, 0.0, 8.0))).regions
    assert found is not None
    assert (found.start[0], len(found.voxels)) == (1, 1)  # thinner than a slice, it is seen in the fullest
    outside = ball((0, 0, -78), 3)
    assert acquire(body(0, outside, None), series()).regions == (None, None)
