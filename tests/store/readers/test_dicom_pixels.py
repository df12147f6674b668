from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from dicom_files import default_positions, stored_values, write_enhanced, write_series
from scanbank.store.errors import ReadError
from scanbank.store.readers.dicom_headers import read_header
from scanbank.store.readers.dicom_pixels import load
from scanbank.store.readers.dicom_record import DicomHeader
from scanbank.store.readers.dicom_series import group
from scanbank.store.scan import ScanHeader, Source, Volume

LOSSLESS = (
    ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, RLELossless, JPEG2000Lossless,
    JPEGLSLossless,
)  # fmt: skip


def scan_of(paths: Sequence[Path]) -> ScanHeader:
    headers = [read_header(path) for path in paths]
    (scan,) = group([header for header in headers if isinstance(header, DicomHeader)]).scans
    return scan


def volume_of(paths: Sequence[Path]) -> Volume:
    return load(scan_of(paths).sources)


def test_axial_voxels_are_the_stored_values_rescaled(tmp_path: Path) -> None:
    stored = stored_values(5, (16, 12))
    volume = volume_of(write_series(tmp_path, voxels=stored))
    assert volume.voxels.dtype == np.int16
    np.testing.assert_array_equal(volume.voxels, stored - 1024)
    np.testing.assert_allclose(volume.affine, [[0.5, 0, 0, -50], [0, 0.75, 0, -60], [0, 0, 2, 100], [0, 0, 0, 1]])
    assert (volume.spacing_mm, volume.slice_axis, volume.has_hu) == ((2.0, 0.75, 0.5), 0, True)
    np.testing.assert_allclose(volume.z_mm, [100, 102, 104, 106, 108])
    np.testing.assert_allclose(volume.positions_mm, [100, 102, 104, 106, 108])


@st.composite
def _orientations(draw: st.DrawFn) -> tuple[float, ...]:
    """Two axes of the patient in any order and direction, turned a little."""
    first, second = draw(st.permutations([0, 1, 2]))[:2]
    row, column = np.zeros(3), np.zeros(3)
    row[first], column[second] = draw(st.sampled_from([1, -1])), draw(st.sampled_from([1, -1]))
    angles = [draw(st.floats(-0.3, 0.3)) for _ in range(3)]
    turn = np.eye(3)
    for a, (i, j) in zip(angles, ((0, 1), (0, 2), (1, 2)), strict=True):
        one = np.eye(3)
        one[i, i] = one[j, j] = np.cos(a)
        one[i, j], one[j, i] = -np.sin(a), np.sin(a)
        turn = turn @ one
    return (*(turn @ row), *(turn @ column))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(orientation=_orientations(), backwards=st.booleans(), data=st.data())
def test_a_point_of_the_patient_keeps_its_hu(tmp_path: Path, orientation: tuple[float, ...], backwards: bool, data: st.DataObject) -> None:
    """Position of voxel (k, j, i) by DICOM PS3.3 equation C.7.6.2.1-1 against the volume's affine."""
    stored = stored_values(4, (6, 5))
    positions = default_positions(4, orientation, 3.0)[:: -1 if backwards else 1]
    folder = tmp_path / "series"
    shutil.rmtree(folder, ignore_errors=True)
    scan = scan_of(write_series(folder, voxels=stored, positions=positions, orientation=orientation))
    volume = load(scan.sources)
    k, j, i = data.draw(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 4)))
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    point = np.array(positions[k]) + row * 0.5 * i + column * 0.75 * j
    x, y, z = np.linalg.solve(volume.affine, [*point, 1])[:3]
    np.testing.assert_allclose([x, y, z], np.rint([x, y, z]), atol=1e-4)
    assert volume.voxels[round(z), round(y), round(x)] == stored[k, j, i] - 1024
    assert (np.diag(volume.affine)[:3] > 0).all()  # each axis runs to the left, the back, the head
    plane = [z, y, x][volume.slice_axis]
    assert scan.sources[round(plane)].path.stem == f"slice{k:03d}"
    assert scan.slices[round(plane)].z_mm == pytest.approx(volume.z_mm[round(plane)])
    assert (np.diff(volume.positions_mm) > 0).all()
    assert sorted(s or 0 for s in volume.spacing_mm) == pytest.approx([0.5, 0.75, 3.0])
    assert volume.spacing_mm[volume.slice_axis] == pytest.approx(3.0)


def test_every_lossless_transfer_syntax_gives_the_same_volume_and_digest(tmp_path: Path) -> None:
    stored = stored_values(3, (48, 40))
    volumes = [volume_of(write_series(tmp_path / str(k), voxels=stored, transfer_syntax=uid)) for k, uid in enumerate(LOSSLESS)]
    for volume in volumes:
        np.testing.assert_array_equal(volume.voxels, stored - 1024)
    assert len({volume.content for volume in volumes}) == 1


@pytest.mark.parametrize("uid", [JPEG2000, JPEGLSNearLossless])
def test_lossy_transfer_syntaxes_decode_within_a_bound_and_are_flagged(tmp_path: Path, uid: str) -> None:
    ramp = (np.arange(48 * 48).reshape(1, 48, 48) % 3000).astype(np.int16)
    options: dict[str, Any] = {"j2k_cr": [4]} if uid == JPEG2000 else {"jls_error": 3}
    paths = write_series(tmp_path, voxels=ramp, transfer_syntax=uid, encoder_options=options)
    scan = scan_of(paths)
    assert "lossy" in scan.flags
    assert np.abs(load(scan.sources).voxels - (ramp - 1024.0)).mean() < 10


def test_content_tells_voxels_and_geometry_and_nothing_else(tmp_path: Path) -> None:
    stored = stored_values(3, (8, 8))
    base = volume_of(write_series(tmp_path / "a", voxels=stored)).content
    assert volume_of(write_series(tmp_path / "b", voxels=stored, patient_id="q", seed=7, prefix="other")).content == base
    assert volume_of(write_series(tmp_path / "c", voxels=stored, positions=default_positions(3, step=2.5))).content != base
    assert volume_of(write_series(tmp_path / "d", voxels=stored, spacing=(0.8, 0.5))).content != base
    changed = stored.copy()
    changed[1, 2, 3] += 1
    assert volume_of(write_series(tmp_path / "e", voxels=changed)).content != base
    # The same HU through another intercept are the same content.
    assert volume_of(write_series(tmp_path / "f", voxels=stored - 1024, intercept=0)).content == base


@pytest.mark.parametrize(
    ("stored", "slope", "intercept", "dtype", "expected"),
    [
        (np.array([0, 4095], np.uint16), 1, -1024, np.int16, [-1024, 3071]),
        (np.array([0, 4095], np.uint16), None, None, np.int16, [0, 4095]),
        (np.array([-1000, 3000], np.int16), 1, 0, np.int16, [-1000, 3000]),
        (np.array([0, 100], np.uint16), 2, -1024, np.int16, [-1024, -824]),
        (np.array([0, 65535], np.uint16), 1, -1024, np.float32, [-1024, 64511]),
        (np.array([0, 100], np.uint16), 0.5, -1000.25, np.float32, [-1000.25, -950.25]),
        (np.array([0, 255], np.uint8), 4, -1024, np.int16, [-1024, -4]),
        (np.array([40000, 42000], np.uint16), 1, -40000, np.int16, [0, 2000]),
    ],
)
def test_hu_by_slope_and_intercept(
    tmp_path: Path, stored: np.ndarray, slope: float | None, intercept: float | None, dtype: type, expected: list[float]
) -> None:
    voxels = np.tile(stored, 8).reshape(1, 4, 4)
    volume = volume_of(write_series(tmp_path, voxels=voxels, slope=slope, intercept=intercept))
    assert volume.voxels.dtype == dtype
    assert volume.voxels[0, 0, :2].tolist() == expected


def test_a_slice_that_does_not_fit_turns_the_whole_volume_to_float(tmp_path: Path) -> None:
    voxels = np.zeros((3, 4, 4), np.uint16)
    voxels[0, 0, 0], voxels[1, 0, 0] = 7, 60000
    volume = volume_of(write_series(tmp_path, voxels=voxels))
    assert volume.voxels.dtype == np.float32
    assert (volume.voxels[0, 0, 0], volume.voxels[1, 0, 0], volume.voxels[2, 3, 3]) == (7 - 1024, 60000 - 1024, -1024)


def test_slices_with_their_own_rescale(tmp_path: Path) -> None:
    voxels = np.full((2, 4, 4), 100, np.uint16)
    elements = [{"RescaleSlope": 1, "RescaleIntercept": 0}, {"RescaleSlope": 2, "RescaleIntercept": 5}]
    assert volume_of(write_series(tmp_path, voxels=voxels, elements=elements)).voxels[:, 0, 0].tolist() == [100, 205]


def test_bits_above_those_stored_are_ignored(tmp_path: Path) -> None:
    unsigned = np.full((1, 4, 4), 0xF123, np.uint16)
    assert volume_of(write_series(tmp_path / "u", voxels=unsigned, bits_stored=12, intercept=0)).voxels[0, 0, 0] == 0x123
    signed = np.full((1, 4, 4), 0x0FFF, np.int16)  # -1 in 12 bits
    assert volume_of(write_series(tmp_path / "s", voxels=signed, bits_stored=12, intercept=0)).voxels[0, 0, 0] == -1
    shifted = np.full((1, 4, 4), 0x1230, np.uint16)
    assert volume_of(write_series(tmp_path / "h", voxels=shifted, bits_stored=12, intercept=0, HighBit=15)).voxels[0, 0, 0] == 0x123


def test_monochrome1_is_about_display_and_leaves_hu_alone(tmp_path: Path) -> None:
    one = volume_of(write_series(tmp_path / "1", PhotometricInterpretation="MONOCHROME1"))
    two = volume_of(write_series(tmp_path / "2", PhotometricInterpretation="MONOCHROME2"))
    np.testing.assert_array_equal(one.voxels, two.voxels)
    assert one.content == two.content


def test_padding_outside_the_range_of_hu_becomes_air_and_plausible_padding_stays(tmp_path: Path) -> None:
    voxels = np.array([-2000, 0, -2000, 100] * 4, np.int16).reshape(1, 4, 4)
    padded = volume_of(write_series(tmp_path / "a", voxels=voxels, PixelPaddingValue=-2000))
    assert padded.voxels[0, 0].tolist() == [-1024, -1024, -1024, -924]
    kept = volume_of(write_series(tmp_path / "b", voxels=voxels, PixelPaddingValue=0, intercept=0))
    assert kept.voxels[0, 0].tolist() == [-2000, 0, -2000, 100]
    far = np.array([-32768, 0] * 8, np.int16).reshape(1, 4, 4)  # -32768 - 1024 does not fit 16 bits
    low = volume_of(write_series(tmp_path / "c", voxels=far, PixelPaddingValue=-32768))
    assert (low.voxels.dtype, low.voxels[0, 0].tolist()) == (np.int16, [-1024, -1024, -1024, -1024])


def test_a_tilted_stack_keeps_its_lean_in_the_affine(tmp_path: Path) -> None:
    orientation = (1, 0, 0, 0, np.cos(0.2), -np.sin(0.2))
    positions = [(-50, -60, z) for z in (0, 5, 10)]
    volume = volume_of(write_series(tmp_path, positions=positions, orientation=orientation))
    np.testing.assert_allclose(volume.affine[:3, 2], [0, 0, 5], atol=1e-6)
    assert volume.spacing_mm[0] == pytest.approx(5 * np.cos(0.2), abs=1e-5)
    np.testing.assert_allclose(np.diff(volume.positions_mm), 5 * np.cos(0.2), atol=1e-6)


def test_gaps_keep_true_positions(tmp_path: Path) -> None:
    volume = volume_of(write_series(tmp_path, positions=[(0, 0, z) for z in (0, 5, 15, 20)]))
    assert volume.positions_mm.tolist() == [0, 5, 15, 20]
    assert volume.z_mm.tolist() == [0, 5, 15, 20]
    assert volume.spacing_mm[0] == 5.0


@pytest.mark.parametrize("uid", [ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, RLELossless, JPEG2000Lossless])
def test_enhanced_frames_decode_in_slice_order_as_single_files_do(tmp_path: Path, uid: str) -> None:
    stored = stored_values(4, (40, 36))
    positions = default_positions(4)
    singles = volume_of(write_series(tmp_path / "single", voxels=stored, positions=positions))
    shuffled = [2, 0, 3, 1]
    path = write_enhanced(tmp_path / "e.dcm", positions=[positions[k] for k in shuffled], voxels=stored[shuffled], transfer_syntax=uid)
    enhanced = volume_of([path])
    np.testing.assert_array_equal(enhanced.voxels, singles.voxels)
    assert enhanced.content == singles.content


def test_enhanced_frames_with_their_own_rescale(tmp_path: Path) -> None:
    voxels = np.full((2, 4, 4), 10, np.uint16)
    path = write_enhanced(tmp_path / "e.dcm", positions=default_positions(2), voxels=voxels, rescale=[(1, 0), (3, -5)])
    assert volume_of([path]).voxels[:, 0, 0].tolist() == [10, 25]


def test_unknown_spacing_and_place_stay_unknown(tmp_path: Path) -> None:
    volume = volume_of(write_series(tmp_path, n=1, positions=[None], spacing=None))
    assert volume.spacing_mm == (None, None, None)
    assert np.isnan(volume.z_mm).all()


def test_files_that_changed_since_ingest_are_refused(tmp_path: Path) -> None:
    paths = write_series(tmp_path, n=3)
    sources = scan_of(paths).sources
    with pytest.raises(ReadError, match="follow one another"):
        load([sources[0], sources[2], sources[1]])
    with pytest.raises(ReadError, match="wrong way"):
        load(sources[::-1])
    with pytest.raises(ReadError, match="frame 3 is not in the file"):
        load([replace(sources[0], frame=3)])
    with pytest.raises(ReadError, match="at least one"):
        load([])
    write_series(tmp_path / "other", n=1, shape=(4, 4))
    with pytest.raises(ReadError, match="not all of one size"):
        load([sources[0], Source(tmp_path / "other" / "slice000.dcm")])
    paths[1].write_bytes(paths[1].read_bytes()[:-10])
    with pytest.raises(ReadError, match="expected 384 bytes of pixel data, found 374"):
        load(sources)
    paths[1].unlink()
    with pytest.raises(ReadError, match="cannot be opened"):
        load(sources)


@pytest.mark.parametrize("uid", [RLELossless, JPEG2000Lossless, JPEGLSLossless])
def test_compressed_files_cut_short_name_their_transfer_syntax(tmp_path: Path, uid: str) -> None:
    path = write_series(tmp_path, n=1, shape=(40, 36), transfer_syntax=uid)[0]
    sources = scan_of([path]).sources
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ReadError, match=r"(RLE|JPEG).*truncated"):
        load(sources)
