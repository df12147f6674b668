"""Digests: keyed ones for whatever names a person or a file, plain ones for specs and contents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

ID_BYTES = 16
"""Bytes of a pseudonym: 128 bits, so that a billion items collide with a chance below 1e-20."""


def keyed(key: bytes, domain: str, *names: str | bytes) -> str:
    """BLAKE2b of `names` under `key`, as hex. `domain` keeps equal texts of different meaning apart.

    Each part is preceded by its length, so ("ab", "c") and ("a", "bc") differ.
    """
    digest = hashlib.blake2b(key=key, digest_size=ID_BYTES, person=domain.encode()[:16])
    for name in names:
        part = name.encode() if isinstance(name, str) else name
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, no spaces and no NaN: the same text for the same value."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def spec_digest(value: Any) -> str:
    """The sha256 (first 32 hex digits) of a value's canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:32]


def content_digest(parts: Iterable[bytes | memoryview]) -> str:
    """The sha256 of the parts one after the other, as hex."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    if type(value) in (str, int):  # most of what long lists hold
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)  # 40 and 40.0 are one number
    return value
