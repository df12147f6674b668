"""One DICOM file's header to a small record. Pixel data is not read."""

from __future__ import annotations

import math
import os
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from ..scan import Rejected
from .dicom_elements import UNDEFINED, BadElementsError, Elements, looks_like_dicom, read_elements
from .dicom_frames import read_frames
from .dicom_kinds import ENHANCED, why_left_out
from .dicom_record import DicomHeader, Frame
from .dicom_syntax import CLASSES, DEFLATED_LE, EXPLICIT_BE, name_of
from .dicom_values import BadValueError, Values

MAX_VOXELS = 2**31
"""Of one file: rows x columns x frames beyond this are taken for a lie of the header."""

_PACKED_AT_MOST = 10_000
"""Times its size that a file may unpack to; blank slices as JPEG-LS come near it, what patients look like packs 2 to 10 times."""
_PLAUSIBLE = 1 << 26
"""Bytes of pixel data that nobody asks questions about."""

_FAR = 1e6
"""mm, or HU: nothing in a header of CT is larger."""

_SOP_CLASS, _SOP_UID = 0x00080016, 0x00080018
_META_SOP_CLASS, _META_SOP_UID = 0x00020002, 0x00020003
_IMAGE_TYPE, _ACCESSION, _MODALITY = 0x00080008, 0x00080050, 0x00080060
_ACQUISITION_TIME, _CONTENT_TIME = 0x00080032, 0x00080033
_PATIENT_ID, _STUDY_UID, _SERIES_UID = 0x00100020, 0x0020000D, 0x0020000E
_KERNEL, _ACQUISITION_NUMBER, _TEMPORAL = 0x00181210, 0x00200012, 0x00200100
_SERIES_NUMBER, _NUMBER, _POSITION, _ORIENTATION, _LOCATION = 0x00200011, 0x00200013, 0x00200032, 0x00200037, 0x00201041
_SAMPLES, _PHOTOMETRIC, _FRAMES, _ROWS, _COLUMNS, _SPACING = 0x00280002, 0x00280004, 0x00280008, 0x00280010, 0x00280011, 0x00280030
_ALLOCATED, _STORED, _HIGH_BIT, _SIGNED = 0x00280100, 0x00280101, 0x00280102, 0x00280103
_PADDING, _PADDING_LIMIT = 0x00280120, 0x00280121
_INTERCEPT, _SLOPE, _RESCALE_TYPE, _LOSSY, _LOOKUP = 0x00281052, 0x00281053, 0x00281054, 0x00282110, 0x00283000
_PIXEL_DATA = 0x7FE00010

_TEXTS: tuple[tuple[str, int], ...] = (
    ("manufacturer", 0x00080070),
    ("model", 0x00081090),
    ("sex", 0x00100040),
    ("age", 0x00101010),
    ("contrast", 0x00180010),
    ("body_part", 0x00180015),
    ("kvp", 0x00180060),
    ("kernel", _KERNEL),
)
_WANTED = frozenset(
    {0x00080005, _SOP_CLASS, _SOP_UID, _META_SOP_CLASS, _META_SOP_UID, _IMAGE_TYPE, _ACCESSION, _MODALITY, _ACQUISITION_TIME}
    | {
        _CONTENT_TIME,
        _PATIENT_ID,
        _STUDY_UID,
        _SERIES_UID,
        _SERIES_NUMBER,
        _ACQUISITION_NUMBER,
        _TEMPORAL,
        _NUMBER,
        _POSITION,
        _ORIENTATION,
        _LOCATION,
    }
    | {_SAMPLES, _PHOTOMETRIC, _FRAMES, _ROWS, _COLUMNS, _SPACING, _ALLOCATED, _STORED, _HIGH_BIT, _SIGNED, _PADDING, _PADDING_LIMIT}
    | {_INTERCEPT, _SLOPE, _RESCALE_TYPE, _LOSSY, _LOOKUP}
    | {tag for _, tag in _TEXTS}
)


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM by its first bytes, with or without the preamble. Never raises."""
    try:
        with path.open("rb", buffering=0) as file:
            return looks_like_dicom(file.read(136))
    except OSError:
        return False


def read_header(path: Path) -> DicomHeader | Rejected:
    """The header of one file, or why it is not read. Never raises for what is in the file."""
    try:
        with path.open("rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            if not S_ISREG(status.st_mode):
                return Rejected(path, "not a regular file")
            elements = read_elements(file, status.st_size, _WANTED)
            return _header(path, file, status, elements)
    except OSError as error:
        return Rejected(path, f"cannot be opened ({type(error).__name__})")
    except (BadElementsError, BadValueError) as error:
        return Rejected(path, str(error))


def _header(path: Path, file: BinaryIO, status: os.stat_result, elements: Elements) -> DicomHeader | Rejected:
    values = Values(elements)
    text = values.text
    image_type = values.words(_IMAGE_TYPE)
    rows, columns = values.short(_ROWS) or 0, values.short(_COLUMNS) or 0
    sop_class = text(_SOP_CLASS) or text(_META_SOP_CLASS)
    has_image = bool(rows or columns or elements.pixels_tag)
    photometric, rescale = text(_PHOTOMETRIC).upper(), text(_RESCALE_TYPE).upper()
    reason = why_left_out(text(_MODALITY).upper(), sop_class, image_type, has_image, values.short(_SAMPLES) or 1, photometric, rescale)
    if reason:
        return Rejected(path, reason, left_out=True)
    count = values.whole(_FRAMES) or 1
    signed = values.short(_SIGNED) == 1
    allocated = values.short(_ALLOCATED) or 0
    stored = values.short(_STORED) or allocated
    high_bit = values.short(_HIGH_BIT)
    high_bit = stored - 1 if high_bit is None else high_bit
    _check_pixels(elements, status.st_size, rows, columns, count, allocated, stored, high_bit)
    if _LOOKUP in elements.values:
        raise BadValueError("a Modality LUT instead of rescale slope and intercept is not supported for CT")
    kernel = text(_KERNEL)
    multi = sop_class in ENHANCED
    if count > 1 and not multi:
        return Rejected(path, "several frames in one file without geometry of their own", left_out=True)
    if multi:
        frames, rescaled, reason = read_frames(file, count)
        if reason:
            return Rejected(path, reason, left_out=True)
    else:
        frames, rescaled = (_single(values, kernel),), elements.values.get(_SLOPE, b"") != b""
    for frame in frames:
        _check_geometry(frame)
    padding = values.short(_PADDING, signed)
    limit = values.short(_PADDING_LIMIT, signed)
    return DicomHeader(
        path=path,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        syntax=elements.syntax,
        sop_uid=text(_SOP_UID) or text(_META_SOP_UID) or None,
        patient_id=text(_PATIENT_ID) or None,
        study_uid=text(_STUDY_UID) or None,
        series_uid=text(_SERIES_UID) or None,
        series_number=values.whole(_SERIES_NUMBER),
        accession=text(_ACCESSION) or None,
        image_type=image_type,
        rows=rows,
        columns=columns,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high_bit,
        signed=signed,
        padding=None if padding is None else (padding, padding) if limit is None else (min(padding, limit), max(padding, limit)),
        frames=frames,
        frames_in_file=count,
        body_at=elements.body_at,
        pixels_at=elements.pixels_at,
        pixels_length=elements.pixels_length,
        lossy=text(_LOSSY) == "01" or (CLASSES[elements.syntax] == "lossy" and text(_LOSSY) != "00"),
        rescaled=rescaled,
        texts=tuple((name, kernel if tag == _KERNEL else text(tag)) for name, tag in _TEXTS if elements.values.get(tag)),
    )


def _single(values: Values, kernel: str) -> Frame:
    text = values.text
    position = values.numbers(_POSITION, 3, "ImagePositionPatient")
    spacing = values.numbers(_SPACING, 2, "PixelSpacing")
    location = values.number(_LOCATION, "SliceLocation") if position is None else None
    slope, intercept = values.number(_SLOPE, "RescaleSlope"), values.number(_INTERCEPT, "RescaleIntercept")
    return Frame(
        position=None if position is None else (position[0], position[1], position[2]),
        orientation=values.numbers(_ORIENTATION, 6, "ImageOrientationPatient"),
        # A spacing of zero is how some writers say that they do not know it.
        spacing=(spacing[0], spacing[1]) if spacing and min(spacing) > 0 else None,
        location=location,
        slope=1.0 if slope is None else slope,
        intercept=0.0 if intercept is None else intercept,
        number=values.whole(_NUMBER),
        phases=("", kernel, text(_ACQUISITION_NUMBER), text(_TEMPORAL), text(_ACQUISITION_TIME), text(_CONTENT_TIME)),
    )


def _check_pixels(elements: Elements, size: int, rows: int, columns: int, count: int, allocated: int, stored: int, high_bit: int) -> None:
    """Raise BadValueError for pixel data that cannot be what the header says, before anything is allocated for it."""
    if not elements.pixels_tag:
        raise BadValueError("a CT image without pixel data")
    if elements.pixels_tag != _PIXEL_DATA:
        raise BadValueError("pixel data of floating-point numbers is not supported")
    if elements.syntax not in CLASSES:
        raise BadValueError(f"transfer syntax {name_of(elements.syntax)} cannot be decoded")
    if rows <= 0 or columns <= 0 or count <= 0:
        raise BadValueError(f"the image has {rows} rows, {columns} columns and {count} frames")
    if rows * columns * count > MAX_VOXELS:
        raise BadValueError(f"{rows} x {columns} x {count} pixels are more than the {MAX_VOXELS} that one file may hold")
    if allocated not in (8, 16, 32) or not 0 < stored <= high_bit + 1 <= allocated:
        raise BadValueError(f"{stored} bits stored of {allocated} allocated with high bit {high_bit} are not supported")
    if elements.syntax == EXPLICIT_BE and allocated == 8:
        raise BadValueError("8-bit pixels in big-endian words are not supported")
    encapsulated = CLASSES[elements.syntax] != "native"
    if encapsulated != (elements.pixels_length == UNDEFINED):
        raise BadValueError(f"pixel data is {'not ' if encapsulated else ''}encapsulated, against its transfer syntax")
    expected = rows * columns * count * allocated // 8
    packed = encapsulated or elements.syntax == DEFLATED_LE
    if packed and expected > max(_PLAUSIBLE, (size - elements.body_at) * _PACKED_AT_MOST):
        raise BadValueError(f"the header declares {expected} bytes of pixel data, more than the file's {size} can hold")
    if encapsulated:
        return
    found = elements.pixels_length
    if elements.syntax != DEFLATED_LE:
        found = min(found, max(0, size - elements.pixels_at))
    if found < expected:
        raise BadValueError(f"truncated: expected {expected} bytes of pixel data, found {found}")


def _check_geometry(frame: Frame) -> None:
    if not (0 < abs(frame.slope) <= _FAR and abs(frame.intercept) <= _FAR):
        raise BadValueError("RescaleSlope is 0, or slope or intercept is beyond all measure")
    if max(map(abs, (*(frame.position or ()), *(frame.spacing or ()), frame.location or 0.0))) > _FAR:
        raise BadValueError("a position or pixel spacing is beyond all measure")
    if frame.orientation is None:
        return
    (a, b, c), (d, e, f) = frame.orientation[:3], frame.orientation[3:]
    lengths = math.hypot(a, b, c), math.hypot(d, e, f)
    if max(abs(length - 1) for length in lengths) > 0.01 or abs(a * d + b * e + c * f) > 0.01:
        raise BadValueError("ImageOrientationPatient is not two perpendicular unit vectors")
