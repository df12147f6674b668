"""Tensors of a checkpoint file, whatever wrapped them: `.pt` and its kin by torch's own reader of tensors, or safetensors."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from ..store.errors import EncoderError
from .errors import one_line
from .weights import LOAD_ERRORS

_NESTED = ("state_dict", "model_state_dict", "model", "net", "network", "network_weights", "model_state", "weights")
_WRAPPERS = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile put before every name."""


def read_tensors(uri: str, path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name. Code that a pickle may hold is refused, never run.

    Raises:
        EncoderError: the file is not there, is damaged, holds more than tensors and plain values, or none.
    """
    if not path.is_file():
        raise EncoderError(
            f"encoder {uri!r} has no weights on this machine (nothing is downloaded); looked for the file {path}. "
            "Give the checkpoint's path; or --random-weights SEED to try out without"
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        # mapped, where the file is of the zip format that torch writes since 1.6: what is not used is not read
        loaded: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except LOAD_ERRORS as error:
        raise EncoderError(
            f"encoder {uri!r}: {path} cannot be loaded ({one_line(error)}); expected a checkpoint of tensors: "
            "torch.save(model.state_dict(), FILE), or safetensors"
        ) from error
    found = _unwrapped(loaded)
    if not found:
        raise EncoderError(f"encoder {uri!r}: {path} holds no tensors by name, but {type(loaded).__name__}; save model.state_dict()")
    return found


def part_with(uri: str, path: Path, tensors: Mapping[str, Tensor], markers: Sequence[str]) -> dict[str, Tensor]:
    """The tensors below the shortest prefix at which one of `markers` stands, without that prefix: a network within a larger one.

    Raises:
        EncoderError: none of the markers is there.
    """
    found = [(len(name) - len(marker), name[: len(name) - len(marker)]) for marker in markers for name in tensors if _ends(name, marker)]
    if not found:
        some = ", ".join(sorted(tensors)[:3])
        raise EncoderError(
            f"encoder {uri!r}: {path} holds another network: it lacks {' or '.join(markers)} and has {len(tensors)} tensors such as {some}"
        )
    prefix = min(found)[1]
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _ends(name: str, marker: str) -> bool:
    return name == marker or name.endswith(f".{marker}")


def _unwrapped(loaded: Any) -> dict[str, Tensor]:
    while isinstance(loaded, Mapping):
        tensors = {str(name): value for name, value in loaded.items() if isinstance(value, Tensor)}
        inner = next((loaded[name] for name in _NESTED if isinstance(loaded.get(name), Mapping)), None)
        if inner is None or (tensors and len(tensors) > len(inner)):
            return {_bare(name): value for name, value in tensors.items()}
        loaded = inner
    return {}


def _bare(name: str) -> str:
    while wrapper := next((one for one in _WRAPPERS if name.startswith(one)), ""):
        name = name.removeprefix(wrapper)
    return name
