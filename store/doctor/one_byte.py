"""A small file of which one byte has changed: the digest proves which, and what it was."""

from __future__ import annotations

import hashlib

_ANY_BYTE = 2048
_ANY_BIT = 16_384
"""Longest files, in bytes, in which any other value of a byte, or any flipped bit, is tried: about a second."""


def mended(data: bytes, sha256: str) -> bytes | None:
    """The bytes that fit a digest (hex) and differ from `data` in one byte (of longer files, one bit); None where none do."""
    if len(data) > _ANY_BIT:
        return None
    flips = range(1, 256) if len(data) <= _ANY_BYTE else [1 << bit for bit in range(8)]
    wanted, before = bytes.fromhex(sha256), hashlib.sha256()
    for at, value in enumerate(data):
        behind = data[at + 1 :]
        for flip in flips:
            tried = before.copy()
            tried.update(bytes([value ^ flip]))
            tried.update(behind)
            if tried.digest() == wanted:
                return data[:at] + bytes([value ^ flip]) + behind
        before.update(data[at : at + 1])
    return None
