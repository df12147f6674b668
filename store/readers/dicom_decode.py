"""Stored pixel values of one DICOM file, frame by frame, as they were before rescale."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import encapsulate, generate_frames, parse_basic_offsets, parse_fragments
from pydicom.pixels.decoders.base import Decoder, get_decoder

from ..errors import ReadError
from .dicom_codestream import check_frame
from .dicom_elements import BadElementsError, inflate, quiet
from .dicom_record import DicomHeader
from .dicom_syntax import CLASSES, DEFLATED_LE, EXPLICIT_BE, IMAGECODECS, PLUGINS, name_of

Stored = NDArray[np.integer[Any]]


def stored_frames(header: DicomHeader, indices: Sequence[int]) -> Iterator[tuple[Stored, bytes | None]]:
    """(rows, columns) integers of the frames asked for (-1 for a single-frame file), the file read once.

    Beside each frame of a lossy transfer syntax stands the sha256 of its compressed bytes, else None.

    Raises:
        ReadError: the file is gone, truncated or damaged, or no decoder can decode it; the transfer syntax is named.
    """
    try:
        with header.path.open("rb") as file:
            if CLASSES[header.syntax] == "native":
                yield from _native(header, file, indices)
            else:
                yield from _compressed(header, file, indices)
    except OSError as error:
        raise ReadError(f"the file cannot be read ({type(error).__name__})") from error


def _native(header: DicomHeader, file: BinaryIO, indices: Sequence[int]) -> Iterator[tuple[Stored, None]]:
    dtype = np.dtype(f"{'>' if header.syntax == EXPLICIT_BE else '<'}{'i' if header.signed else 'u'}{header.bits_allocated // 8}")
    pixels = header.rows * header.columns
    buffer = None
    if header.syntax == DEFLATED_LE:
        file.seek(header.body_at)
        try:
            buffer = inflate(file.read(), header.pixels_at + pixels * header.frames_in_file * dtype.itemsize)
        except BadElementsError as error:
            raise ReadError(str(error)) from error
    expected = pixels * dtype.itemsize
    for index in indices:
        start = header.pixels_at + max(index, 0) * expected
        if buffer is None:
            file.seek(start)
            stored = np.fromfile(file, dtype, pixels)
        else:
            found = max(0, min(expected, len(buffer) - start)) // dtype.itemsize
            stored = np.frombuffer(buffer, dtype, found, min(start, len(buffer)))
        if stored.size != pixels:
            raise ReadError(f"truncated: expected {expected} bytes of pixel data, found {stored.nbytes}")
        yield _used_bits(stored.astype(dtype.newbyteorder("="), copy=False), header).reshape(header.rows, header.columns), None


def _used_bits(stored: Stored, header: DicomHeader) -> Stored:
    """The bits from high bit down, sign extended: what else a word holds is undefined (DICOM PS3.5 section 8.1.1)."""
    unused = header.bits_allocated - header.bits_stored
    if not unused:
        return stored
    return np.right_shift(np.left_shift(stored, header.bits_allocated - 1 - header.high_bit), unused)


def _compressed(header: DicomHeader, file: BinaryIO, indices: Sequence[int]) -> Iterator[tuple[Stored, bytes | None]]:
    syntax = name_of(header.syntax)
    file.seek(header.pixels_at)
    data = file.read()
    try:
        with quiet():
            _check_whole(data)
            encoded = list(generate_frames(data, number_of_frames=header.frames_in_file))
    except Exception as error:  # pydicom on hostile bytes may raise anything
        raise ReadError(f"{syntax}: truncated or damaged frames ({type(error).__name__})") from error
    if len(encoded) < header.frames_in_file:
        raise ReadError(f"{syntax}: expected {header.frames_in_file} frames, found {len(encoded)}")
    lossy = CLASSES[header.syntax] == "lossy"
    for index in indices:
        frame = encoded[max(index, 0)]
        yield _decode(header, frame), hashlib.sha256(frame).digest() if lossy else None


def _check_whole(data: bytes) -> None:
    """Raise ValueError unless every fragment is there up to its end. A missing delimiter after them is forgiven."""
    buffer = BytesIO(data)
    parse_basic_offsets(buffer)
    _, starts = parse_fragments(buffer)
    if not starts or starts[-1] + 8 + int.from_bytes(data[starts[-1] + 4 : starts[-1] + 8], "little") > len(data):
        raise ValueError("a fragment is cut short")


def _decode(header: DicomHeader, frame: bytes) -> Stored:
    try:
        check_frame(header, frame)
    except ValueError as error:
        raise ReadError(f"{name_of(header.syntax)}: truncated or damaged frames: {error}") from error
    reasons: list[str] = []
    for plugin in PLUGINS[header.syntax]:
        decode = _by_imagecodecs if plugin == IMAGECODECS else partial(_by_pydicom, plugin)
        try:
            with quiet():
                return decode(header, frame).reshape(header.rows, header.columns)
        except BaseException as error:
            # Decoders on hostile bytes may raise anything, and the one for RLE, in Rust, panics: that is no Exception.
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            reasons.append(f"{plugin}: {type(error).__name__}")
    raise ReadError(f"{name_of(header.syntax)} cannot be decoded ({', '.join(reasons) or 'no decoder for it is installed'})")


def _by_pydicom(plugin: str, header: DicomHeader, frame: bytes) -> Stored:
    options: dict[str, Any] = {
        "rows": header.rows,
        "columns": header.columns,
        "number_of_frames": 1,
        "samples_per_pixel": 1,
        "bits_allocated": header.bits_allocated,
        "bits_stored": header.bits_stored,
        "pixel_representation": int(header.signed),
        "photometric_interpretation": "MONOCHROME2",
        "pixel_keyword": "PixelData",
    }
    decoder: Decoder = get_decoder(header.syntax)
    return decoder.as_array(encapsulate([frame]), index=0, raw=True, decoding_plugin=plugin, **options)[0]


def _by_imagecodecs(header: DicomHeader, frame: bytes) -> Stored:
    """Lossy JPEG of 8 or 12 bits, sequential or progressive. JPEG knows no sign: signed values are its bits, sign extended."""
    from imagecodecs import jpeg8_decode

    stored = np.asarray(jpeg8_decode(frame))
    if stored.shape != (header.rows, header.columns) or stored.dtype.kind != "u":
        raise ValueError("the frame is of another size or depth than the header says")
    return _used_bits(stored.astype(np.int16), header) if header.signed else stored
