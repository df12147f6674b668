"""The state of a training run on disk: tensors as safetensors, the rest as JSON; written aside and renamed, so that a kill costs little."""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from scanbank.embed.tiny.model import TinyModel


def write_state(path: Path, step: int, model: TinyModel, optimizer: torch.optim.Optimizer, fingerprint: str) -> None:
    """Model and optimizer after `step` steps of the run that `fingerprint` names."""
    tensors: dict[str, Tensor] = {f"model.{name}": value for name, value in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state[parameter].items():
            tensors[f"optimizer.{name}.{key}"] = value
    aside = path.with_suffix(".aside")
    save_file(
        {name: value.detach().contiguous().clone() for name, value in tensors.items()}, aside, {"step": str(step), "run": fingerprint}
    )
    with aside.open("rb") as file:
        os.fsync(file.fileno())
    aside.rename(path)


def read_state(path: Path, model: TinyModel, optimizer: torch.optim.Optimizer, fingerprint: str) -> int:
    """The steps done, model and optimizer brought to that point; 0 where there is no state.

    Raises:
        SystemExit: the state is of a run with other settings.
    """
    if not path.is_file():
        return 0
    with safe_open(path, "pt") as file:
        told = file.metadata()
        if told["run"] != fingerprint:
            raise SystemExit(f"{path} is of a run with other settings: expected those it began with, or another --work folder")
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dictionary
    model.load_state_dict({name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")})
    for name, parameter in model.named_parameters():
        prefix = f"optimizer.{name}."
        optimizer.state[parameter] = {key.removeprefix(prefix): v for key, v in tensors.items() if key.startswith(prefix)}
    return int(told["step"])


def fingerprint(settings: dict[str, object]) -> str:
    """What has to be alike for a run to be gone on with."""
    return json.dumps(settings, sort_keys=True, default=str)
