"""What a run needs to go on after a kill, in one file that is replaced whole: weights, the optimizer's moments, the best so far."""

from __future__ import annotations

import errno
import json
import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ...store.errors import UsageError
from ...store.files import private_folder
from ..errors import disk_error
from .errors import AdaptError

_FILE = "state.safetensors"


@final
@dataclass
class State:
    """Of a run that was begun."""

    step: int = 0
    """Steps done."""
    tensors: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    """By name, with a prefix that says of what: `weights.`, `mean.`, `square.`, `best.`."""
    told: dict[str, Any] = field(default_factory=dict[str, Any])
    """What else has to be known: numbers and lists."""


def save_state(folder: Path, fingerprint: str, state: State) -> None:
    """Replace the file; what was there stays whole until the new one is.

    Raises:
        AdaptError: it cannot be written.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.tensors.items()}
    told = {"fingerprint": fingerprint, "step": str(state.step), "told": json.dumps(state.told)}
    aside = folder / f".{_FILE}.{os.getpid()}"
    try:
        private_folder(folder)
        save_file(tensors, aside, metadata=told | {"crc32": _checksum(tensors, told)})
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        aside.replace(folder / _FILE)
    except (SafetensorError, OSError) as error:
        with suppress(OSError):
            aside.unlink()
        raise AdaptError(
            f"the state of this run cannot be saved in {folder} ({_reason(disk_error(error))}); make room, or name another folder by "
            "--work, and run the same command: it goes on from the last state that was saved there"
        ) from error


def load_state(folder: Path, fingerprint: str) -> State | None:
    """The state of a run with this fingerprint; None where none was begun.

    Raises:
        UsageError: the folder holds another run's, or a damaged one.
    """
    path = folder / _FILE
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            told: Mapping[str, str] = file.metadata() or {}
            if told.get("fingerprint", fingerprint) != fingerprint:
                raise UsageError(
                    f"{folder} holds the state of another run (other data, settings or weights); remove it, or choose another folder"
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        if told["crc32"] != _checksum(tensors, told):
            raise ValueError("its bytes are not those that were written")
        return State(int(told["step"]), tensors, json.loads(told["told"]))
    except UsageError:
        raise
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise UsageError(f"{path} is damaged ({type(error).__name__}); remove it to begin anew") from error


def drop_state(folder: Path) -> None:
    """Remove it, when what came of the run is kept elsewhere, and what a kill left of saving it."""
    for file in (folder / _FILE, *folder.glob(f".{_FILE}.*")):
        with suppress(OSError):
            file.unlink()


def _checksum(tensors: Mapping[str, Tensor], told: Mapping[str, str]) -> str:
    """CRC-32 of everything: the format itself has none, and a run would go on from a flipped bit as if nothing were."""
    found = zlib.crc32(json.dumps([told["fingerprint"], told["step"], told["told"]]).encode())
    for name, value in sorted(tensors.items()):
        found = zlib.crc32(f"{name} {value.dtype} {tuple(value.shape)}".encode(), found)
        found = zlib.crc32(_bytes(value), found)
    return f"{found:08x}"


def _bytes(value: Tensor) -> Any:
    """A view of a contiguous tensor. One of a single number counts as that whatever its stride, and would not be viewed as bytes."""
    return value.as_strided((value.numel(),), (1,)).view(torch.uint8).numpy()


def _reason(error: OSError) -> str:
    return "no space left" if error.errno == errno.ENOSPC else error.strerror or type(error).__name__


def moments(optimizer: torch.optim.AdamW) -> dict[str, Tensor]:
    """The optimizer's moments by parameter name."""
    found: dict[str, Tensor] = {}
    for group in optimizer.param_groups:
        for name, parameter in zip(group["names"], group["params"], strict=True):
            held = optimizer.state.get(parameter)
            if held:
                found |= {f"mean.{name}": held["exp_avg"], f"square.{name}": held["exp_avg_sq"]}
    return found


def put_moments(optimizer: torch.optim.AdamW, tensors: Mapping[str, Tensor], step: int) -> None:
    """The inverse of `moments`."""
    for group in optimizer.param_groups:
        for name, parameter in zip(group["names"], group["params"], strict=True):
            if f"mean.{name}" in tensors:
                mean, square = (tensors[f"{kind}.{name}"].to(parameter.device) for kind in ("mean", "square"))
                optimizer.state[parameter] = {"step": torch.tensor(float(step)), "exp_avg": mean, "exp_avg_sq": square}
