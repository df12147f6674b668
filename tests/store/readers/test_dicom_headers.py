from __future__ import annotations

import copy
import pickle
import random
import warnings
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.charset import convert_encodings
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from dicom_files import default_positions, save, stored_values, write_enhanced, write_series
from scanbank.store.errors import ReadError
from scanbank.store.readers.dicom_elements import BadElementsError, read_elements
from scanbank.store.readers.dicom_headers import is_dicom, read_header
from scanbank.store.readers.dicom_pixels import load
from scanbank.store.readers.dicom_record import DicomHeader
from scanbank.store.readers.dicom_series import group
from scanbank.store.scan import Rejected

PYDICOM_FILES = Path(pydicom.__file__).parent / "data" / "test_files"


def header_of(path: Path) -> DicomHeader:
    header = read_header(path)
    assert isinstance(header, DicomHeader), header
    return header


def reason_of(path: Path) -> Rejected:
    rejected = read_header(path)
    assert isinstance(rejected, Rejected)
    return rejected


def test_a_header_holds_what_was_written(tmp_path: Path) -> None:
    path = write_series(tmp_path, n=1, patient_id="p 1", AccessionNumber="acc", Manufacturer="SIEMENS", KVP=120, bits_stored=12)[0]
    header = header_of(path)
    assert (header.patient_id, header.accession, header.rows, header.columns) == ("p 1", "acc", 16, 12)
    assert (header.bits_allocated, header.bits_stored, header.high_bit, header.signed) == (16, 12, 11, True)
    assert header.image_type == ("ORIGINAL", "PRIMARY", "AXIAL")
    frame = header.frames[0]
    assert (frame.position, frame.spacing, frame.slope, frame.intercept, frame.number) == ((-50.0, -60.0, 100.0), (0.75, 0.5), 1, -1024, 1)
    assert dict(header.texts) == {"manufacturer": "SIEMENS", "kvp": "120.0"}
    assert (header.size, header.mtime_ns) == (path.stat().st_size, path.stat().st_mtime_ns)
    assert copy.deepcopy(header) == header
    assert len(pickle.dumps(header)) < 2000


def test_every_element_is_read_as_pydicom_reads_it() -> None:
    """The fast walk against pydicom, on the files that it ships in every encoding."""
    wanted = frozenset(
        {0x00080008, 0x00080016, 0x00080018, 0x00080060, 0x00100020, 0x0020000E, 0x00200032, 0x00280010, 0x00280030, 0x00281052}
    )
    seen = 0
    for path in sorted(PYDICOM_FILES.rglob("*")):
        if not path.is_file() or not is_dicom(path):
            continue
        with path.open("rb") as file:
            try:
                elements = read_elements(file, path.stat().st_size, wanted)
            except BadElementsError:
                assert "truncated" in path.name
                continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = pydicom.dcmread(path, force=True, stop_before_pixels=True)
        for tag in wanted & set(map(int, data.keys())):
            raw = data.get_item(tag)
            assert elements.values.get(tag, b"") == (getattr(raw, "value", None) or b""), (path.name, hex(tag))
            seen += 1
    assert seen > 500


def test_dicom_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    path = write_series(tmp_path, n=1)[0]
    bare = tmp_path / "bare"
    bare.write_bytes(path.read_bytes()[132:])
    text = tmp_path / "text.dcm"
    text.write_text("this is no image, whatever its name says; " * 20)
    empty = tmp_path / "empty.dcm"
    empty.touch()
    assert [is_dicom(p) for p in (path, bare, text, empty, tmp_path, tmp_path / "missing")] == [True, True, False, False, False, False]
    assert header_of(bare).frames == header_of(path).frames
    assert reason_of(text) == Rejected(text, "not a DICOM file: the mark DICM and a plausible first element are missing")
    assert not reason_of(empty).left_out
    assert "cannot be opened" in reason_of(tmp_path / "missing").reason


@pytest.mark.parametrize(
    ("elements", "word"),
    [
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "localizer"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER", "CT_SOM5 TOP"]}, "localizer"),
        ({"ImageType": ["DERIVED", "SECONDARY", "OTHER", "CT_SOM5 PROT"]}, "protocol"),
        ({"ImageType": ["DERIVED", "PRIMARY", "PERFUSION", "RCBF"]}, "parametric"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "secondary capture"),
        ({"Modality": "MR"}, "modality MR"),
        ({"Modality": "SECRETNAME"}, "modality unknown"),
        ({"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3}, "colour"),
        ({"RescaleType": "MGML"}, "another quantity"),
        ({"NumberOfFrames": 5}, "several frames"),
    ],
)
def test_what_is_no_ct_slice_is_left_out_and_said_so(tmp_path: Path, elements: dict[str, Any], word: str) -> None:
    path = write_series(tmp_path, n=1, voxels=stored_values(5, (16, 12))[:1], **elements)[0]
    if "NumberOfFrames" in elements:
        path = write_enhanced(tmp_path / "multi.dcm", positions=None)
    rejected = reason_of(path)
    assert rejected.left_out
    assert word in rejected.reason
    assert "SECRET" not in rejected.reason


@pytest.mark.parametrize(
    ("elements", "word"),
    [
        ({"Rows": 17}, "truncated: expected 408 bytes of pixel data, found 384"),
        ({"Rows": 60000, "Columns": 60000}, "more than the"),
        ({"Rows": 0}, "0 rows"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "perpendicular"),
        ({"ImagePositionPatient": [1, 2]}, "ImagePositionPatient"),
        ({"RescaleSlope": 0}, "RescaleSlope"),
        ({"ImagePositionPatient": [0, 0, 1e9]}, "beyond all measure"),
        ({"BitsStored": 20}, "bits stored"),
        ({"BitsAllocated": 12, "BitsStored": 12}, "bits stored"),
        ({"PixelData": None}, "without pixel data"),
    ],
)
def test_what_cannot_be_right_fails_with_the_reason(tmp_path: Path, elements: dict[str, Any], word: str) -> None:
    rejected = reason_of(write_series(tmp_path, n=1, **elements)[0])
    assert not rejected.left_out
    assert word in rejected.reason


def test_a_truncated_file_says_how_much_is_missing(tmp_path: Path) -> None:
    path = write_series(tmp_path, n=1)[0]
    path.write_bytes(path.read_bytes()[:-100])
    assert reason_of(path).reason == "truncated: expected 384 bytes of pixel data, found 284"
    path.write_bytes(path.read_bytes()[:400])
    assert "truncated" in reason_of(path).reason


def test_long_private_elements_and_sequences_of_undefined_length_are_passed_over(tmp_path: Path) -> None:
    path = write_series(tmp_path, n=1)[0]
    data = pydicom.dcmread(path)
    nested = pydicom.Dataset()
    nested.PatientID, nested.ImagePositionPatient = "another", [9, 9, 9]
    nested.is_undefined_length_sequence_item = True
    data.ReferencedImageSequence = [nested]
    data["ReferencedImageSequence"].is_undefined_length = True
    data.private_block(0x0009, "scanbank test", create=True).add_new(1, "OB", b"\x07" * 300_000)
    save(data, path, "1.2.840.10008.1.2.1")
    header = header_of(path)
    assert (header.patient_id, header.frames[0].position) == ("patient", (-50.0, -60.0, 100.0))


def test_ids_in_other_character_sets_are_read(tmp_path: Path) -> None:
    path = write_series(tmp_path, n=1, patient_id="Grüße", SpecificCharacterSet="ISO_IR 192")[0]
    assert header_of(path).patient_id == "Grüße"


def _damaged(whole: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.4:
        return whole[: rng.randrange(len(whole))]
    out = bytearray(whole)
    for _ in range(rng.choice([1, 4, 40])):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


@pytest.mark.parametrize(
    "syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "enhanced", RLELossless, JPEG2000Lossless, JPEGLSLossless]
)
def test_damaged_files_are_rejected_or_refused_and_nothing_else(tmp_path: Path, syntax: str) -> None:
    if syntax == "enhanced":
        whole = write_enhanced(tmp_path / "whole.dcm", positions=default_positions(3)).read_bytes()
    else:
        whole = write_series(tmp_path, n=1, shape=(40, 36), transfer_syntax=syntax)[0].read_bytes()
    rng = random.Random(str(syntax))
    path = tmp_path / "damaged.dcm"
    outcomes: set[str] = set()
    messages: list[str] = []
    for _ in range(50):
        path.write_bytes(_damaged(whole, rng))
        header = read_header(path)
        if isinstance(header, Rejected):
            outcomes.add("rejected")
            continue
        for scan in group([header]).scans:
            try:
                load(scan.sources)
                outcomes.add("read")
            except ReadError as error:
                outcomes.add("refused")
                messages.append(str(error))
    assert "rejected" in outcomes
    assert not any(str(tmp_path) in message for message in messages)


def test_pydicom_logs_nothing_of_a_file_that_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (path,) = write_series(tmp_path, n=1)
    path.write_bytes(path.read_bytes().replace(b"patient", b"pati\xe9nt").replace(b"ORIGINAL", b"ORIGIN\xc4L"))
    data = pydicom.dcmread(path)
    data.SpecificCharacterSet = "NO SUCH SET"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pydicom.dcmwrite(path, data)
    assert "NO SUCH SET" in caplog.text
    caplog.clear()
    assert header_of(path).patient_id == "patiént"
    assert caplog.text == ""
    with pytest.warns(UserWarning, match="NO SUCH SET"):
        convert_encodings(["NO SUCH SET"])
    assert "NO SUCH SET" in caplog.text  # others are not silenced
