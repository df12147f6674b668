"""What a run needs to go on after a kill, in one file that is replaced whole: weights, the optimizer's moments, the best so far."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ...store.errors import UsageError

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
    """Replace the file; what was there stays whole until the new one is."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = folder / f".{_FILE}.{os.getpid()}"
    told = {"fingerprint": fingerprint, "step": str(state.step), "told": json.dumps(state.told)}
    save_file({name: value.detach().cpu().contiguous() for name, value in state.tensors.items()}, aside, metadata=told)
    with aside.open("rb") as file:
        os.fsync(file.fileno())
    aside.replace(folder / _FILE)


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
            if told.get("fingerprint") != fingerprint:
                raise UsageError(
                    f"{folder} holds the state of another run (other data, settings or weights); remove it, or choose another folder"
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as error:
        raise UsageError(f"{path} is damaged ({type(error).__name__}); remove it to begin anew") from error
    return State(int(told["step"]), tensors, json.loads(told["told"]))


def drop_state(folder: Path) -> None:
    """Remove it, when the run is done."""
    (folder / _FILE).unlink(missing_ok=True)


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
