"""From files to views: a point of the patient keeps its value, however a scan was stored, turned, flipped, tilted or spaced.

Phantoms are functions of the place in the patient (LPS mm). Where a view's voxels lie is not asked of our code: three phantoms
whose values are x, y and z tell it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from nibabel.eulerangles import euler2mat
from numpy.typing import NDArray

from dicom_files import write_series
from scanbank.embed.views import volume_voxels
from scanbank.store.readers import dicom_pixels, hdf5, nifti
from scanbank.store.readers.dicom_headers import read_header
from scanbank.store.readers.dicom_record import DicomHeader
from scanbank.store.readers.dicom_series import group
from scanbank.store.scan import ScanHeader, Volume
from scanbank.store.specs import ViewSpec
from scanbank.store.windows import Window

Array = NDArray[Any]
Phantom = Callable[[Array], Array]
WIDE = Window(-4000, 4000)
SLOPE = 0.02  # of the stored values: rounding costs half of it
AXES = [(order, flips) for order in itertools.permutations(range(3)) for flips in itertools.product((1, -1), repeat=3)]


def coordinate(axis: int) -> Phantom:
    return lambda points: points[..., axis]


def smooth(points: Array) -> Array:
    """Waves of 90 mm and more: between voxels a few mm apart, straight lines miss it by little."""
    x, y, z = np.moveaxis(points, -1, 0)
    return 300 * np.sin(x / 15 + 1) + 200 * np.cos(y / 18 + z / 40) + 100 * np.sin(z / 16 - x / 50)


@dataclass(frozen=True)
class Grid:
    """A stack as a scanner would make it: planes of rows and columns, at increasing places along a normal or against it."""

    origin: Array
    across: Array
    """Unit vector along a row of pixels."""
    down: Array
    per_mm: Array
    """What the first voxel moves by for a mm along the normal: the normal itself, and the lean."""
    pixel: tuple[float, float]
    """(between rows, between columns), mm."""
    at: tuple[float, ...]
    shape: tuple[int, int]
    skew: float = 0.0

    def points(self) -> Array:
        """(planes, rows, columns, 3)."""
        k, j, i = (np.arange(n, dtype=float) for n in (len(self.at), *self.shape))
        down = self.down * self.pixel[0] + self.skew * self.across
        return (
            self.origin
            + np.array(self.at)[k.astype(int), None, None, None] * self.per_mm
            + j[:, None, None] * down
            + i[:, None] * self.across * self.pixel[1]
        )


@st.composite
def grids(draw: st.DrawFn, *, even: bool = False, skewed: bool = False, upright: bool = False, least: int = 4) -> Grid:
    order, flips = draw(st.sampled_from(AXES))
    turn = euler2mat(*draw(st.tuples(*[st.floats(-0.35, 0.35)] * 3))) @ np.eye(3)[list(order)] @ np.diag(flips)
    lean = (0.0, 0.0) if upright else draw(st.tuples(*[st.one_of(st.just(0.0), st.floats(-0.4, 0.4))] * 2))
    planes = draw(st.integers(least, 7))
    step = draw(st.floats(1.0, 4.0))
    gaps = [step] * (planes - 1) if even else draw(st.lists(st.floats(1.0, 4.0), min_size=planes - 1, max_size=planes - 1))
    across, down, normal = turn.T
    return Grid(
        origin=np.array(draw(st.tuples(*[st.integers(-80, 80)] * 3)), float),
        across=across,
        down=down,
        per_mm=normal + lean[0] * down + lean[1] * across,
        pixel=(draw(st.floats(0.8, 3)), draw(st.floats(0.8, 3))),
        at=tuple(np.concatenate([[0.0], np.cumsum(gaps)])),
        shape=(draw(st.integers(8, 12)), draw(st.integers(8, 12))),
        skew=draw(st.floats(-0.3, 0.3)) if skewed else 0.0,
    )


def as_dicom(folder: Path, grid: Grid, phantom: Phantom, shuffle: list[int] | None = None) -> Volume:
    points = grid.points()
    stored = np.rint(phantom(points) / SLOPE).astype(np.int32)
    order = list(range(len(grid.at))) if shuffle is None else shuffle
    paths = write_series(
        folder,
        voxels=(stored[order] + 2**15).astype(np.uint16),
        positions=points[order, 0, 0].tolist(),
        orientation=(*grid.across, *grid.down),
        spacing=grid.pixel,
        slope=SLOPE,
        intercept=-SLOPE * 2**15,
    )
    headers = [read_header(path) for path in paths]
    (scan,) = group([header for header in headers if isinstance(header, DicomHeader)]).scans
    return dicom_pixels.load(scan.sources)


def as_nifti(folder: Path, grid: Grid, phantom: Phantom) -> Volume:
    folder.mkdir(parents=True, exist_ok=True)
    points = grid.points()
    corner = points[0, 0, 0]
    affine = np.eye(4)
    affine[:3] = np.stack([points[0, 0, 1] - corner, points[0, 1, 0] - corner, points[1, 0, 0] - corner, corner], axis=1)
    image = nibabel.Nifti1Image(phantom(points).transpose(2, 1, 0).astype(np.float32), np.diag([-1, -1, 1, 1]) @ affine)
    path = folder / "a.nii"
    nibabel.save(image, path)
    header = nifti.scan(path)
    assert isinstance(header, ScanHeader), header
    return nifti.load(header.sources)


def as_hdf5(folder: Path, grid: Grid, phantom: Phantom) -> Volume:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "a.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("volume", data=phantom(grid.points()).astype(np.float32))
        data.attrs["spacing_mm"] = (grid.at[1], *grid.pixel)
        data.attrs["origin_mm"] = grid.origin
        data.attrs["direction"] = np.stack([grid.across, grid.down, grid.per_mm], axis=1)
    header = hdf5.scan(path)
    assert isinstance(header, ScanHeader), header
    return hdf5.load(header.sources)


def places(volume: Volume) -> Array:
    """(Z, Y, X, 3) LPS mm that a volume's own geometry tells: its affine in the plane, its true positions across."""
    axis = volume.slice_axis
    index = np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in volume.voxels.shape), indexing="ij"), axis=-1)
    plane = np.rint(index[..., axis]).astype(int)
    index[..., axis] = (volume.positions_mm[plane] - volume.positions_mm[0]) / float(volume.spacing_mm[axis] or 1)
    return index[..., ::-1] @ volume.affine[:3, :3].T + volume.affine[:3, 3]


def check_volume(volume: Volume, phantom: Phantom, atol: float) -> None:
    points = places(volume)
    np.testing.assert_allclose(volume.voxels, phantom(points), atol=atol)
    assert (np.diag(volume.affine)[:3] > 0).all()
    assert np.linalg.det(volume.affine[:3, :3]) > 0  # left, back, head: right-handed
    centre = np.moveaxis(points, volume.slice_axis, 0)
    height = centre.reshape(len(centre), -1, 3)[..., 2].mean(1)
    np.testing.assert_allclose(volume.z_mm, height, atol=2e-2)


def check_view(read: Callable[[Phantom], Volume], spacing: tuple[float, float, float], atol: float) -> None:
    """The view of coordinates gives the grid, which must be even and at right angles; on it the view of waves is the waves."""
    view = ViewSpec((WIDE,), spacing_mm=spacing)
    made = [volume_voxels(read(phantom), view, (-4000, 4000)) for phantom in (coordinate(0), coordinate(1), coordinate(2), smooth)]
    *told, waves = (voxels[0] for voxels, _ in made)
    points = np.stack(told, axis=-1)
    volume = read(smooth)
    grid, inside = fitted_grid(points, volume)
    assert inside.sum() > 8
    np.testing.assert_allclose(points[inside], grid[inside], atol=atol)
    np.testing.assert_allclose(waves[inside], smooth(grid[inside]), atol=8)
    steps = [np.diff(grid, axis=axis).reshape(-1, 3)[0] if grid.shape[axis] > 1 else None for axis in range(3)]
    for axis, step in enumerate(steps):
        if step is not None:
            assert spacing[axis] - atol <= np.linalg.norm(step) <= spacing[axis] * (1 + 1 / grid.shape[axis]) + atol
    # at right angles, save for what displaces no voxel by more than a quarter of one
    shortest = min((n - 1) * (step or 0) for n, step in zip(volume.voxels.shape, volume.spacing_mm, strict=True))
    for one, other in itertools.combinations([step for step in steps if step is not None], 2):
        assert abs(one @ other) / np.linalg.norm(one) / np.linalg.norm(other) * shortest / 2 < 0.3 * max(filter(None, volume.spacing_mm))
    if min(grid.shape[:3]) == 1:
        return
    # no voxel of the scan is left out of the box
    index = np.linalg.lstsq(design(grid.shape[:3]).reshape(-1, 4), grid.reshape(-1, 3), rcond=None)[0]
    corners = places(volume)[np.ix_(*[[0, -1]] * 3)].reshape(-1, 3)
    at = (corners - index[3]) @ np.linalg.inv(index[:3])
    assert (at > -0.55).all()
    assert (at < np.array(grid.shape[:3]) - 0.45).all()


def design(shape: tuple[int, ...]) -> Array:
    index = np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in shape), indexing="ij"), axis=-1)
    return np.concatenate([index, np.ones((*shape, 1))], axis=-1)


def fitted_grid(points: Array, volume: Volume) -> tuple[Array, Array]:
    """The straight grid through the places told, and which of its voxels lie between the centres of the scan's."""
    there = (points > -3999).all(-1)
    told, rows = points[there], design(points.shape[:3])[there]
    within = np.ones(len(told), bool)
    grid = np.zeros_like(points)
    for _ in range(8):  # the outermost half voxels hold the outer value: they are told apart by the grid that the others make
        fit = np.linalg.lstsq(rows[within], told[within], rcond=None)[0]
        grid = design(points.shape[:3]) @ fit
        inside = inside_of(grid, volume) & there
        if (inside[there] == within).all():
            break
        within = inside[there]
    return grid, inside_of(grid, volume) & there


def inside_of(grid: Array, volume: Volume) -> Array:
    axis = volume.slice_axis
    index = ((grid - volume.affine[:3, 3]) @ np.linalg.inv(volume.affine[:3, :3]).T)[..., ::-1].copy()
    along = volume.positions_mm[0] + index[..., axis] * float(volume.spacing_mm[axis] or 1)
    index[..., axis] = np.interp(along, volume.positions_mm, np.arange(len(volume.positions_mm)), left=-1, right=1e6)
    return np.asarray(((index > -1e-3) & (index < np.array(volume.voxels.shape) - 1 + 1e-3)).all(-1))


SPACING = st.tuples(*[st.floats(1.0, 3.0)] * 3)
FEW = settings(max_examples=10, phases=[Phase.explicit, Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])


@FEW
@given(grid=grids(least=1), data=st.data())
def test_dicom_voxels_lie_where_their_geometry_says(tmp_path_factory: pytest.TempPathFactory, grid: Grid, data: st.DataObject) -> None:
    shuffle = data.draw(st.permutations(range(len(grid.at))))
    volume = as_dicom(tmp_path_factory.mktemp("d"), grid, smooth, shuffle)
    check_volume(volume, smooth, atol=0.2)


@FEW
@given(grid=grids(even=True, skewed=True))
def test_nifti_voxels_lie_where_their_geometry_says(tmp_path_factory: pytest.TempPathFactory, grid: Grid) -> None:
    check_volume(as_nifti(tmp_path_factory.mktemp("n"), grid, smooth), smooth, atol=0.05)


@FEW
@given(grid=grids(even=True, upright=True))
def test_hdf5_voxels_lie_where_their_geometry_says(tmp_path_factory: pytest.TempPathFactory, grid: Grid) -> None:
    check_volume(as_hdf5(tmp_path_factory.mktemp("h"), grid, smooth), smooth, atol=0.05)


@FEW
@given(grid=grids(), spacing=SPACING)
def test_views_of_dicom_keep_each_point_at_its_value(
    tmp_path_factory: pytest.TempPathFactory, grid: Grid, spacing: tuple[float, float, float]
) -> None:
    check_view(lambda phantom: as_dicom(tmp_path_factory.mktemp("d"), grid, phantom), spacing, atol=0.05)


@FEW
@given(grid=grids(even=True, skewed=True), spacing=SPACING)
def test_views_of_nifti_keep_each_point_at_its_value(
    tmp_path_factory: pytest.TempPathFactory, grid: Grid, spacing: tuple[float, float, float]
) -> None:
    check_view(lambda phantom: as_nifti(tmp_path_factory.mktemp("n"), grid, phantom), spacing, atol=0.02)
