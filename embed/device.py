"""Which device a model runs on, from what the user wrote."""

from __future__ import annotations

import re

import torch

from ..store.errors import UsageError

_FORM = re.compile(r"auto|cpu|mps|cuda(?::(\d+))?")


def pick_device(text: str) -> torch.device:
    """The device for `auto`, `cpu`, `cuda`, `cuda:N` or `mps`; `auto` takes an accelerator where there is one.

    Raises:
        UsageError: the text is none of these, or this machine has no such device.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise UsageError(f"device {text!r} is unknown; choose one of auto, cpu, cuda, cuda:N, mps")
    has_mps = torch.backends.mps.is_available()
    if text == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu")
    if text.startswith("cuda"):
        count, index = torch.cuda.device_count() if torch.cuda.is_available() else 0, int(match[1] or 0)
        if index >= count:
            raise UsageError(f"device {text!r} is not here: torch {torch.__version__} sees {count} CUDA devices; choose auto or cpu")
    if text == "mps" and not has_mps:
        raise UsageError("device 'mps' is not here; choose auto or cpu")
    return torch.device(text)
