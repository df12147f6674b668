"""UIDs from names: DICOM's UUID-derived root 2.25 (PS3.5 B.2), the same for the same names."""

from __future__ import annotations

import hashlib


def uid(*parts: object) -> str:
    """A UID of at most 44 characters: 2.25 and the number of a version-8 UUID (RFC 9562) made of a digest."""
    digest = bytearray(hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return f"2.25.{int.from_bytes(digest, 'big')}"
