"""Geometry on the CPU against other libraries, and on a torch device against the CPU."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from monai.data.meta_tensor import MetaTensor
from monai.transforms.spatial.array import Resize, SpatialResample
from PIL import Image
from scipy.ndimage import zoom

from scanbank.embed.gridded import gridded, source_planes
from scanbank.embed.windowing import BELOW_ALL, apply_windows
from scanbank.store.scan import Volume
from scanbank.store.specs import ViewSpec
from scanbank.store.windows import Window, parse_windows


def scan(shape: tuple[int, int, int], spacing: tuple[float, float, float], slice_axis: int = 0) -> Volume:
    voxels = np.random.default_rng(0).integers(-1000, 1500, shape).astype(np.int16)
    affine = np.diag([spacing[2], spacing[1], spacing[0], 1.0])
    places = np.arange(shape[slice_axis], dtype=np.float64) * spacing[slice_axis]
    return Volume(voxels, affine, spacing, slice_axis, places.copy(), places, has_hu=True)


VOLUME = scan((12, 40, 30), (3.0, 0.9, 0.8))
GEOMETRIES = [
    ViewSpec(),
    ViewSpec(size=(24, 20)),
    ViewSpec(size=(24, 20), interpolation="cubic"),
    ViewSpec(spacing_mm=(2.0, 1.1, 1.0)),
    ViewSpec(spacing_mm=(2.0, 1.1, 1.0), interpolation="nearest"),
    ViewSpec(spacing_mm=(2.0, 1.1, 1.0), shape=(30, 20, 50), orientation="ALS"),
    ViewSpec(shape=(14, 20, 50)),
]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=lambda view: view.label)
def test_a_torch_device_gives_what_the_cpu_gives(geometry: ViewSpec) -> None:
    ours, on_torch = gridded(VOLUME, geometry), gridded(VOLUME, geometry, "cpu")
    assert isinstance(ours.values, np.ndarray)
    assert on_torch.values.dtype == torch.float32
    np.testing.assert_allclose(on_torch.values.numpy(), ours.values, atol=1e-3)
    np.testing.assert_array_equal(on_torch.z_mm, ours.z_mm)
    windows = parse_windows("brain+bone")
    given = apply_windows(on_torch.values, windows, (-1, 1))
    np.testing.assert_allclose(given.numpy(), apply_windows(ours.values, windows, (-1, 1)), atol=1e-5)
    if not geometry.spacing_mm and not geometry.shape:
        for axis in (0, 1):
            turned = scan((12, 40, 30), (3.0, 0.9, 0.8), axis)
            some = np.array([1, 2, 5])
            np.testing.assert_allclose(
                source_planes(turned, geometry, some, "cpu").numpy(), source_planes(turned, geometry, some), atol=1e-3
            )


def test_spacing_is_that_of_monai() -> None:
    """MONAI's SpatialResample to the same grid, in its own frame (x, y, z)."""
    view = ViewSpec(spacing_mm=(2.2, 1.0, 1.0))  # no plane is as near to one as to the other
    found = gridded(VOLUME, view).values
    step = [n * s / m for n, s, m in zip(VOLUME.voxels.shape, VOLUME.spacing_mm, found.shape, strict=True)]
    affine = np.diag([*step, 1.0])
    # both begin at the outer edge of the first voxel
    affine[:3, 3] = [step[i] / 2 - float(VOLUME.spacing_mm[i] or 0) / 2 for i in range(3)]
    given = torch.from_numpy(VOLUME.voxels.astype(np.float64))[None]
    before = torch.from_numpy(np.diag([3.0, 0.9, 0.8, 1.0]).astype(np.float64))
    for mode, name in (("bilinear", "linear"), ("nearest", "nearest")):
        resampler = SpatialResample(mode=mode, padding_mode="border", align_corners=True, dtype=np.float64)
        expected = resampler(MetaTensor(given, affine=before), dst_affine=torch.from_numpy(affine), spatial_size=found.shape)
        ours = gridded(VOLUME, replace(view, interpolation=name)).values
        np.testing.assert_allclose(ours, np.asarray(expected)[0], atol=1e-4 * 2500)


def test_resizing_planes_is_that_of_monai_and_of_pillow() -> None:
    planes = VOLUME.voxels.astype(np.float32)
    size = (20, 15)  # the planes' own aspect, so that there is no padding
    square = scan((12, 40, 30), (3.0, 1.0, 1.0))
    linear = gridded(square, ViewSpec(size=size)).values
    half = torch.nn.functional.interpolate(torch.from_numpy(planes)[:, None], size=size, mode="bilinear", antialias=True)[:, 0]
    np.testing.assert_allclose(linear, half.numpy(), atol=1e-3)
    larger = gridded(square, ViewSpec(size=(80, 60))).values
    expected = np.asarray(Resize((80, 60), mode="bilinear", align_corners=False)(torch.from_numpy(planes)))
    np.testing.assert_allclose(larger, expected, atol=1e-4 * 2500)
    for name, how in (("linear", Image.Resampling.BILINEAR), ("cubic", Image.Resampling.BICUBIC)):
        ours = gridded(square, ViewSpec(size=size, interpolation=name)).values
        drawn = np.stack([np.asarray(Image.fromarray(plane).resize((size[1], size[0]), how)) for plane in planes])
        np.testing.assert_allclose(ours, drawn, atol=1e-4 * 2500)


def test_halving_the_spacing_is_that_of_scipy() -> None:
    found = gridded(VOLUME, ViewSpec(spacing_mm=(1.5, 0.45, 0.4))).values
    expected = np.asarray(zoom(VOLUME.voxels.astype(np.float64), 2, order=1, mode="nearest", grid_mode=True))
    np.testing.assert_allclose(found, expected, atol=1e-4 * 2500)


def test_padding_lies_below_every_window() -> None:
    found = gridded(VOLUME, ViewSpec(shape=(14, 40, 30)), "cpu").values
    assert (found[[0, -1]] == BELOW_ALL).all()
    assert apply_windows(found, (Window(0, 80),), (-1, 1))[0].unique().tolist() == [-1]


@pytest.mark.parametrize("geometry", [ViewSpec(spacing_mm=(2.0, 1.1, 1.0), shape=(40, 20, 50)), ViewSpec(size=(24, 20))])
def test_values_are_cut_before_they_are_interpolated(geometry: ViewSpec) -> None:
    cut = replace(VOLUME, voxels=VOLUME.voxels.clip(-300, 500))
    expected = gridded(cut, geometry).values
    for device in ("", "cpu"):
        found = np.asarray(gridded(VOLUME, replace(geometry, clip=(-300, 500)), device).values)
        np.testing.assert_allclose(found, expected, atol=1e-3)
    assert np.abs(gridded(VOLUME, geometry).values.clip(-300, 500) - expected)[expected > BELOW_ALL].max() > 10


def test_grey_values_that_are_no_hu_are_not_cut() -> None:
    picture, geometry = replace(VOLUME, has_hu=False), ViewSpec(size=(24, 20))
    for made in (
        gridded(picture, replace(geometry, clip=(-300, 500))).values,
        source_planes(picture, replace(geometry, clip=(-300, 500)), np.arange(12)),
    ):
        np.testing.assert_array_equal(np.asarray(made), np.asarray(gridded(picture, geometry).values))
