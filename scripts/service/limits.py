"""What the service takes of one request, and of all of them together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

MIB = 1 << 20


@final
@dataclass(frozen=True)
class Limits:
    """Everything beyond these is refused before memory is taken for it."""

    max_bytes: int = 1024 * MIB
    """Of one request's body."""
    max_items: int = 256
    """Texts, images or rows of tensors in one request."""
    timeout_s: float = 120.0
    """From the first byte of a request to its answer."""
    queue: int = 256
    """Requests that wait for one model; one more gets 429."""
    wait_ms: float = 4.0
    """How long a device that is in use waits for more requests to come along; one that is idle does not wait."""
    max_batch: int = 64
    """Texts or planes given to a model at once."""
    max_batch_bytes: int = 256 * MIB
    """Tensors given to a model at once; one row may be more."""
    max_files: int = 4096
    """Files in one request: parts of a form, entries of an archive."""
    max_ratio: int = 200
    """How many times its size an archive may unpack to, where it unpacks to more than `free_unpacked`."""
    free_unpacked: int = 64 * MIB
    max_pixels: int = 1 << 26
    """Of one image or slice: 8192 x 8192."""
    max_text: int = 20_000
    """Characters of one text."""

    @property
    def max_json(self) -> int:
        """Bytes of a JSON body: text is small."""
        return min(self.max_bytes, 16 * MIB)

    @property
    def max_unpacked(self) -> int:
        """Bytes that an archive or a gzip stream may unpack to."""
        return 2 * self.max_bytes

    @property
    def max_voxels(self) -> int:
        """Of one scan, whatever its header says: as int16 they fill `max_bytes`."""
        return max(self.max_bytes // 2, 1)

    @property
    def max_held(self) -> int:
        """Bytes of bodies and tensors that all requests together may hold."""
        return 4 * self.max_bytes
