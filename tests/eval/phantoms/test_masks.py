"""Masks, as NIfTI read by nibabel and as DICOM SEG read by highdicom, against the regions they were made of."""

from __future__ import annotations

import time
from pathlib import Path

import highdicom
import numpy as np
import pytest
from nibabel.nifti1 import Nifti1Image
from pydicom import dcmread

from phantom_bodies import ball, body, mm, series, study
from scanbank.eval.phantoms.acquire import acquire, corner_mm, row_direction
from scanbank.eval.phantoms.dicom import headers
from scanbank.eval.phantoms.findings import CHEST, HEAD
from scanbank.eval.phantoms.masks import masks_of
from scanbank.eval.phantoms.model import Acquired, Lesion, Series, Study
from scanbank.eval.phantoms.nifti_masks import affine_of, is_even, write_masks
from scanbank.eval.phantoms.seg import type_of, write_seg
from scanbank.store.local_map import Located
from scanbank.store.progress import Silent
from scanbank.store.readers.load import load_volume
from scanbank.store.readers.scans import Images, find_scans

TWO = (ball((0, 10, -20), 12), ball((6, 14, -12), 9))
FAR = ball((-10, -20, 25), 14)
EVEN = [series(), series(tilt_deg=14.0), series(tilt_deg=-8.0, positions_mm=tuple(range(25, -26, -5)))]
UNEVEN = series(positions_mm=(-25.0, -20.0, -15.0, -8.0, -1.0, 6.0, 13.0))


def case(planned: Series) -> tuple[Study, Acquired]:
    """Two overlapping nodules, an effusion that overlaps none, a finding without voxels."""
    names = ("nodule", "nodule", "pleural_effusion", "cardiomegaly")
    made = study(*(Lesion(name, "left", "", 10, 0.5) for name in names))
    return made, acquire(body(0, *TWO, FAR, None), planned)


def test_masks_join_the_lesions_of_a_finding() -> None:
    made, scanned = case(series())
    masks = masks_of(made, scanned)
    assert list(masks) == ["nodule", "pleural_effusion"]
    alone = [masks_of(study(Lesion("nodule", "left", "", 10, 0.5)), acquire(body(0, mask), series()))["nodule"] for mask in TWO]
    assert np.array_equal(masks["nodule"], alone[0] | alone[1])
    assert (alone[0] & alone[1]).any()


@pytest.mark.parametrize("planned", EVEN, ids=["axial", "tilted", "tilted back"])
def test_nifti_has_the_geometry_of_the_dicom(tmp_path: Path, planned: Series) -> None:
    made, scanned = case(planned)
    masks = masks_of(made, scanned)
    write_masks(tmp_path / "a", planned, masks)
    for finding, mask in masks.items():
        image = Nifti1Image.from_filename(tmp_path / "a" / f"{finding}.nii.gz")
        assert np.array_equal(np.asarray(image.dataobj).transpose(2, 1, 0), mask)
        for k, j, i in ((0, 0, 0), (3, 60, 7), (10, 5, 63)):
            lps = corner_mm(planned, k) + planned.pixel_mm * (j * row_direction(planned) + i * np.array([1.0, 0, 0]))
            assert np.asarray(image.affine) @ [i, j, k, 1] == pytest.approx([-lps[0], -lps[1], lps[2], 1], abs=1e-3)


def test_our_nifti_reader_sees_the_mask_where_the_lesion_is(tmp_path: Path) -> None:
    made, scanned = case(EVEN[1])
    write_masks(tmp_path / "a", EVEN[1], masks_of(made, scanned))
    found = find_scans([tmp_path / "a" / "pleural_effusion.nii.gz"], Images(None, None), 1, Silent())
    (header,) = found.scans
    read = load_volume(Located(header.kind, header.sources, header.exported_window))
    where = np.argwhere(read.voxels > 0).mean(axis=0)
    centre = read.affine @ [where[2], where[1], where[0], 1]
    z, y, x = mm()
    expected = [float(np.broadcast_to(axis, FAR.shape)[FAR].mean()) for axis in (x, y, z)]
    assert centre[:3] == pytest.approx(expected, abs=1.0)


def test_uneven_series_have_no_affine() -> None:
    assert not is_even(UNEVEN)
    assert all(is_even(planned) for planned in EVEN)
    assert np.linalg.det(affine_of(EVEN[1])) != 0


@pytest.mark.parametrize("planned", [*EVEN, UNEVEN], ids=["axial", "tilted", "tilted back", "uneven"])
def test_seg_reads_back(tmp_path: Path, planned: Series) -> None:
    made, scanned = case(planned)
    masks, images = masks_of(made, scanned), headers(made, scanned)
    write_seg(tmp_path / "a.dcm", images, masks)
    read = highdicom.seg.segread(tmp_path / "a.dcm")
    assert [read.get_segment_description(n).segment_label for n in read.segment_numbers] == list(masks)
    uids = [image.SOPInstanceUID for image in images]
    pixels = read.get_pixels_by_source_instance(uids, assert_missing_frames_are_empty=True)
    assert np.array_equal(pixels.astype(bool), np.stack(list(masks.values()), axis=-1))
    assert read.NumberOfFrames == sum(int(mask.any(axis=(1, 2)).sum()) for mask in masks.values())  # empty ones are omitted
    assert read.StudyInstanceUID == made.uid
    assert read.FrameOfReferenceUID == images[0].FrameOfReferenceUID
    assert read.SegmentationType == "BINARY"


def test_seg_knows_no_now(tmp_path: Path) -> None:
    made, scanned = case(series())
    for name in "ab":
        write_seg(tmp_path / f"{name}.dcm", headers(made, scanned), masks_of(made, scanned))
        time.sleep(1.1)  # times in DICOM go by the second
    assert (tmp_path / "a.dcm").read_bytes() == (tmp_path / "b.dcm").read_bytes()
    dates = {element.value for element in dcmread(tmp_path / "a.dcm").iterall() if element.VR == "DA"}
    assert dates - {""} == {"20200203"}  # no birth date


@pytest.mark.parametrize("finding", [spec.name for spec in (*CHEST, *HEAD)])
def test_every_finding_has_a_code(finding: str) -> None:
    code = type_of(finding)
    assert 0 < len(code.value) <= 16  # PS3.5: SH
    assert 0 < len(code.meaning) <= 64  # LO
