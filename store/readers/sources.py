"""What the readers of files share: who a file is, how much may be asked of it, and errors that tell nothing private."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

from ..errors import ReadError
from ..scan import Source

MAX_VOXELS = 2**31
"""Voxels of one scan beyond which a header is taken for damaged: 2,048 slices of 1024 x 1024."""

# What is repeated of a library's message: words from here, up to the first other. The rest may be a name, a path or a value.
_PLAIN_WORDS = """
    a an and at bad be before block broken buffer bytes can't cannot check checksum chunk code compressed compression content corrupt
    corrupted crc data dataset decode decoder decoding decompress decompressed decompressing decompression does end end-of-stream ended
    eof error expected failed field file filter for found from gzipped has header identify image in incomplete incorrect info invalid is
    length limit magic marker missing more no not object of open out outside pixel pixels png processed range reached read recognized
    remaining required segment signature size stored stream synchronously than the to too truncated type unable unexpected unknown unpack
    unpacking unrecognized unsupported valid value was when while with wrong zlib
"""


def source_of(path: Path) -> Source:
    """The file with its size and time as they are now.

    Raises:
        ReadError: the file is gone or may not be read.
    """
    with decoding("file"):
        stat = path.stat()
    return Source(path, size=stat.st_size, mtime_ns=stat.st_mtime_ns)


def file_digest(path: Path) -> bytes:
    """The sha256 of a file's bytes (32 bytes), read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def check_shape(shape: Sequence[int]) -> None:
    """Refuse a shape that no scan has before anything is allocated for it."""
    if any(n < 1 for n in shape) or math.prod(shape) > MAX_VOXELS:
        raise ReadError(
            f"shape {'x'.join(map(str, shape))} is not that of a scan; expected at least 1 and in all at most {MAX_VOXELS} voxels"
        )


@contextmanager
def decoding(what: str) -> Iterator[None]:
    """Turn whatever a decoder raises on a damaged or hostile file into one ReadError that can be stored.

    Libraries put paths, names and values into their messages: these are cut at the first word that is none of a list.
    """
    try:
        yield
    except ReadError:
        raise
    except MemoryError as error:
        raise ReadError(f"{what} needs more memory than there is") from error
    except Exception as error:
        raise ReadError(f"{what} cannot be read: {_told(error)}") from error


def _told(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)  # its own text may name the file
    plain = set(_PLAIN_WORDS.split())
    words = takewhile(lambda word: word.strip("(,.:;)").lower() in plain, str(error).split())
    message = " ".join(words).strip(" :;,(.)")
    message += ")" * (message.count("(") - message.count(")"))
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
