"""Written images, read by pydicom and by our own readers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from phantom_bodies import ball, body, mm, series, study
from scanbank.eval.phantoms.acquire import acquire, corner_mm
from scanbank.eval.phantoms.dicom import write_images
from scanbank.eval.phantoms.model import Acquired, Series
from scanbank.eval.phantoms.volume import volume_of
from scanbank.store.local_map import Located
from scanbank.store.progress import Silent
from scanbank.store.readers.load import load_volume
from scanbank.store.readers.scans import Images, find_scans

UNEVEN = (-25.0, -20.0, -15.0, -10.0, -3.0, 4.0, 11.0)
KINDS = {
    "axial": series(),
    "from the head": series(positions_mm=tuple(range(25, -26, -5))),
    "tilted": series(tilt_deg=14.0),
    "tilted back, from the head": series(tilt_deg=-9.5, positions_mm=tuple(range(25, -26, -5))),
    "uneven": series(positions_mm=UNEVEN),
}
# PS3.3: what has to be there with a value (type 1), and what has to be there (type 2), of the modules that a CT image consists of.
# fmt: off
TYPE_1 = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "FrameOfReferenceUID", "PixelSpacing",
    "ImageOrientationPatient", "ImagePositionPatient", "SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelData", "ImageType", "RescaleIntercept", "RescaleSlope",
    "WindowCenter", "WindowWidth", "PatientPosition",
)
TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID",
    "AccessionNumber", "SeriesNumber", "PositionReferenceIndicator", "Manufacturer", "InstanceNumber", "SliceThickness", "KVP",
    "AcquisitionNumber",
)
# fmt: on


def scanned(planned: Series) -> Acquired:
    z, y, x = mm()
    return acquire(body(ball((0, 10, -20), 25) * 1000.0 + 3 * z + y - 2 * x - 300), planned)


def written(folder: Path, planned: Series) -> list[FileDataset]:
    write_images(folder, study(contrast=True), scanned(planned))
    return [dcmread(path) for path in sorted(folder.iterdir())]


def test_attributes_of_the_standard(tmp_path: Path) -> None:
    for number, image in enumerate(written(tmp_path / "a", series()), 1):
        assert [name for name in TYPE_1 if not getattr(image, name, None) and getattr(image, name, None) != 0] == []
        assert [name for name in TYPE_2 if name not in image] == []
        assert image.InstanceNumber == number
        assert image.SOPClassUID == image.file_meta.MediaStorageSOPClassUID == CTImageStorage
        assert image.SOPInstanceUID == image.file_meta.MediaStorageSOPInstanceUID
        assert image.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        assert all(element.value.is_valid for element in image.iterall() if element.VR == "UI" and element.value)


def test_what_a_series_shares_and_what_it_does_not(tmp_path: Path) -> None:
    images = written(tmp_path / "a", series())
    other = written(tmp_path / "b", series(uid="2.25.99", number=3, sharp=True, kernel="B60f"))
    assert len({image.SOPInstanceUID for image in images + other}) == len(images) + len(other)
    assert len({image.FrameOfReferenceUID for image in images + other}) == 1  # both kernels see the same body at the same time
    assert len({image.StudyInstanceUID for image in images + other}) == 1
    assert [image.SeriesInstanceUID for image in (images[0], other[0])] == [series().uid, "2.25.99"]
    assert images[0].PatientID == "PHANTOM-CHEST-00007"
    assert str(images[0].PatientName) == "PHANTOM^CHEST^00007"
    assert images[0].PatientAge == "062Y"
    assert images[0].WindowCenter == [40, -600]
    assert other[0].WindowCenter == [-600, 40]
    assert "synthetic" in images[0].SeriesDescription
    assert images[0].ContrastBolusAgent


@pytest.mark.parametrize("kind", KINDS)
def test_pixels_and_positions(tmp_path: Path, kind: str) -> None:
    planned = KINDS[kind]
    expected = scanned(planned)
    for index, image in enumerate(written(tmp_path / "a", planned)):
        assert np.array_equal(image.pixel_array.astype(int) + int(image.RescaleIntercept), expected.hu[index])
        assert np.array(image.ImagePositionPatient, float) == pytest.approx(corner_mm(planned, index), abs=1e-5)
        assert float(image.GantryDetectorTilt) == planned.tilt_deg


@pytest.mark.parametrize("kind", KINDS)
def test_our_readers_see_the_same_volume(tmp_path: Path, kind: str) -> None:
    planned = KINDS[kind]
    write_images(tmp_path / "a", study(), scanned(planned))
    found = find_scans([tmp_path], Images(None, None), 1, Silent())
    assert not found.rejected
    (header,) = found.scans
    expected_flags = {"tilted"} if planned.tilt_deg else {"nonuniform"} if kind == "uneven" else set()
    assert set(header.flags) == expected_flags
    read = load_volume(Located(header.kind, header.sources, header.exported_window))
    direct = volume_of(scanned(planned))
    assert np.array_equal(read.voxels, direct.voxels)
    assert read.affine == pytest.approx(direct.affine, abs=1e-4)
    assert read.z_mm == pytest.approx(direct.z_mm, abs=1e-4)
    assert read.positions_mm == pytest.approx(direct.positions_mm, abs=1e-4)
    assert read.spacing_mm == pytest.approx(direct.spacing_mm, abs=1e-4)
    assert (read.slice_axis, read.has_hu) == (direct.slice_axis, direct.has_hu)


def test_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        write_images(tmp_path / name, study(), scanned(series()))
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
