from __future__ import annotations

import gzip
import hashlib
import itertools
import os
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.affines import apply_affine
from nibabel.eulerangles import euler2mat
from nibabel.nifti1 import load as load_nibabel

from scanbank.store.errors import ReadError
from scanbank.store.readers import nifti
from scanbank.store.scan import Rejected, ScanHeader, Source

IJK = np.arange(24, dtype=np.int16).reshape(4, 3, 2)  # (i, j, k)
TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def save(path: Path, array: np.ndarray[Any, Any], affine: np.ndarray[Any, Any] | None, *, unit: str = "mm", version: int = 1) -> Path:
    image = (nibabel.Nifti1Image if version == 1 else nibabel.Nifti2Image)(array, affine, dtype=array.dtype)
    image.header.set_xyzt_units(unit)
    nibabel.save(image, path)
    return path


def scanned(path: Path) -> ScanHeader:
    header = nifti.scan(path)
    assert isinstance(header, ScanHeader), header
    return header


def refused(path: Path) -> str:
    header = nifti.scan(path)
    assert isinstance(header, Rejected)
    with pytest.raises(ReadError):
        nifti.load([Source(path)])
    assert str(path.parent) not in header.reason
    return header.reason


def patched(path: Path, offset: int, fmt: str, *values: float) -> Path:
    """The file with a field of its header overwritten."""
    data = bytearray(path.read_bytes())
    struct.pack_into(fmt, data, offset, *values)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("version", [1, 2])
def test_header_and_voxels_worked_out_by_hand(tmp_path: Path, name: str, version: int) -> None:
    # RAS axes of 2, 3, 4 mm from (10, 20, 30): in LPS the first voxel is the one farthest right and in front.
    affine = np.array([[2.0, 0, 0, 10], [0, 3, 0, 20], [0, 0, 4, 30], [0, 0, 0, 1]])
    path = save(tmp_path / name, IJK, affine, version=version)
    header = scanned(path)
    assert header.names == (hashlib.sha256(path.read_bytes()).digest(),)
    assert header.sources == (Source(path, size=path.stat().st_size, mtime_ns=path.stat().st_mtime_ns),)
    assert (header.rows, header.columns, len(header.slices)) == (3, 4, 2)
    assert [s.z_mm for s in header.slices] == [30, 34]
    assert header.spacing_mm == (4, 3, 2)
    assert (header.plane, header.extent_mm, header.has_hu, header.flags) == ("axial", 4, True, ())
    volume = nifti.load(header.sources)
    assert volume.voxels.dtype == np.int16
    np.testing.assert_array_equal(volume.voxels, IJK.transpose(2, 1, 0)[:, ::-1, ::-1])
    # x index 0 is i = 3: RAS x 16, LPS -16; y index 0 is j = 2: RAS 26, LPS -26.
    np.testing.assert_allclose(volume.affine, [[2, 0, 0, -16], [0, 3, 0, -26], [0, 0, 4, 30], [0, 0, 0, 1]])
    np.testing.assert_allclose(volume.z_mm, [30, 34])
    np.testing.assert_allclose(volume.positions_mm, [30, 34])
    assert volume.slice_axis == 0


AXES = [(order, flips) for order in itertools.permutations(range(3)) for flips in itertools.product((1, -1), repeat=3)]


@settings(max_examples=40, deadline=None)
@given(
    axes=st.sampled_from(AXES),
    tilt=st.tuples(*[st.floats(-0.5, 0.5)] * 3),
    zooms=st.tuples(*[st.floats(0.3, 6)] * 3),
    shape=st.tuples(*[st.integers(1, 5)] * 3),
    seed=st.integers(0, 2**16),
)
def test_a_physical_point_keeps_its_value(
    tmp_path_factory: pytest.TempPathFactory, axes: Any, tilt: Any, zooms: Any, shape: Any, seed: int
) -> None:
    order, flips = axes
    rotation = euler2mat(*tilt)
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.eye(3)[list(order)] @ np.diag(flips) @ np.diag(zooms)
    rng = np.random.default_rng(seed)
    affine[:3, 3] = rng.uniform(-200, 200, 3)
    array = rng.integers(-1024, 3000, shape).astype(np.int16)
    path = save(tmp_path_factory.mktemp("n") / "a.nii", array, affine)
    truth = load_nibabel(path)
    header = scanned(path)
    volume = nifti.load(header.sources)
    zyx = np.indices(volume.voxels.shape).reshape(3, -1).T
    ras = apply_affine(TO_RAS @ volume.affine, zyx[:, ::-1])
    ijk = np.rint(apply_affine(np.linalg.inv(np.asarray(truth.affine)), ras)).astype(int)
    np.testing.assert_allclose(apply_affine(truth.affine, ijk), ras, atol=1e-3)
    np.testing.assert_array_equal(volume.voxels.reshape(-1), np.asarray(truth.dataobj)[tuple(ijk.T)])
    # Each index axis runs along its own patient axis, upwards.
    np.testing.assert_array_equal(nibabel.io_orientation(volume.affine), [[0, 1], [1, 1], [2, 1]])
    # Depths: of the plane's centre; positions: along the normal, increasing, their steps the header's spacing.
    centres = [np.mean(ras.reshape(*volume.voxels.shape, 3)[k].reshape(-1, 3), 0) for k in range(volume.voxels.shape[0])]
    np.testing.assert_allclose(volume.z_mm, [c[2] for c in centres], atol=1e-3)
    assert [s.z_mm for s in header.slices] == volume.z_mm.tolist()
    assert np.diff(volume.positions_mm) == pytest.approx(volume.spacing_mm[0])
    assert header.spacing_mm == pytest.approx(volume.spacing_mm)


def test_a_sheared_grid_counts_the_distance_between_planes(tmp_path: Path) -> None:
    # Steps of 4 mm upwards and 3 mm backwards: a gantry tilt kept as shear. The planes are 4 mm apart, not 5.
    affine = np.diag([-1.0, -1.0, 4.0, 1.0])
    affine[1, 2] = -3
    header = scanned(save(tmp_path / "a.nii", IJK, affine))
    assert header.spacing_mm == pytest.approx((4, 1, 1))
    assert header.extent_mm == pytest.approx(4)


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1000), ("mm", 1), ("micron", 0.001), ("unknown", 1)])
def test_units_of_length(tmp_path: Path, unit: str, factor: float) -> None:
    header = scanned(save(tmp_path / "a.nii", IJK, np.diag([2.0, 3, 4, 1]), unit=unit))
    assert header.spacing_mm == pytest.approx((4 * factor, 3 * factor, 2 * factor))


def test_no_orientation_is_flagged_and_read_as_nibabel_does(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", IJK, None)
    volume = nifti.load(scanned(path).sources)
    assert scanned(path).flags == ("no_orientation",)
    np.testing.assert_allclose(TO_RAS @ volume.affine, nibabel.as_closest_canonical(load_nibabel(path)).affine @ flips(IJK.shape))


def flips(shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """RAS indices from LPS ones."""
    turn = np.diag([-1.0, -1.0, 1.0, 1.0])
    turn[0, 3], turn[1, 3] = shape[0] - 1, shape[1] - 1
    return turn


def scaled(path: Path, array: np.ndarray[Any, Any], slope: float, inter: float) -> Path:
    save(path, array, np.diag([-1.0, -1, 1, 1]))
    return patched(path, 112, "<2f", slope, inter)


@pytest.mark.parametrize(
    ("stored", "slope", "inter", "dtype"),
    [
        (np.int16, 1, 0, np.int16),
        (np.int16, 0, 0, np.int16),  # a slope of 0 means no scaling
        (np.uint16, 1, -1024, np.int16),
        (np.uint8, 2, 0, np.int16),
        (np.int32, 1, 0, np.int16),
        (np.int16, 0.5, 0, np.float32),
        (np.int16, 4000, 0, np.float32),
        (np.float32, 1, 0, np.float32),
        (np.float64, 2, 1, np.float32),
        (np.int64, 1, 40000, np.float32),
    ],
)
def test_scaling_stays_whole_where_it_can(tmp_path: Path, stored: Any, slope: float, inter: float, dtype: Any) -> None:
    path = scaled(tmp_path / "a.nii", IJK.astype(stored), slope, inter)
    voxels = nifti.load([Source(path)]).voxels
    assert voxels.dtype == dtype
    np.testing.assert_array_equal(voxels, (IJK.astype(float) * (slope or 1) + inter).transpose(2, 1, 0))


def test_big_endian_reads_the_same(tmp_path: Path) -> None:
    little = save(tmp_path / "a.nii", IJK, np.eye(4))
    header = nibabel.Nifti1Header(endianness=">")
    header.set_data_dtype(np.int16)
    image = nibabel.Nifti1Image(IJK, np.eye(4), header)
    nibabel.save(image, tmp_path / "b.nii")
    assert (tmp_path / "b.nii").read_bytes()[:4] == b"\0\0\1\\"
    assert nifti.load([Source(tmp_path / "b.nii")]).content == nifti.load([Source(little)]).content


def test_stored_axes_do_not_change_the_content(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(IJK, np.diag([2.0, 3, 4, 1]))
    turned = nibabel.as_closest_canonical(image).as_reoriented(np.array([[2, -1], [0, 1], [1, -1]]))
    contents = []
    for name, one in (("a", image), ("b", turned)):
        nibabel.save(one, tmp_path / f"{name}.nii")
        contents.append(nifti.load([Source(tmp_path / f"{name}.nii")]).content)
    assert contents[0] == contents[1]


def test_nan_and_trailing_single_axes_pass(tmp_path: Path) -> None:
    array = IJK.astype(np.float32)[..., None, None]
    array[1, 1, 1] = np.nan
    voxels = nifti.load(scanned(save(tmp_path / "a.nii", array, np.diag([-1.0, -1, 1, 1]))).sources).voxels
    assert voxels.shape == (2, 3, 4)
    assert np.isnan(voxels[1, 1, 1])


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.zeros((2, 2, 2, 3), np.int16), "2x2x2x3"),
        (np.zeros((2, 2), np.int16), "2x2"),
        (np.zeros((2, 2, 2), np.complex64), "data type 32"),
        (np.zeros((2, 2, 2), [("R", "u1"), ("G", "u1"), ("B", "u1")]), "data type 128"),
    ],
)
def test_what_is_no_ct_is_refused(tmp_path: Path, array: Any, told: str) -> None:
    assert told in refused(save(tmp_path / "a.nii", array, np.eye(4)))


@pytest.mark.parametrize(
    ("offset", "fmt", "values", "told"),
    [
        (0, "<i", [7], "not a NIfTI"),
        (344, "<4s", [b"ni1\0"], "two files"),
        (42, "<3h", [2000, 2000, 30000], "not that of a scan"),
        (42, "<3h", [1000, 1000, 1000], "cut off or its header wrong"),
        (42, "<3h", [-3, 2, 2], "not that of a scan"),
        (70, "<h", [9999], "NIfTI cannot be read: HeaderDataError"),
        (108, "<f", [1e30], "places the voxels"),
        (108, "<f", [float("nan")], "NIfTI"),
        (116, "<f", [float("inf")], "NIfTI cannot be read: HeaderDataError"),
        (123, "<b", [5], "unit of length 5"),
        (280, "<4f", [float("nan")] * 4, "not finite"),
        (280, "<4f", [0.0] * 4, "degenerate"),
        (280, "<8f", [1.0, 0, 0, 0, 1, 0, 0, 0], "degenerate"),
    ],
)
def test_lying_headers_are_refused(tmp_path: Path, offset: int, fmt: str, values: list[float], told: str) -> None:
    path = patched(scaled(tmp_path / "a.nii", IJK, 1, 0), offset, fmt, *values)
    assert told in refused(path)


def test_cut_files_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", IJK, np.eye(4))
    whole = path.read_bytes()
    for size in (0, 3, 100, 347, 351, len(whole) - 1):
        path.write_bytes(whole[:size])
        refused(path)


def test_a_cut_or_damaged_gzip_fails_when_it_is_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = save(tmp_path / "a.nii.gz", rng.integers(0, 9999, (20, 20, 20)).astype(np.int16), np.eye(4))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ReadError, match=r"NIfTI cannot be read: EOFError: Compressed file ended"):
        nifti.load([Source(path)])
    path.write_bytes(whole[:-8] + bytes(4) + whole[-4:])
    with pytest.raises(ReadError, match="CRC check failed"):
        nifti.load([Source(path)])


def test_a_bomb_is_neither_unpacked_nor_allocated(tmp_path: Path) -> None:
    small = save(tmp_path / "a.nii", IJK, np.eye(4))
    header = small.read_bytes()
    long = tmp_path / "long.nii.gz"  # 64 MB behind a volume of 48 bytes
    long.write_bytes(gzip.compress(header + bytes(64 << 20), 1))
    wide = tmp_path / "wide.nii.gz"  # 2 GB declared, little there
    block = bytearray(header)
    struct.pack_into("<3h", block, 42, 1000, 1000, 1000)
    wide.write_bytes(gzip.compress(bytes(block) + os.urandom(2 << 20), 1))
    tracemalloc.start()
    try:
        assert nifti.load([Source(long)]).voxels.shape == (2, 3, 4)
        with pytest.raises(ReadError, match=r"are missing|Compressed file ended"):
            nifti.load([Source(wide)])
        traced = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert traced < 2.1e9  # the array of the wide one is reserved; pages are taken only as they fill
    wide.write_bytes(gzip.compress(bytes(block), 9))
    assert "can hold at most" in refused(wide)


def test_a_missing_file_is_told_without_its_path(tmp_path: Path) -> None:
    assert refused(tmp_path / "Jane_Doe.nii") == "NIfTI cannot be read: No such file or directory"


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_headers_never_raise_from_scan(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = save(tmp_path_factory.mktemp("n") / "a.nii", IJK, np.eye(4))
    block = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        block[data.draw(st.integers(0, 347))] = data.draw(st.integers(0, 255))
    path.write_bytes(block)
    if isinstance(header := nifti.scan(path), ScanHeader):
        assert nifti.load(header.sources).voxels.shape == (len(header.slices), header.rows, header.columns)


@pytest.mark.parametrize("name", ["example_ct_sm.nii.gz", "pulmonary_report/models/ct_cropped.nii.gz"])
def test_real_scans_agree_with_nibabel(shared_data: Path, name: str) -> None:
    path = shared_data / "totalseg" / "tests" / "reference_files" / name
    header = scanned(path)
    volume = nifti.load(header.sources)
    truth = nibabel.as_closest_canonical(load_nibabel(path))
    np.testing.assert_array_equal(volume.voxels, np.asarray(truth.dataobj).transpose(2, 1, 0)[:, ::-1, ::-1])
    np.testing.assert_allclose(TO_RAS @ volume.affine, truth.affine @ flips(truth.shape), atol=1e-4)
    assert header.spacing_mm == pytest.approx(tuple(float(z) for z in truth.header.get_zooms()[::-1]))
    assert volume.voxels.min() < -900  # air
