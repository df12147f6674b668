"""Errors of encoding that the pipeline tells apart from others."""

from __future__ import annotations

import errno

from ..store.errors import EncoderError

_LONGEST = 200
"""Characters of a library's error that are shown."""


class OutOfDeviceMemoryError(EncoderError):
    """A batch was too large for the device's memory; a smaller one may fit."""

    def __init__(self, encoder: str, device: str, batch: int) -> None:
        super().__init__(f"encoder {encoder!r} ran out of memory on {device} with a batch of {batch}; use a smaller batch")


def is_out_of_device_memory(error: BaseException) -> bool:
    """Whether it is torch's; by name, so that torch is loaded by nobody who does not use it."""
    return type(error).__name__ == "OutOfMemoryError" and type(error).__module__.partition(".")[0] == "torch"


def first_line(error: BaseException) -> str:
    """The first line of what an error says, which may run over many, cut where it is long; empty where it says nothing."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{line[:_LONGEST]}{'...' if len(line) > _LONGEST else ''}"


def one_line(error: BaseException) -> str:
    """An error of a library as its type and first line."""
    said = first_line(error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def disk_error(error: Exception) -> OSError:
    """What safetensors, which is Rust's, says of a disk that cannot be written to, as Python's own error."""
    if isinstance(error, OSError):
        return error
    return OSError(errno.ENOSPC if "os error 28" in str(error) else errno.EIO, first_line(error))


class EncoderUnavailableError(EncoderError):
    """The encoder itself is out of reach, such as a service that ended: no scan's fault, so that none is noted as failed."""
