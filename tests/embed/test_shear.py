"""Leaning stacks put upright: against SciPy on the scan's own grid, and by hand."""

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from scanbank.embed.shear import sampled, shear_of, upright
from scanbank.embed.views import slice_pixels, volume_voxels
from scanbank.store.scan import Volume
from scanbank.store.specs import ViewSpec
from scanbank.store.windows import Window

WIDE = Window(-4000, 4000)


def leaning(voxels, lean=(0.0, 0.0), slice_axis=0, spacing=(3.0, 2.0, 1.0), positions=None) -> Volume:
    """A stack displaced along its rows and columns by `lean` mm per mm along the normal."""
    voxels = np.asarray(voxels)
    order = {0: (0, 1, 2), 1: (1, 0, 2), 2: (2, 0, 1)}[slice_axis]
    affine = np.diag([*spacing[::-1], 1.0])
    for along, part in zip(order[1:], lean, strict=True):
        affine[2 - along, 2 - slice_axis] = part * spacing[slice_axis]
    count = voxels.shape[slice_axis]
    if positions is None:
        positions = np.arange(count) * spacing[slice_axis]
    return Volume(voxels, affine, spacing, slice_axis, np.arange(count) * 1.0, np.asarray(positions, float), has_hu=True)


def noise(shape=(6, 10, 12)):
    return np.random.default_rng(0).integers(-1000, 1000, shape).astype(np.int16)


def test_an_upright_stack_needs_nothing():
    assert shear_of(leaning(noise())) is None
    assert shear_of(leaning(noise(), lean=(0.02, 0))) is None  # 0.15 mm at either end, of rows 2 mm apart
    assert shear_of(leaning(noise((1, 10, 12)), lean=(0.5, 0.5))) is None


def test_a_lean_of_one_row_for_each_plane_moves_whole_rows():
    # planes 2 mm apart lean 2 mm, one row, backwards each: plane k lies k rows further, about the middle of three
    volume = leaning(noise((3, 4, 2)), lean=(1.0, 0.0), spacing=(2.0, 2.0, 1.0))
    found, z_mm = volume_voxels(volume, ViewSpec((WIDE,), spacing_mm=(2.0, 2.0, 1.0)), (-4000, 4000))
    assert found.shape == (1, 3, 7, 2)  # half a plane's lean more at either end: 4 + 3 rows
    at = np.round(found[0], 2)
    # the box begins 1.5 rows before the middle plane's first row, so rows fall half-way between rows
    for k, start in enumerate((0.5, 1.5, 2.5)):
        expected = np.full((7, 2), -4000.0)
        for row in range(7):
            place = row - start
            if -0.5 <= place <= 3.5:
                lower, upper = max(0, int(np.floor(place))), min(3, int(np.floor(place)) + 1)
                expected[row] = (volume.voxels[k, lower].astype(float) + volume.voxels[k, upper]) / 2
        np.testing.assert_allclose(at[k], expected, atol=0.02)
    np.testing.assert_allclose(z_mm, [0, 1, 2])


@pytest.mark.parametrize("slice_axis", [0, 1, 2])
@pytest.mark.parametrize("lean", [(0.4, 0.0), (0.0, -0.3), (-0.35, 0.25)])
def test_is_scipys_linear_interpolation_on_the_leaning_grid(slice_axis, lean):
    volume = leaning(noise((8, 9, 10)), lean, slice_axis, positions=[0.0, 2, 5, 6, 10, 11, 15, 18, 20, 21][: (8, 9, 10)[slice_axis]])
    spacing = (1.3, 1.1, 0.9)
    found = volume_voxels(volume, ViewSpec((WIDE,), spacing_mm=spacing), (-4000, 4000))[0][0]
    shear = shear_of(volume)
    assert shear is not None
    order = shear.order
    stack, found = volume.voxels.astype(float).transpose(order), found.transpose(order)
    positions, middle = volume.positions_mm, (volume.positions_mm[0] + volume.positions_mm[-1]) / 2
    start, stop = positions[0] - (positions[1] - positions[0]) / 2, positions[-1] + (positions[-1] - positions[-2]) / 2
    centres = []
    for place, axis in enumerate(order):
        if place:
            step = float(volume.spacing_mm[axis] or 0)
            first, last = -step / 2, step * (volume.voxels.shape[axis] - 0.5)
            more = abs(lean[place - 1]) * (stop - start) / 2
        else:
            first, last, more = start, stop, 0
        count = found.shape[place]
        assert count == int((last - first + 2 * more) / spacing[axis] + 1e-6)
        centres.append(first - more + (np.arange(count) + 0.5) * (last - first + 2 * more) / count)
    t, r, c = np.meshgrid(*centres, indexing="ij")
    index = np.stack(
        [
            np.interp(t, positions, np.arange(len(positions))),
            (r - lean[0] * (t - middle)) / volume.spacing_mm[order[1]],
            (c - lean[1] * (t - middle)) / volume.spacing_mm[order[2]],
        ]
    )
    expected = map_coordinates(stack, index, order=1, mode="nearest")
    outside = ((index < -0.5) | (index > np.array(stack.shape)[:, None, None, None] - 0.5)).any(0)
    edge = (np.abs(index + 0.5) < 1e-3).any(0) | (np.abs(index - np.array(stack.shape)[:, None, None, None] + 0.5) < 1e-3).any(0)
    np.testing.assert_allclose(found[~edge], np.where(outside, -4000, expected)[~edge], atol=0.05)
    assert outside.any()


def test_a_tilted_ball_is_round_again():
    """Pixels of 1 mm, slices 2 mm apart, 25 degrees: as stored the ball leans; in the view its second moments are those of a ball."""
    z, y, x = np.meshgrid(np.arange(30) * 2.0, np.arange(70.0), np.arange(50.0), indexing="ij")
    lean = np.tan(np.radians(25))
    ball = np.where((z - 29) ** 2 + (y + lean * (z - 29) - 35) ** 2 + (x - 25) ** 2 < 20**2, 1000, -1000).astype(np.int16)
    view = ViewSpec((Window(-1000, 1000),), spacing_mm=(1.0, 1.0, 1.0))
    found = volume_voxels(leaning(ball, (lean, 0.0), spacing=(2.0, 1.0, 1.0)), view, (0, 1))[0][0]
    at = np.stack(np.nonzero(found > 0.5))
    spread = np.cov(at)
    np.testing.assert_allclose(spread, np.eye(3) * 20**2 / 5, atol=2.5)
    as_stored = volume_voxels(leaning(ball, spacing=(2.0, 1.0, 1.0)), view, (0, 1))[0][0]
    assert abs(np.cov(np.stack(np.nonzero(as_stored > 0.5)))[0, 1]) > 30  # what would be seen of it otherwise


def test_slices_stay_as_they_were_taken():
    volume = leaning(noise(), (0.5, 0.0))
    found = slice_pixels(volume, ViewSpec((WIDE,)), (-4000, 4000))[:, 0]
    np.testing.assert_allclose(found, volume.voxels, atol=0.01)


def test_padding_is_kept_out_of_the_values_when_planes_are_resized():
    volume = leaning(np.full((6, 20, 20), 40, np.int16), (1.0, 0.0), spacing=(2.0, 1.0, 1.0))
    found = volume_voxels(volume, ViewSpec((Window(0, 80),), spacing_mm=(2.0, 1.0, 1.0), size=(16, 16)), (0, 1))[0][0]
    assert set(np.unique(np.round(found, 4))) == {0.0, 0.5}
    rows = [np.flatnonzero(plane.max(1) > 0) for plane in found]
    assert all(here[0] < there[0] for here, there in zip(rows[:-1:2], rows[2::2], strict=False))  # the plane climbs through its box


def test_sampling_is_linear_and_holds_at_the_ends():
    values = torch.tensor([[[0.0, 10.0, 30.0]]])
    at = torch.tensor([[[-0.4, 0.5, 1.25, 2.3]]])
    np.testing.assert_allclose(sampled(values, 2, at), [[[0, 5, 15, 30]]])
    found = upright(values, torch.zeros(1, 1, 1), torch.tensor([[[-0.6, 0.0, 2.4, 2.6]]]), fill=-7.0)
    np.testing.assert_allclose(found, [[[-7, 0, 30, -7]]])
