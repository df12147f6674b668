"""The files that pydicom ships, and the real scans beside the checkout where they are present."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest

from scanbank.store.errors import ReadError
from scanbank.store.readers.dicom_headers import is_dicom, read_header
from scanbank.store.readers.dicom_pixels import load
from scanbank.store.readers.dicom_record import DicomHeader
from scanbank.store.readers.dicom_series import aggregate, group
from scanbank.store.scan import Found, Rejected, Source

PYDICOM_FILES = Path(pydicom.__file__).parent / "data" / "test_files"


LOSSY = {
    50: (65, 20),  # 8 bits for a range of 16,000: two steps of 32 HU
    **dict.fromkeys((51, 53, 55), (36, 4)),  # 12 bits, in steps of 2 HU before the cosine transform's own loss
    81: (1, 0.7),  # near-lossless, told to keep within 1
    91: (5, 0.6),
}
"""By the last number of the transfer syntax: the most that any voxel may be off, and the most on average, in HU."""


def found_under(folder: Path) -> Found:
    headers = [read_header(path) for path in sorted(folder.rglob("*")) if path.is_file() and is_dicom(path)]
    found = group([header for header in headers if isinstance(header, DicomHeader)])
    return Found(found.scans, aggregate([*(r for r in headers if isinstance(r, Rejected)), *found.rejected]))


def test_pydicoms_own_files() -> None:
    found = found_under(PYDICOM_FILES)
    read = {scan.sources[0].path.name: scan for scan in found.scans}
    assert {"CT_small.dcm", "J2K_pixelrep_mismatch.dcm", "693_J2KI.dcm"} <= set(read)
    for scan in found.scans:
        volume = load(scan.sources)
        assert volume.voxels.shape[volume.slice_axis] == len(scan.sources)
    small = pydicom.dcmread(PYDICOM_FILES / "CT_small.dcm")
    np.testing.assert_array_equal(load(read["CT_small.dcm"].sources).voxels[0], small.pixel_array.astype(int) - 1024)
    mismatched = pydicom.dcmread(PYDICOM_FILES / "J2K_pixelrep_mismatch.dcm")
    np.testing.assert_array_equal(load(read["J2K_pixelrep_mismatch.dcm"].sources).voxels[0], mismatched.pixel_array)
    series = [scan for scan in found.scans if "dicomdirtests" in map(str, scan.sources[0].path.parts)]
    assert sorted((len(scan.sources), scan.spacing_mm[0], scan.flags) for scan in series) == [
        (4, 1.25, ("missing_slices",)),
        (5, pytest.approx(2.5), ()),
    ]
    reasons = Counter(rejected.reason for rejected in found.rejected)
    assert reasons["a localizer (ImageType)"] == 1  # both of one folder
    assert all(rejected.left_out for rejected in found.rejected if "modality" in rejected.reason)


def test_one_slice_in_every_transfer_syntax(shared_data: Path) -> None:
    folder = shared_data / "wado_testimages" / "testImages"
    paths = sorted(folder.glob("CTImage.dcm*"))
    reference = load([Source(folder / "CTImage.dcm")])
    lossless, lossy, failed = {}, {}, {}
    for path in paths:
        header = read_header(path)
        if isinstance(header, Rejected):
            failed[path.name] = header.reason
            continue
        try:
            volume = load([Source(path)])
        except ReadError as error:
            failed[path.name] = str(error)
            continue
        (lossy if header.lossy else lossless)[path.name] = volume
    assert len(lossless) == 10
    for volume in lossless.values():
        np.testing.assert_array_equal(volume.voxels, reference.voxels)
        assert volume.content == reference.content
    assert len(lossy) == 6
    for name, volume in lossy.items():
        syntax = int(name.removesuffix(".dcm").rpartition(".")[2])
        worst, mean = LOSSY[syntax]
        error = np.abs(volume.voxels.astype(float) - reference.voxels)
        assert error.max() <= worst, name
        assert error.mean() <= mean, name
    sequential, *progressive = (next(v.voxels for n, v in lossy.items() if f".4.{last}.dcm" in n) for last in (51, 53, 55))
    for voxels in progressive:  # the same coefficients in another order
        np.testing.assert_allclose(voxels, sequential, atol=0.01)
    assert failed == {}


def test_copies_in_other_transfer_syntaxes_are_one_scan(shared_data: Path) -> None:
    found = found_under(shared_data / "wado_testimages")
    (scan,) = [scan for scan in found.scans if "duplicate_slices" in scan.flags]
    assert [source.path.name for source in scan.sources] == ["CTImage.dcm"]
    assert [r.files for r in found.rejected if r.reason.startswith("a copy")] == [9]


def test_jpeg_2000_abdomen(shared_data: Path) -> None:
    (scan,) = found_under(shared_data / "totalseg" / "tests" / "reference_files" / "example_ct_dicom").scans
    assert (len(scan.sources), scan.spacing_mm, scan.flags) == (20, (2.0, 0.9765625, 0.9765625), ())
    assert dict(scan.attributes)["kernel"] == "medium"
    volume = load(scan.sources[:2])
    data = pydicom.dcmread(scan.sources[1].path)
    np.testing.assert_array_equal(volume.voxels[1], data.pixel_array.astype(int) - 1024)


def test_gantry_tilt_and_a_missing_slice(shared_data: Path) -> None:
    failing = shared_data / "dicom2nifti" / "tests" / "data" / "failing"
    (tilted,) = found_under(failing / "gantrytilting").scans
    assert (len(tilted.sources), tilted.flags) == (4, ("tilted",))
    assert tilted.spacing_mm[0] == pytest.approx(5 * 0.970295726276, abs=1e-4)
    (gap,) = found_under(failing / "sliceincrement").scans
    assert gap.flags == ("missing_slices", "tilted")


def test_a_head_phantom_with_a_localizer(shared_data: Path) -> None:
    found = found_under(shared_data / "dcm_qa_ct")
    (scan,) = found.scans
    assert (len(scan.sources), scan.spacing_mm[0], scan.extent_mm, scan.flags) == (28, 5.0, 135.0, ())
    assert sorted(rejected.reason for rejected in found.rejected) == [
        "a DICOMDIR: an index of files, not an image",
        "a DICOMDIR: an index of files, not an image",
        "a localizer (ImageType)",
    ]
    assert all(rejected.left_out for rejected in found.rejected)
