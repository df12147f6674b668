"""What a compressed frame says of itself, before any decoder sees it.

Decoders trust it: one that is told of 65535 x 65535 pixels allocates them, and some loop or end the process on what does not fit together.
ITU-T T.81 (JPEG), T.87 (JPEG-LS), T.800 annex A (JPEG 2000), DICOM PS3.5 annex G (RLE).
"""

from __future__ import annotations

import struct
from struct import unpack_from

from .dicom_record import DicomHeader
from .dicom_syntax import JPEG_LS, RLE

_RLE_AT_MOST = 64
"""Two bytes of a run make 128."""
_NO_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers of JPEG without a length: TEM, RST, SOI."""
_NO_FRAME = frozenset({0xC4, 0xC8, 0xCC})
"""Markers among those of frames that begin none: DHT, JPG, DAC."""
_SOF_JPEG_LS, _END = 0xF7, frozenset({0xD9, 0xDA})
_EOI = b"\xff\xd9"
_SIZ = b"\xff\x4f\xff\x51"
_JP2_AT_MOST = 512
"""Bytes before a JPEG 2000 codestream where it lies in a file of its own, against the standard."""


def check_frame(header: DicomHeader, frame: bytes) -> None:
    """Compare a frame with its file's header.

    Raises:
        ValueError: they do not fit together, or the frame has no beginning; the message can be stored.
    """
    rows, columns = header.rows, header.columns
    if header.syntax == RLE:
        expected = rows * columns * header.bits_allocated // 8
        if expected > len(frame) * _RLE_AT_MOST:
            raise ValueError(f"{len(frame)} bytes cannot hold the {expected} of {rows} x {columns} pixels")
        return
    try:
        found = _jpeg_2000(frame) if _SIZ in frame[:_JP2_AT_MOST] else _jpeg(frame)
    except (struct.error, IndexError) as error:
        raise ValueError("a frame has no header") from error
    if header.syntax in JPEG_LS and not frame.endswith(_EOI) and not frame.rstrip(b"\0").endswith(_EOI):
        raise ValueError("a frame is cut short")  # CharLS would look for its end for ever
    bits, *size, samples = found
    if size != [rows, columns] or samples != 1:
        raise ValueError(f"a frame of {size[0]} x {size[1]} pixels of {samples} samples where {rows} x {columns} of 1 were expected")
    if bits > header.bits_allocated or header.bits_allocated > 16:
        raise ValueError(f"a frame of {bits} bits where {header.bits_allocated} are allocated")


def _jpeg(frame: bytes) -> tuple[int, int, int, int]:
    """(bits, rows, columns, samples) of the first frame header of JPEG or JPEG-LS."""
    if frame[:2] != b"\xff\xd8":
        raise ValueError("a frame does not begin as JPEG does")
    at = 2
    while True:
        if frame[at] != 0xFF:
            raise ValueError("a frame has something between its markers")
        marker = frame[at + 1]
        if marker == 0xFF:  # fill
            at += 1
            continue
        if marker in _END:
            raise ValueError("a frame has no header")
        if marker == _SOF_JPEG_LS or (0xC0 <= marker <= 0xCF and marker not in _NO_FRAME):
            bits, rows, columns, samples = unpack_from(">BHHB", frame, at + 4)
            return bits, rows, columns, samples
        at += 2 if marker in _NO_LENGTH else 2 + unpack_from(">H", frame, at + 2)[0]


def _jpeg_2000(frame: bytes) -> tuple[int, int, int, int]:
    """The same of the image and tile size segment."""
    at = frame.index(_SIZ) + 8
    right, bottom, left, top = unpack_from(">4L", frame, at)
    samples, bits = unpack_from(">HB", frame, at + 32)
    return (bits & 0x7F) + 1, bottom - top, right - left, samples
