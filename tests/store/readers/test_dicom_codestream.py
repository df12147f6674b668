"""A frame that declares another size than its header is refused before a decoder takes memory for it."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.encaps import generate_frames

from dicom_files import write_series
from scanbank.store.errors import ReadError
from scanbank.store.readers.dicom_codestream import sizes_of
from scanbank.store.readers.dicom_pixels import load
from scanbank.store.scan import Source

JPEG_2000, HTJ2K, JPEG_LS, RLE = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.5"


def one_file(folder: Path, syntax: str) -> Path:
    (path,) = write_series(folder, n=1, shape=(64, 48), bits_stored=12, transfer_syntax=syntax)
    return path


@pytest.mark.parametrize("syntax", [JPEG_2000, JPEG_LS])
def test_real_frames_declare_their_own_size(tmp_path: Path, syntax: str) -> None:
    path = one_file(tmp_path, syntax)
    (frame,) = generate_frames(dcmread(path).PixelData, number_of_frames=1)
    assert list(sizes_of(frame)) == [(64, 48, 1)]
    assert load([Source(path, size=path.stat().st_size)]).voxels.shape == (1, 64, 48)


def test_jpeg_markers_before_the_frame_header_are_passed() -> None:
    head = b"\xff\xd8" + b"\xff\xe0\x00\x04ab" + b"\xff\xff\xff\xc4\x00\x03x"
    assert list(sizes_of(head + b"\xff\xc3\x00\x0b\x0c\x00\x40\x00\x30\x01\x00\x11\x00")) == [(64, 48, 1)]
    assert list(sizes_of(head)) == []
    assert list(sizes_of(head + b"\xff\xc3\x00")) == []
    assert list(sizes_of(b"\xff\xd8\xff")) == []


def test_the_offset_of_a_jpeg_2000_image_is_taken_off() -> None:
    siz = b"\xff\x4f\xff\x51" + bytes(4) + b"".join(n.to_bytes(4, "big") for n in (50, 70, 2, 6, 50, 70, 0, 0)) + b"\x00\x03"
    assert list(sizes_of(siz + siz)) == [(64, 48, 3)]
    assert list(sizes_of(b"\x00\x00\x00\x0cjP  " + siz + siz)) == [(64, 48, 3)] * 2
    assert list(sizes_of(b"RLE")) == []


@pytest.mark.parametrize(("syntax", "mark", "fields"), [(JPEG_2000, b"\xff\x4f\xff\x51", (8, 12, 24, 28)), (JPEG_LS, b"\xff\xf7", (5, 7))])
def test_a_lying_frame_takes_no_memory(tmp_path: Path, syntax: str, mark: bytes, fields: tuple[int, ...]) -> None:
    path = one_file(tmp_path, syntax)
    data = bytearray(path.read_bytes())
    at = data.find(mark)
    for field in fields:
        width = 4 if syntax == JPEG_2000 else 2
        data[at + field : at + field + width] = (60_000).to_bytes(width, "big")
    path.write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ReadError, match="a frame of 60000 x 60000 with 1 components; the header says 64 x 48"):
        load([Source(path, size=len(data))])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024
