"""Opening encoders for their text side, on the device that the user named."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..embed.encoder import Encoder

CPU_ONLY = ("intensity",)


def opener(device: str) -> Callable[[str], Encoder]:
    """Opens an encoder by its URI. What runs on the CPU alone, and has no text side, is no reason to refuse a device.

    Raises:
        UsageError: `device` is no device's name.
        EncoderError: this machine has no such device.
    """
    from ..embed import open_encoder

    if device != "auto":  # whatever the bank holds, a mistake here is told first
        from ..embed.device import pick_device

        pick_device(device)
    return lambda uri: open_encoder(uri, device="auto" if uri in CPU_ONLY else device)
