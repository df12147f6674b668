"""The raw elements of one DICOM file, up to its pixel data.

Ingest reads the headers of millions of files, so the common encodings are walked here over one block of bytes (about a
tenth of the time of `pydicom.dcmread`); whatever is unusual goes through pydicom. DICOM PS3.5 section 7.
"""

from __future__ import annotations

import logging
import warnings
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from struct import Struct
from typing import BinaryIO

from pydicom.dataelem import RawDataElement
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag

from .dicom_syntax import DEFLATED_LE, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE

_QUIET: ContextVar[bool] = ContextVar("quiet", default=False)
UNDEFINED = 0xFFFFFFFF
TRANSFER_SYNTAX = 0x00020010
PIXEL_TAGS = (0x7FE00008, 0x7FE00009, 0x7FE00010)

_BLOCKS = (32 * 1024, 1024 * 1024, 64 * 1024 * 1024)
"""Bytes read at first, and again where the header is longer."""

_LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_SHORT_VRS = frozenset(
    {b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS", b"ST", b"TM"}
    | {b"UI", b"UL", b"US"}
)


class BadElementsError(ValueError):
    """The file is no DICOM file, or its elements make no sense. The message holds nothing of the file."""


class _UnusualError(Exception):
    """The walk met what only pydicom understands."""


@dataclass(frozen=True, slots=True)
class Elements:
    """The wanted elements of a file, undecoded, and where its pixel data lies."""

    values: dict[int, bytes]
    """Sequences of undefined length are there with an empty value."""
    syntax: str
    """Transfer syntax UID."""
    body_at: int = 0
    """Offset of the data set, after the file meta information."""
    pixels_tag: int = 0
    """0 where there is no pixel data."""
    pixels_at: int = 0
    """Offset of the pixel data's value in the file (deflated: in the inflated data set)."""
    pixels_length: int = 0

    @property
    def little_endian(self) -> bool:
        return self.syntax != EXPLICIT_BE


def looks_like_dicom(head: bytes) -> bool:
    """Whether a file's first bytes (136 or more) are those of DICOM, with or without the preamble."""
    if head[128:132] == b"DICM":
        return True
    if len(head) < 16:
        return False
    if head[0] in (2, 8) and head[1] == 0 and head[3] == 0 and head[2] <= 0x18:
        return head[4:6] in _SHORT_VRS or int.from_bytes(head[4:8], "little") <= 256
    return head[0] == 0 and head[1] in (2, 8) and head[2] == 0 and head[3] <= 0x18 and head[4:6] in _SHORT_VRS


def read_elements(file: BinaryIO, size: int, wanted: Collection[int]) -> Elements:
    """The wanted top-level elements of an open file, which is read from its start.

    Args:
        file: binary, seekable.
        size: bytes in it.
        wanted: tags as group << 16 | element; those of group 0002 too.

    Raises:
        BadElementsError: no DICOM, or broken.
    """
    for block in _BLOCKS:
        file.seek(0)
        data = file.read(block)
        if not looks_like_dicom(data):
            raise BadElementsError("not a DICOM file: the mark DICM and a plausible first element are missing")
        try:
            found = _walk_file(data, len(data) == size, wanted)
        except _UnusualError:
            break
        if found is not None:
            return found
        if len(data) < block:
            break
    return _by_pydicom(file, wanted)


def inflate(data: bytes, limit: int) -> bytes:
    """At most `limit` bytes of a raw deflate stream, so that a small file cannot fill the memory."""
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, limit)
    except zlib.error as error:
        raise BadElementsError("the deflated data set is damaged") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Silence pydicom, which warns and logs of much that is dealt with here, and names files and values while doing so."""
    logging.getLogger("pydicom").addFilter(_loud)  # once, however often: the same filter is not added again
    token = _QUIET.set(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        _QUIET.reset(token)


def _loud(_: logging.LogRecord) -> bool:
    return not _QUIET.get()


def _walk_file(data: bytes, whole: bool, wanted: Collection[int]) -> Elements | None:
    """None where `data` ends before the pixel data and there is more to read."""
    if data[128:132] != b"DICM":
        raise _UnusualError
    values: dict[int, bytes] = {}
    body_at = _walk(data, 132, True, True, {TRANSFER_SYNTAX, *wanted}, values, only_group=2)[0]
    syntax = values.get(TRANSFER_SYNTAX, b"").rstrip(b"\0 ").decode("ascii", "replace")
    if not syntax or body_at >= len(data):
        raise _UnusualError
    body, start = data, body_at
    if syntax == DEFLATED_LE:
        body, start = inflate(data[body_at:], _BLOCKS[-1]), 0
    end, tag, length = _walk(body, start, syntax != IMPLICIT_LE, syntax != EXPLICIT_BE, wanted, values)
    if not tag and not whole:
        return None
    if not tag and end > len(body):
        raise BadElementsError("truncated: the file ends within its header")
    return Elements(values, syntax, body_at, tag, end if tag else 0, length)


def _walk(
    data: bytes, at: int, explicit: bool, little: bool, wanted: Collection[int], values: dict[int, bytes], only_group: int = -1
) -> tuple[int, int, int]:
    """Collect elements into `values`; return where it stopped, and tag and length of the pixel data (0, 0 for none)."""
    order = "<" if little else ">"
    head, long = Struct(order + ("HH2sH" if explicit else "HHL")).unpack_from, Struct(order + "L").unpack_from
    depth, last = 0, len(data) - 12
    while at <= last:
        if explicit:
            group, element, vr, length = head(data, at)
        else:
            group, element, length = head(data, at)
            vr = b""
        if only_group >= 0 and group != only_group:
            break
        at += 8
        if group == 0xFFFE:
            length = long(data, at - 4)[0]
            if element != 0xE000:
                depth -= 1
            elif length == UNDEFINED:
                depth += 1
            else:
                at += length
            if depth < 0:
                raise _UnusualError
            continue
        if explicit and vr not in _SHORT_VRS:
            if vr not in _LONG_VRS:
                raise _UnusualError
            length = long(data, at)[0]
            at += 4
        tag = group << 16 | element
        if depth == 0 and tag in PIXEL_TAGS:
            return at, tag, length
        if length == UNDEFINED:
            if vr == b"UN":  # holds implicit VR
                raise _UnusualError
            if depth == 0 and tag in wanted:
                values[tag] = b""
            depth += 1
            continue
        if depth == 0 and tag in wanted:
            values[tag] = data[at : at + length]
        at += length
    return at, 0, 0


def _by_pydicom(file: BinaryIO, wanted: Collection[int]) -> Elements:
    pixels: list[tuple[int, str | None, int]] = []

    def at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
        if tag in PIXEL_TAGS:
            pixels.append((int(tag), vr, length))
            return True
        return False

    file.seek(0)
    try:
        with quiet():
            data = read_partial(file, at_pixels, force=True, specific_tags=[tag for tag in wanted if tag >> 16 != 2])
            syntax = str(data.file_meta.get("TransferSyntaxUID", "") or "")
            implicit, little = data.original_encoding
            raws = {int(tag): data.get_item(tag) for tag in wanted if tag in data}
            raws |= {int(tag): data.file_meta.get_item(tag) for tag in wanted if tag in data.file_meta}
    except Exception as error:  # a parser on hostile bytes may raise anything
        raise BadElementsError(f"its elements cannot be read ({type(error).__name__})") from error
    if syntax == DEFLATED_LE:
        raise BadElementsError("the deflated data set is damaged")
    syntax = syntax or (IMPLICIT_LE if implicit else EXPLICIT_LE if little else EXPLICIT_BE)
    values = {tag: (raw.value or b"") if isinstance(raw, RawDataElement) else b"" for tag, raw in raws.items()}
    if not pixels:
        return Elements(values, syntax)
    tag, vr, length = pixels[0]
    header = 8 if vr is None or vr.encode() in _SHORT_VRS else 12
    return Elements(values, syntax, 0, tag, file.tell() + header, length)
