"""Masks on scans: which rule, on which grid, the box, and what a view makes of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rigid_moves import transform
from scanbank.embed.aided import Aids
from scanbank.embed.align import Reference
from scanbank.embed.mask_rule import MaskRule, parse_mask
from scanbank.embed.masks import bounding_box, cropped, mask_out, on_grid
from scanbank.embed.views import check_view, slice_batches, volume_batches, volume_voxels
from scanbank.embed.windowing import apply_windows
from scanbank.store.errors import ReadError, UsageError, ViewError
from scanbank.store.readers.grid import volume_of
from scanbank.store.scan import Volume
from scanbank.store.specs import ViewSpec
from scanbank.store.windows import Window

WINDOW = Window(-1000, 1000)


def scan(shape: tuple[int, int, int] = (6, 20, 24), spacing: tuple[float, float, float] = (5.0, 2.0, 2.0)) -> Volume:
    """A block of tissue in air, (z, y, x)."""
    affine = np.diag([*reversed(spacing), 1.0])
    affine[:3, 3] = (-10.0, 5.0, 40.0)
    voxels = np.full(shape, -1000, np.int16)
    voxels[1:5, 3:17, 4:20] = 40
    return volume_of(voxels, affine, True)


def marked(volume: Volume, mask: np.ndarray) -> Volume:
    return replace(volume, voxels=mask.astype(np.int16))


def test_what_a_mask_is_called() -> None:
    assert parse_mask("lung:crop") == MaskRule("lung", "", True)
    assert parse_mask("user:nodule") == MaskRule("", "nodule", False)
    for wrong in ("lungs", "user:", "crop", ":crop"):
        with pytest.raises(UsageError, match="choose one of body, lung, head or user:FINDING"):
            parse_mask(wrong)
    with pytest.raises(ViewError, match="view has mask 'spleen' is unknown"):
        check_view(ViewSpec((WINDOW,), mask="spleen"), scan())


@settings(max_examples=30)
@given(st.tuples(*[st.floats(-180, 180)] * 3), st.tuples(*[st.floats(-8, 8)] * 3))
def test_a_mask_of_another_grid_is_met_by_the_nearest_voxel(degrees: tuple[float, float, float], shift: tuple[float, float, float]) -> None:
    volume = scan()
    fine = volume_of(np.ones((12, 14, 16), np.int16), transform(degrees, shift) @ np.diag([1.7, 1.6, 1.5, 1.0]), True)
    middle = fine.affine @ [7.5, 6.5, 5.5, 1]
    volume = replace(volume, affine=volume.affine.copy())
    volume.affine[:3, 3] += middle[:3] - (volume.affine @ [11.5, 9.5, 2.5, 1])[:3]
    found = on_grid(fine, volume)
    k, j, i = np.meshgrid(*map(np.arange, volume.voxels.shape), indexing="ij")
    places = np.linalg.inv(fine.affine) @ volume.affine @ np.stack([i.ravel(), j.ravel(), k.ravel(), np.ones(i.size)])
    ends = np.array(fine.voxels.shape[::-1])[:, None]
    expected = np.all((places[:3] > -0.5 + 1e-6) & (places[:3] < ends - 0.5 - 1e-6), axis=0)
    near = np.any(np.minimum(np.abs(places[:3] + 0.5), np.abs(places[:3] - ends + 0.5)) < 1e-5, axis=0)
    assert np.array_equal(found.ravel()[~near], expected[~near])


def test_the_same_grid_needs_no_search_and_an_empty_mask_is_none() -> None:
    volume = scan()
    mask = volume.voxels > 0
    assert np.array_equal(on_grid(marked(volume, mask), volume), mask)
    with pytest.raises(ViewError, match=r"which has 0 voxels on a grid of 6 x 20 x 24"):
        on_grid(marked(volume, ~mask & mask), volume)
    elsewhere = replace(volume, affine=volume.affine + np.array([[0, 0, 0, 900], *[[0] * 4] * 3]))
    with pytest.raises(ViewError, match="or of another scan"):
        on_grid(marked(elsewhere, mask), volume)


def test_outside_of_a_mask_every_window_has_its_lower_end() -> None:
    mask = np.array([[[True, False], [False, True]]])
    out = mask_out(np.full((1, 2, 2), 500, np.int16), mask)
    assert apply_windows(out, (WINDOW, Window(-2000, 0)), (-1.0, 1.0))[0] == pytest.approx(
        np.array([[[0.5, -1], [-1, 0.5]], [[1, -1], [-1, 1]]])
    )


def test_a_box_and_its_margin() -> None:
    mask = np.zeros((6, 8, 9), bool)
    mask[2:4, 3, 5:7] = True
    assert bounding_box(mask) == (slice(2, 4), slice(3, 4), slice(5, 7))
    assert bounding_box(mask, 4.0, (None, 2.0, 1.0)) == (slice(2, 4), slice(1, 6), slice(1, 9))


def test_a_crop_stays_in_its_place() -> None:
    tilted = np.array([[2.0, 0, 0, 1], [0, 2.0, 0.5, 2], [0, 0.6, 4.0, 3], [0, 0, 0, 1]])
    volume = volume_of(np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6), tilted, True)
    part = cropped(volume, (slice(1, 3), slice(2, 5), slice(1, 2)))
    assert part.voxels[0, 0, 0] == volume.voxels[1, 2, 1]
    assert np.allclose(part.affine @ [0, 0, 0, 1], volume.affine @ [1, 2, 1, 1])
    centres = volume.affine @ np.array([[1, 1], [3, 3], [1, 2], [1, 1]])
    assert np.allclose(part.z_mm, centres[2])
    assert np.allclose(part.positions_mm, volume.positions_mm[1:3])


def test_views_keep_what_is_in_the_mask_or_the_box_around_it() -> None:
    volume = scan()
    plain, _ = volume_voxels(volume, ViewSpec((WINDOW,)), (-1.0, 1.0))
    mask = np.zeros(volume.voxels.shape, bool)
    mask[2:4, 5:9, 6:12] = True
    aids = Aids({"nodule": marked(volume, mask)})
    views = [ViewSpec((WINDOW,), mask="user:nodule"), ViewSpec((WINDOW,), mask="user:nodule:crop"), ViewSpec((WINDOW,), mask="body")]
    found = {place: (voxels[0], z) for place, voxels, z in volume_batches(volume, views, (-1.0, 1.0), aids)}
    assert np.array_equal(found[0][0], np.where(mask, plain[0], -1))
    assert np.array_equal(found[1][0], plain[0][2:4, 5:9, 6:12])
    assert list(found[1][1]) == list(volume.z_mm[2:4])
    assert np.array_equal(found[2][0], plain[0])  # air is at the lower end already
    spaced = [replace(views[0], spacing_mm=(5.0, 1.0, 1.0), shape=(6, 50, 50)), replace(views[0], size=(40, 48))]
    for _, voxels, _ in volume_batches(volume, spaced, (-1.0, 1.0), aids):
        assert (voxels > -1).sum() == 2 * 8 * 12  # two planes of the mask, each pixel four times
        assert np.isfinite(voxels).all()


def test_slices_under_a_mask_are_all_there() -> None:
    volume = scan()
    mask = np.zeros(volume.voxels.shape, bool)
    mask[2, 5:9, 6:12] = True
    views = [ViewSpec((WINDOW,), mask="user:a"), ViewSpec((WINDOW,), mask="user:a:crop")]
    aids = Aids({"a": marked(volume, mask)})
    planes = [made for _, made in slice_batches(volume, views, (0.0, 1.0), 4, aids=aids)]
    outside, boxed = (np.concatenate([made[i] for made in planes]) for i in (0, 1))
    assert [int((plane > 0).sum()) for plane in outside] == [0, 0, 24, 0, 0, 0]
    assert boxed.shape == (6, 1, 4, 6)


def test_a_mask_that_is_not_there_is_said() -> None:
    view = ViewSpec((WINDOW,), mask="user:nodule")
    with pytest.raises(ViewError, match="no mask of nodule; ingest one"):
        volume_voxels(scan(), view, (0.0, 1.0))
    with pytest.raises(ViewError, match="the mask of nodule: gone"):
        next(volume_batches(scan(), [view], (0.0, 1.0), Aids({"nodule": ReadError("gone")})))


def test_an_aligned_view_needs_its_reference_and_no_crop() -> None:
    with pytest.raises(ViewError, match="reference abc, which is not at hand"):
        volume_voxels(scan(), ViewSpec((WINDOW,), align="abc"), (0.0, 1.0))
    view = ViewSpec((WINDOW,), align="abc", mask="body:crop")
    with pytest.raises(ViewError, match="leave one of them out"):
        next(volume_batches(scan(), [view], (0.0, 1.0), Aids(reference=Reference(scan(), "abc"))))


def test_an_aligned_view_lies_in_the_frame_of_the_reference() -> None:
    hu = np.full((24, 40, 40), -1000, np.float32)
    hu[3:20, 8:33, 6:30] = 40
    hu[5:9, 12:20, 9:15] = 700
    hu[14:17, 20:28, 20:27] = -600
    volume = volume_of(hu, np.diag([3.0, 3.0, 3.0, 1.0]), True)
    moved = replace(volume, affine=transform((0, 0, 0), (15, -21, 30)) @ volume.affine, z_mm=volume.z_mm + 30)
    view = ViewSpec((WINDOW,), spacing_mm=(6.0, 3.0, 3.0), shape=(10, 40, 40), align="abc", mask="body")
    expected, z = volume_voxels(volume, replace(view, align=""), (-1.0, 1.0))
    ((_, found, z_found),) = volume_batches(moved, [view], (-1.0, 1.0), Aids(reference=Reference(volume, "abc")))
    assert np.abs(found - expected).mean() < 0.02
    assert np.allclose(z_found, z + 30, atol=0.5)
