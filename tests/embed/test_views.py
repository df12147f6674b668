"""Views: windows by hand, geometry against scipy, Pillow and torch, orientation and padding by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from scipy.interpolate import RegularGridInterpolator

from scanbank.embed.views import check_view, slice_batches, slice_pixels, volume_batches, volume_voxels
from scanbank.embed.windowing import apply_windows
from scanbank.store.errors import ViewError
from scanbank.store.scan import ScanHeader, SliceHeader, Volume
from scanbank.store.specs import ViewSpec
from scanbank.store.windows import Window, parse_window

BRAIN, SUBDURAL, BONE, CTCLIP = (parse_window(name) for name in ("brain", "subdural", "bone", "ctclip"))
WIDE = Window(-4000, 4000)


def scan(voxels, spacing=(5.0, 1.0, 1.0), slice_axis=0, positions=None, has_hu=True, value_range=None, exported_window=None) -> Volume:
    """A scan whose first voxel lies at (-100, -80, 300) mm."""
    voxels = np.asarray(voxels)
    count = voxels.shape[slice_axis]
    affine = np.diag([*(s or 1.0 for s in reversed(spacing)), 1.0])
    affine[:3, 3] = -100, -80, 300
    if positions is None:
        positions = np.arange(count) * (spacing[slice_axis] or 1.0)
    z_mm = 300 + np.asarray(positions, float) if slice_axis == 0 else np.full(count, 300 + affine[2, 2] * (voxels.shape[0] - 1) / 2)
    return Volume(voxels, affine, spacing, slice_axis, z_mm, np.asarray(positions, float), has_hu, value_range, exported_window)


def image(pixels, exported_window=None) -> Volume:
    """An 8-bit image: no HU, no spacing."""
    voxels = np.asarray(pixels, np.float32)[None]
    return scan(voxels, (None, None, None), has_hu=False, value_range=(0, 255), exported_window=exported_window)


def random_hu(shape, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-1000, 1500, shape).astype(np.int16)


class TestWindows:
    def test_by_hand(self):
        voxels = np.array([[[-1000, 0, 20], [40, 80, 3000]]], np.int16)
        pixels = slice_pixels(scan(voxels), ViewSpec(windows=(BRAIN,)), (-1, 1))
        np.testing.assert_array_equal(pixels, [[[[-1, -1, -0.5], [0, 1, 1]]]])
        assert pixels.dtype == np.float32

    def test_a_channel_per_window_in_order(self):
        voxels = random_hu((3, 8, 9))
        one_by_one = [slice_pixels(scan(voxels), ViewSpec(windows=(w,)), (0, 1)) for w in (BRAIN, SUBDURAL, BONE)]
        together = slice_pixels(scan(voxels), ViewSpec(windows=(BRAIN, SUBDURAL, BONE)), (0, 1))
        assert together.shape == (3, 3, 8, 9)
        np.testing.assert_array_equal(together, np.concatenate(one_by_one, axis=1))

    @given(
        values=arrays.arrays(np.int16, (2, 3, 4), elements=st.integers(-2000, 4000)),
        lo=st.integers(-1500, 1500),
        width=st.integers(1, 3000),
        input_range=st.sampled_from([(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)]),
    )
    def test_is_the_clipped_line_through_both_ends(self, values, lo, width, input_range):
        found = apply_windows(values, [Window(lo, lo + width)], input_range)[:, 0]
        expected = np.interp(values, [lo, lo + width], input_range)
        np.testing.assert_allclose(found, expected, atol=1e-6 * (input_range[1] - input_range[0]))
        assert found.min() >= input_range[0]
        assert found.max() <= input_range[1]

    def test_input_ranges_are_affine_in_each_other(self):
        voxels = random_hu((2, 16, 16))
        unit = slice_pixels(scan(voxels), ViewSpec(windows=(CTCLIP,)), (0, 1))
        signed = slice_pixels(scan(voxels), ViewSpec(windows=(CTCLIP,)), (-1, 1))
        np.testing.assert_allclose(signed, 2 * unit - 1, atol=1e-6)

    def test_not_a_number_is_refused(self):
        voxels = np.zeros((2, 4, 4), np.float32)
        voxels[1, 2, 3] = np.nan
        with pytest.raises(ViewError, match="not finite numbers"):
            slice_pixels(scan(voxels), ViewSpec(windows=(BRAIN,)), (0, 1))
        with pytest.raises(ViewError, match="not finite numbers"):
            volume_voxels(scan(voxels), ViewSpec(windows=(BRAIN,)), (0, 1))


class TestImages:
    pixels = np.array([[0, 51], [102, 255]])

    def test_as_is_maps_the_range_of_the_format(self):
        found = slice_pixels(image(self.pixels), ViewSpec(), (0, 1))
        np.testing.assert_allclose(found[0, 0], [[0, 0.2], [0.4, 1]], atol=1e-7)

    def test_the_window_it_was_saved_with_is_its_range(self):
        found = slice_pixels(image(self.pixels, exported_window=BRAIN), ViewSpec(windows=(BRAIN,)), (-1, 1))
        np.testing.assert_allclose(found[0, 0], [[-1, -0.6], [-0.2, 1]], atol=1e-6)

    @pytest.mark.parametrize(
        ("exported", "windows", "message"),
        [
            (None, (BRAIN,), "no HU; view asks window brain; ingest with --exported-window brain"),
            (BRAIN, (SUBDURAL,), "saved with window brain"),
            (BRAIN, (BRAIN, SUBDURAL), "saved with window brain"),
        ],
    )
    def test_hu_that_it_has_not_are_refused(self, exported, windows, message):
        with pytest.raises(ViewError, match=message):
            slice_pixels(image(self.pixels, exported_window=exported), ViewSpec(windows=windows), (0, 1))

    def test_as_is_is_refused_for_hu(self):
        with pytest.raises(ViewError, match="as-is"):
            slice_pixels(scan(random_hu((1, 4, 4))), ViewSpec(), (0, 1))

    def test_unknown_spacing_means_square_pixels(self):
        found = slice_pixels(image(np.full((10, 20), 255)), ViewSpec(size=(16, 16)), (0, 1))
        np.testing.assert_array_equal(found[0, 0, :, 5], [0] * 4 + [1] * 8 + [0] * 4)


class TestPlanes:
    """Voxels tell their own place: 100 z + 10 y + x."""

    voxels = (100 * np.arange(4)[:, None, None] + 10 * np.arange(3)[:, None] + np.arange(2)).astype(np.int16)

    def hu(self, slice_axis, indices=None):
        view = ViewSpec(windows=(WIDE,))
        return np.rint(slice_pixels(scan(self.voxels, slice_axis=slice_axis), view, (-4000, 4000), indices)[:, 0])

    def test_axial_rows_run_from_the_front_and_columns_from_the_right(self):
        found = self.hu(0)
        assert found.shape == (4, 3, 2)
        np.testing.assert_array_equal(found[1], [[100, 101], [110, 111], [120, 121]])

    def test_coronal_has_the_head_up(self):
        found = self.hu(1)
        assert found.shape == (3, 4, 2)
        np.testing.assert_array_equal(found[2], [[320, 321], [220, 221], [120, 121], [20, 21]])

    def test_sagittal_has_the_head_up(self):
        found = self.hu(2)
        assert found.shape == (2, 4, 3)
        np.testing.assert_array_equal(found[1], [[301, 311, 321], [201, 211, 221], [101, 111, 121], [1, 11, 21]])

    def test_planes_asked_for_come_in_the_order_asked(self):
        np.testing.assert_array_equal(self.hu(0, np.array([2, 0, 3])), self.voxels[[2, 0, 3]])

    def test_batches_join_to_the_whole_under_each_view(self):
        volume = scan(random_hu((7, 12, 10)))
        views = [ViewSpec(windows=(BRAIN,), size=(8, 8)), ViewSpec(windows=(BONE,)), ViewSpec(windows=(BONE, BRAIN), size=(8, 8))]
        batches = list(slice_batches(volume, views, (0, 1), batch=3))
        assert [list(indices) for indices, _ in batches] == [[0, 1, 2], [3, 4, 5], [6]]
        for place, view in enumerate(views):
            joined = np.concatenate([pixels[place] for _, pixels in batches])
            np.testing.assert_allclose(joined, slice_pixels(volume, view, (0, 1)), atol=1e-6)

    def test_read_only_and_reversed_voxels_are_taken(self):
        voxels = random_hu((3, 9, 9))
        turned = voxels[::-1, :, ::-1]
        turned.flags.writeable = False
        view = ViewSpec(windows=(CTCLIP,), size=(6, 6))
        np.testing.assert_array_equal(slice_pixels(scan(turned), view, (0, 1)), slice_pixels(scan(turned.copy()), view, (0, 1)))

    @pytest.mark.parametrize("view", [ViewSpec(windows=(BRAIN,), spacing_mm=(1, 1, 1)), ViewSpec(windows=(BRAIN,), shape=(4, 4, 4))])
    def test_planes_of_another_grid_are_refused(self, view):
        with pytest.raises(ViewError, match="scan's own planes"):
            slice_pixels(scan(self.voxels), view, (0, 1))


class TestSize:
    @pytest.mark.parametrize("size", [(24, 24), (50, 50), (97, 97)])
    def test_is_pillows_bilinear(self, size):
        hu = random_hu((1, 50, 50))
        found = slice_pixels(scan(hu), ViewSpec(windows=(WIDE,), size=size), (-4000, 4000))[0, 0]
        expected = np.asarray(Image.fromarray(hu[0].astype(np.float32)).resize(size[::-1], Image.Resampling.BILINEAR))
        np.testing.assert_allclose(found, expected, atol=1e-4 * 2500)

    def test_aspect_in_mm_is_kept_and_the_rest_is_the_windows_lower_end(self):
        # 10 rows of 3 mm by 20 columns of 1 mm: 30 x 20 mm, which fills 18 x 12 of 18 x 18 pixels
        found = slice_pixels(scan(np.full((1, 10, 20), 500, np.int16), (5, 3, 1)), ViewSpec(windows=(BRAIN, BONE), size=(18, 18)), (-1, 1))
        row = [-1] * 3 + [1] * 12 + [-1] * 3
        np.testing.assert_array_equal(found[0, 0], [row] * 18)
        np.testing.assert_allclose(found[0, 1, 0], np.where(np.array(row) > 0, 2 * 1300 / 2800 - 1, -1), atol=1e-6)

    def test_coronal_planes_of_thick_slices_are_stretched_to_their_true_height(self):
        voxels = np.full((4, 6, 20), 40, np.int16)  # 4 x 5 mm high, 20 x 1 mm wide
        found = slice_pixels(scan(voxels, slice_axis=1), ViewSpec(windows=(BRAIN,), size=(16, 16)), (0, 1))
        np.testing.assert_allclose(found, np.full((6, 1, 16, 16), 0.5), atol=1e-6)

    def test_windows_come_after_the_resize(self):
        # two pixels of -960 and 1040 HU are 40 HU on average: the middle of the brain window, not black or white
        voxels = np.tile(np.array([[-960, 1040], [1040, -960]], np.int16), (1, 8, 8))
        found = slice_pixels(scan(voxels), ViewSpec(windows=(BRAIN,), size=(1, 1)), (0, 1))
        np.testing.assert_allclose(found, 0.5, atol=1e-4)


class TestSpacing:
    def test_is_trilinear_interpolation_without_aligned_corners(self):
        hu = random_hu((10, 24, 20))
        view = ViewSpec(windows=(WIDE,), spacing_mm=(3.0, 1.5, 0.7))
        found, _ = volume_voxels(scan(hu, (5.0, 0.9, 0.8)), view, (-4000, 4000))
        # floor(10 * 5 / 3), floor(24 * 0.9 / 1.5), floor(20 * 0.8 / 0.7)
        expected = torch.nn.functional.interpolate(
            torch.from_numpy(hu.astype(np.float32))[None, None], size=(16, 14, 22), mode="trilinear", align_corners=False
        )
        assert found.shape == (1, 16, 14, 22)
        np.testing.assert_allclose(found[0], expected[0, 0].numpy(), atol=1e-4 * 2500)

    def test_uneven_slices_are_taken_where_they_are(self):
        positions = np.array([0.0, 2.0, 7.0, 8.0, 15.0])
        hu = random_hu((5, 6, 7))
        volume = scan(hu, (3.0, 1.0, 1.0), positions=positions)
        found, z_mm = volume_voxels(volume, ViewSpec(windows=(WIDE,), spacing_mm=(1.0, 1.0, 1.0)), (-4000, 4000))
        # from half a gap before the first to half a gap behind the last: -1..18.5, so 19 planes
        at = -1 + (np.arange(19) + 0.5) * 19.5 / 19
        np.testing.assert_allclose(z_mm, 300 + at, atol=1e-9)
        inside = (at >= 0) & (at <= 15)
        lookup = RegularGridInterpolator((positions, np.arange(6), np.arange(7)), hu.astype(float))
        grid = np.stack(np.meshgrid(at[inside], np.arange(6), np.arange(7), indexing="ij"), axis=-1)
        np.testing.assert_allclose(found[0][inside], lookup(grid), atol=0.05)
        np.testing.assert_array_equal(found[0, -1], found[0, -2])

    def test_uneven_coronal_slices_too(self):
        positions = np.array([0.0, 1.0, 5.0])
        ramp = np.broadcast_to(100 * positions[None, :, None], (3, 3, 2)).astype(np.int16)
        view = ViewSpec(windows=(WIDE,), spacing_mm=(5.0, 0.5, 1.0))
        found, z_mm = volume_voxels(scan(ramp, slice_axis=1, positions=positions), view, (-4000, 4000))
        at = -0.5 + (np.arange(15) + 0.5) * 0.5
        np.testing.assert_allclose(found[0, 1, :, 0], 100 * np.clip(at, 0, 5), atol=1e-2)
        np.testing.assert_allclose(z_mm, [300, 305, 310])

    def test_unknown_spacing_is_refused(self):
        with pytest.raises(ViewError, match="spacing is unknown"):
            volume_voxels(image(np.zeros((4, 4))), ViewSpec(spacing_mm=(1, 1, 1)), (0, 1))

    def test_one_slice_of_known_width(self):
        view = ViewSpec(windows=(WIDE,), spacing_mm=(2.0, 1.0, 1.0))
        found, z_mm = volume_voxels(scan(np.full((1, 2, 2), 7, np.int16)), view, (-4000, 4000))
        np.testing.assert_allclose(found, np.full((1, 2, 2, 2), 7), atol=1e-3)
        np.testing.assert_allclose(z_mm, [300 - 1.25, 300 + 1.25])

    def test_a_lone_slice_of_unknown_width_is_one_plane(self):
        volume = scan(np.arange(8, dtype=np.int16).reshape(1, 2, 4), (None, 1.0, 2.0))
        found, z_mm = volume_voxels(volume, ViewSpec(windows=(WIDE,), spacing_mm=(5.0, 1.0, 1.0)), (-4000, 4000))
        assert found.shape == (1, 1, 2, 8)
        np.testing.assert_allclose(found[0, 0, 1], [4, 4.25, 4.75, 5.25, 5.75, 6.25, 6.75, 7], atol=1e-3)
        np.testing.assert_allclose(z_mm, [300])
        with pytest.raises(ViewError, match="unknown in part"):
            volume_voxels(scan(np.zeros((2, 2, 4)), (None, 1.0, 2.0)), ViewSpec(windows=(WIDE,), spacing_mm=(5.0, 1.0, 1.0)), (0, 1))

    def test_published_ct_clip_preprocessing(self, shared_data):
        path = shared_data.parent / "goldens" / "ctclip" / "preprocess.safetensors"
        if not path.exists():
            pytest.skip("the published preprocessing's outcome is not here")
        from safetensors.numpy import load_file

        golden = load_file(path)
        # its axes are (x, y, z) as stored; it takes them for (height, width, depth) without turning them
        voxels = (golden["raw_xyz"] - 1024).transpose(2, 0, 1)
        view = ViewSpec(windows=(CTCLIP,), spacing_mm=(1.5, 0.75, 0.75), shape=(24, 48, 48))
        found, _ = volume_voxels(scan(voxels, (2.0, 0.9, 0.9)), view, (-1, 1))
        np.testing.assert_allclose(found, golden["expected"], atol=1e-5)


class TestShape:
    def test_crop_and_padding_are_central(self):
        voxels = np.arange(5 * 2 * 3, dtype=np.int16).reshape(5, 2, 3)
        found, z_mm = volume_voxels(scan(voxels), ViewSpec(windows=(WIDE,), shape=(2, 5, 3)), (-4000, 4000))
        assert found.shape == (1, 2, 5, 3)
        np.testing.assert_allclose(found[0, :, 1:3], voxels[1:3], atol=1e-3)
        np.testing.assert_array_equal(found[0][:, [0, 3, 4]], np.full((2, 3, 3), -4000))
        np.testing.assert_allclose(z_mm, [305, 310])

    def test_padded_planes_have_no_place(self):
        found, z_mm = volume_voxels(scan(np.full((1, 2, 2), 500, np.int16)), ViewSpec(windows=(BRAIN,), shape=(3, 2, 2)), (-1, 1))
        np.testing.assert_array_equal(found[0, :, 0, 0], [-1, 1, -1])
        np.testing.assert_array_equal(z_mm, [np.nan, 300, np.nan])

    def test_crop_after_resampling_is_the_centre_of_the_whole(self):
        volume = scan(random_hu((12, 20, 20)))
        whole, whole_z = volume_voxels(volume, ViewSpec(windows=(CTCLIP,), spacing_mm=(2, 0.8, 0.8)), (0, 1))
        part, part_z = volume_voxels(volume, ViewSpec(windows=(CTCLIP,), spacing_mm=(2, 0.8, 0.8), shape=(10, 15, 11)), (0, 1))
        assert whole.shape == (1, 30, 25, 25)
        np.testing.assert_array_equal(part, whole[:, 10:20, 5:20, 7:18])
        np.testing.assert_array_equal(part_z, whole_z[10:20])

    def test_views_with_other_windows_share_the_grid(self):
        volume = scan(random_hu((6, 10, 10)))
        views = [ViewSpec(windows=(w,), spacing_mm=(2, 1, 1), shape=(8, 8, 12)) for w in (BRAIN, BONE)] + [ViewSpec(windows=(BRAIN, BONE))]
        for place, voxels, z_mm in volume_batches(volume, views, (-1, 1)):
            alone, alone_z = volume_voxels(volume, views[place], (-1, 1))
            np.testing.assert_array_equal(voxels, alone)
            np.testing.assert_array_equal(z_mm, alone_z)
            assert voxels.flags.c_contiguous


class TestCheck:
    @pytest.mark.parametrize(
        ("view", "message"),
        [
            (ViewSpec(windows=(BRAIN,), slices="every2"), "slice policy 'every2' is unknown"),
            (ViewSpec(windows=(BRAIN,), interpolation="sinc"), "interpolation 'sinc'"),
            (ViewSpec(windows=(BRAIN,), spacing_mm=(1, 1, 1), interpolation="cubic"), "use linear or nearest"),
            (ViewSpec(windows=(BRAIN,), spacing_mm=(1, 1, 1), slices="trim"), "leave one of them out"),
            (ViewSpec(windows=(BRAIN,), orientation="RAA"), "orientation 'RAA'"),
            (ViewSpec(windows=(BRAIN,), code=99), "code 99"),
            (ViewSpec(windows=(BRAIN,), spacing_mm=(1, 0, 1)), "lengths over 0"),
            (ViewSpec(windows=(BRAIN,), size=(0, 5)), "at least 1"),
            (ViewSpec(windows=(BRAIN,), size=(5, 5), shape=(5, 5, 5)), "give one of them"),
        ],
    )
    def test_what_is_not_made_is_refused_by_name(self, view, message):
        with pytest.raises(ViewError, match=message):
            check_view(view, scan(random_hu((2, 3, 4))))

    def test_a_header_is_enough(self):
        header = ScanHeader("image", ("x",), (), (SliceHeader("0", None),), 4, 4, "axial", (None, None, None), None, has_hu=False)
        check_view(ViewSpec(), header)
        with pytest.raises(ViewError, match="no HU"):
            check_view(ViewSpec(windows=(BRAIN,)), header)
