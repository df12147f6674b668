"""The size that a compressed frame gives itself. Decoders take memory for it before they look further, whatever the DICOM header says.

JPEG and JPEG-LS: ITU-T T.81 B.2.2 and T.87 C.2.2, the frame header. JPEG 2000 and HTJ2K: ITU-T T.800 A.5.1, marker SIZ.
"""

from __future__ import annotations

from collections.abc import Iterator

_START = b"\xff\xd8"
_SIZ = b"\xff\x4f\xff\x51"
_NOT_FRAMES = frozenset({0xC4, 0xC8, 0xCC})
_JPEG_LS = 0xF7
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length."""
_LOOKED_AT = 64 * 1024
"""Bytes of a JPEG 2000 file that its codestream begins in."""


def sizes_of(frame: bytes) -> Iterator[tuple[int, int, int]]:
    """(rows, columns, components) that a frame declares: one, as a rule; none where it is neither JPEG nor JPEG 2000."""
    if frame.startswith(_START):
        yield from _jpeg(frame)
        return
    at = frame.find(_SIZ, 0, _LOOKED_AT)
    while at >= 0:
        right, lower, left, upper = (int.from_bytes(frame[at + k : at + k + 4], "big") for k in (8, 12, 16, 20))
        yield lower - upper, right - left, int.from_bytes(frame[at + 40 : at + 42], "big")
        # In a bare codestream the first is the one; in a file around it any could be, and so all of them count.
        at = -1 if at == 0 else frame.find(_SIZ, at + 4, _LOOKED_AT)


def _jpeg(frame: bytes) -> Iterator[tuple[int, int, int]]:
    at = 2
    while at + 4 <= len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        if (0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES) or marker == _JPEG_LS:
            rows, columns = (int.from_bytes(frame[at + k : at + k + 2], "big") for k in (5, 7))
            yield rows, columns, frame[at + 9] if at + 9 < len(frame) else 0
            return
        at += 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
