from __future__ import annotations

from itertools import permutations, product
from typing import Any

import nibabel
import numpy as np
import pytest

from scanbank.embed.orientation import check_orientation, oriented
from scanbank.embed.views import check_view, slice_pixels, volume_voxels
from scanbank.store.errors import ViewError
from scanbank.store.scan import Volume
from scanbank.store.specs import ViewSpec
from scanbank.store.windows import Window

EVERY = ["".join(letters) for axes in permutations(("LR", "PA", "SI")) for letters in product(*axes)]
WIDE = Window(-4000, 4000)


def scan(slice_axis: int = 0) -> Volume:
    voxels = np.random.default_rng(0).integers(-900, 900, (4, 5, 6)).astype(np.int16)
    affine = np.array([[0.7, 0.0, 0.02, -40], [0.0, 0.8, 0.1, 20], [0.0, -0.1, 2.0, 300], [0, 0, 0, 1]])
    count = voxels.shape[slice_axis]
    spacing = (2.0, 0.8, 0.7)
    places = spacing[slice_axis] * np.arange(count)
    z_mm = affine[2, 3] + affine[2, 2 - slice_axis] * np.arange(count)
    return Volume(voxels, affine, spacing, slice_axis, z_mm, places, has_hu=True)


@pytest.mark.parametrize("orientation", EVERY)
@pytest.mark.parametrize("slice_axis", [0, 1])
def test_every_voxel_keeps_its_place_in_the_patient(orientation: str, slice_axis: int) -> None:
    before, after = scan(slice_axis), oriented(scan(slice_axis), orientation)
    where = {tuple(np.round(before.affine @ (x, y, z, 1), 6)[:3]): int(v) for (z, y, x), v in np.ndenumerate(before.voxels)}
    found = {tuple(np.round(after.affine @ (x, y, z, 1), 6)[:3]): int(v) for (z, y, x), v in np.ndenumerate(after.voxels)}
    assert found == where
    assert after.voxels.shape[after.slice_axis] == before.voxels.shape[slice_axis]
    assert (np.diff(after.positions_mm) > 0).all()
    names = dict(zip("LPSRAI", (*np.eye(3), *-np.eye(3)), strict=True))
    for column, letter in enumerate(orientation):
        assert after.affine[:3, column] @ names[letter] > 0
        np.testing.assert_allclose(np.linalg.norm(after.affine[:3, column]), float(after.spacing_mm[2 - column] or 0), rtol=0.02)


@pytest.mark.parametrize("orientation", EVERY)
def test_nibabel_turns_alike(orientation: str) -> None:
    before = scan()
    to_ras = np.diag([-1.0, -1, 1, 1])
    image = nibabel.Nifti1Image(before.voxels.transpose(2, 1, 0), to_ras @ before.affine)
    turn: Any = nibabel.orientations.ornt_transform(
        nibabel.orientations.io_orientation(image.affine), nibabel.orientations.axcodes2ornt(tuple(orientation))
    )
    expected = image.as_reoriented(turn)
    after = oriented(before, orientation)
    np.testing.assert_array_equal(after.voxels, np.asarray(expected.dataobj).transpose(2, 1, 0))
    np.testing.assert_allclose(to_ras @ after.affine, np.asarray(expected.affine), atol=1e-9)


def test_spacing_shape_and_places_go_along_the_turned_axes() -> None:
    view = ViewSpec((WIDE,), spacing_mm=(1.0, 1.4, 1.6), shape=(8, 3, 2), orientation="ALS")
    found, z_mm = volume_voxels(scan(), view, (-4000, 4000))
    turned = oriented(scan(), "ALS")
    expected, expected_z = volume_voxels(turned, ViewSpec((WIDE,), spacing_mm=(1.0, 1.4, 1.6), shape=(8, 3, 2)), (-4000, 4000))
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(z_mm, expected_z)
    assert turned.voxels.shape == (4, 6, 5)
    assert found.shape == (1, 8, 3, 2)


def test_slices_may_be_turned_within_their_plane() -> None:
    found = slice_pixels(scan(), ViewSpec((WIDE,), orientation="ALS"), (-4000, 4000))
    np.testing.assert_allclose(found[:, 0], scan().voxels[:, ::-1].transpose(0, 2, 1), atol=1e-3)
    for volume, orientation in ((scan(), "LPI"), (scan(1), "ALS")):
        with pytest.raises(ViewError, match="use LPS"):
            slice_pixels(volume, ViewSpec((WIDE,), orientation=orientation), (0, 1))


@pytest.mark.parametrize("orientation", ["", "LP", "LLS", "LRS", "XYZ", "lps", "LPSS"])
def test_what_is_no_orientation_is_refused(orientation: str) -> None:
    with pytest.raises(ViewError, match="one letter of each pair"):
        check_orientation(orientation)
    with pytest.raises(ViewError, match="such as LPS"):
        check_view(ViewSpec((WIDE,), orientation=orientation), scan())
