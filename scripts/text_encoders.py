"""Opening encoders for their text side, on the device that the user named."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..embed.encoder import Encoder

TrustCode = Annotated[
    bool, typer.Option("--trust-code", help="Run the code of encoders that the bank names: module:... and those of installed packages.")
]


def opener(device: str, *, typed: str = "", trust_code: bool = False) -> Callable[[str], Encoder]:
    """Opens an encoder by the name that the bank gives it; see `scanbank.embed.named`.

    Raises:
        UsageError: `device` is no device's name.
        EncoderError: this machine has no such device.
    """
    from ..embed.named import open_named

    if device != "auto":  # whatever the bank holds, a mistake here is told first
        from ..embed.device import pick_device

        pick_device(device)
    return partial(open_named, device=device, typed=typed, trust_code=trust_code)
