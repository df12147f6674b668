"""Errors of encoding that the pipeline tells apart from others."""

from __future__ import annotations

from ..store.errors import EncoderError


class OutOfDeviceMemoryError(EncoderError):
    """A batch was too large for the device's memory; a smaller one may fit."""

    def __init__(self, encoder: str, device: str, batch: int) -> None:
        super().__init__(f"encoder {encoder!r} ran out of memory on {device} with a batch of {batch}; use a smaller batch")


def is_out_of_device_memory(error: Exception) -> bool:
    """Whether it is torch's; by name, so that torch is loaded by nobody who does not use it."""
    return type(error).__name__ == "OutOfMemoryError" and type(error).__module__.partition(".")[0] == "torch"


class EncoderUnavailableError(EncoderError):
    """The encoder itself is out of reach, such as a service that ended: no scan's fault, so that none is noted as failed."""
