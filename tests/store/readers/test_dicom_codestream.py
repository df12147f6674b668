"""What compressed frames say of themselves: frames of other encoders, and lies about them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import UID, JPEG2000Lossless, JPEGLSLossless, RLELossless

from dicom_files import write_series
from scanbank.store.errors import ReadError
from scanbank.store.readers.dicom_headers import read_header
from scanbank.store.readers.dicom_pixels import load
from scanbank.store.scan import Rejected, Source

JPEG = "1.2.840.10008.1.2.4."
PIXELS = np.random.default_rng(0).integers(0, 4096, (40, 36)).astype(np.uint16)
ENCODED: dict[str, tuple[int, Callable[[], bytes | bytearray]]] = {
    "50": (8, lambda: imagecodecs.jpeg8_encode((PIXELS >> 4).astype(np.uint8))),
    "51": (12, lambda: imagecodecs.jpeg8_encode(PIXELS, bitspersample=12)),
    "57": (16, lambda: imagecodecs.ljpeg_encode(PIXELS, bitspersample=16)),
    "70": (16, lambda: imagecodecs.ljpeg_encode(PIXELS, bitspersample=16)),
    "80": (16, lambda: imagecodecs.jpegls_encode(PIXELS)),
    "90": (16, lambda: imagecodecs.jpeg2k_encode(PIXELS, level=0)),  # in a file of its own (JP2), as some write it
    "201": (16, lambda: imagecodecs.htj2k_encode(PIXELS)),
}


def written(folder: Path, last: str, bits: int, frame: bytes | bytearray, **elements: Any) -> Path:
    """One slice whose pixel data is this frame."""
    (path,) = write_series(folder, voxels=np.zeros((1, 40, 36), np.uint16), transfer_syntax=RLELossless)
    data = dcmread(path)
    data.BitsAllocated, data.BitsStored, data.HighBit = (8 if bits == 8 else 16), bits, bits - 1
    data.file_meta.TransferSyntaxUID = UID(RLELossless if last == "5" else JPEG + last)
    data.PixelData = encapsulate([bytes(frame)])
    data["PixelData"].VR = "OB"
    for keyword, value in elements.items():
        setattr(data, keyword, value)
    data.save_as(path, enforce_file_format=True)
    return path


def refused(path: Path) -> str:
    with pytest.raises(ReadError) as error:
        load([Source(path)])
    return str(error.value)


@pytest.mark.parametrize("last", ENCODED)
def test_frames_of_other_encoders_are_read(tmp_path: Path, last: str) -> None:
    bits, encode = ENCODED[last]
    volume = load([Source(written(tmp_path, last, bits, encode()))])
    expected = (PIXELS >> 4 if bits == 8 else PIXELS).astype(int) - 1024
    assert np.abs(volume.voxels[0] - expected).max() <= {"50": 20, "51": 60}.get(last, 0)


@pytest.mark.parametrize("last", ENCODED)
@pytest.mark.parametrize(("rows", "columns"), [(36, 40), (40, 3600), (4096, 36)])
def test_frames_of_another_size_than_the_header_says_are_refused_before_they_are_decoded(
    tmp_path: Path, last: str, rows: int, columns: int
) -> None:
    bits, encode = ENCODED[last]
    path = written(tmp_path, last, bits, encode(), Rows=rows, Columns=columns)
    assert f"a frame of 40 x 36 pixels of 1 samples where {rows} x {columns} of 1 were expected" in refused(path)


def test_a_frame_that_claims_to_be_huge_is_refused_by_the_header(tmp_path: Path) -> None:
    frame = bytearray(imagecodecs.jpegls_encode(PIXELS))
    at = frame.index(b"\xff\xf7")
    struct.pack_into(">HH", frame, at + 5, 65535, 65535)
    assert "a frame of 65535 x 65535 pixels" in refused(written(tmp_path, "80", 16, bytes(frame)))


def test_colour_and_too_many_bits_are_refused(tmp_path: Path) -> None:
    colour = imagecodecs.jpeg8_encode(np.zeros((40, 36, 3), np.uint8))
    assert "of 3 samples" in refused(written(tmp_path / "colour", "50", 8, colour))
    assert "a frame of 12 bits where 8 are allocated" in refused(written(tmp_path / "bits", "51", 8, ENCODED["51"][1]()))


@pytest.mark.parametrize(
    ("last", "change", "told"),
    [
        ("80", lambda frame: frame[:-2], "cut short"),  # CharLS would never end
        ("80", lambda frame: b"\0\0" + frame, "does not begin as JPEG does"),
        ("50", lambda frame: frame[:2] + b"\0\0" + frame[2:], "something between its markers"),
        ("51", lambda frame: frame[:10], "no header"),
        ("57", lambda frame: frame[:2] + frame[frame.index(b"\xff\xda") :], "no header"),
        ("201", lambda frame: frame[:20], "no header"),
    ],
)
def test_frames_without_a_proper_beginning_or_end(tmp_path: Path, last: str, change: Callable[[bytes], bytes], told: str) -> None:
    bits, encode = ENCODED[last]
    assert told in refused(written(tmp_path, last, bits, change(bytes(encode()))))


def test_padding_after_the_end_of_a_frame_is_forgiven(tmp_path: Path) -> None:
    volume = load([Source(written(tmp_path, "80", 16, ENCODED["80"][1]() + b"\0\0"))])
    np.testing.assert_array_equal(volume.voxels[0], PIXELS.astype(int) - 1024)


def test_more_than_runs_can_hold_is_refused(tmp_path: Path) -> None:
    frame = struct.pack("<16L", 2, 64, 66, *[0] * 13) + b"\x81\x00\x81\x00"
    assert "68 bytes cannot hold the 20000 of 100 x 100 pixels" in refused(written(tmp_path, "5", 16, frame, Rows=100, Columns=100))


@pytest.mark.parametrize("uid", [RLELossless, JPEG2000Lossless, JPEGLSLossless, "1.2.840.10008.1.2.1.99"])
def test_headers_that_declare_more_than_the_file_can_hold_are_rejected(tmp_path: Path, uid: str) -> None:
    (path,) = write_series(tmp_path, n=1, shape=(40, 36), transfer_syntax=uid)
    data = dcmread(path)
    data.Rows, data.Columns = 32767, 65535
    data.save_as(path, enforce_file_format=True)
    header = read_header(path)
    assert isinstance(header, Rejected)
    assert f"declares {32767 * 65535 * 2} bytes of pixel data, more than the file's" in header.reason
