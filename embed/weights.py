"""Weights of torch models: from the local caches only, or random from a seed; and the digest that names them."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from huggingface_hub import constants, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError
from safetensors import SafetensorError
from torch import nn

from ..store.errors import EncoderError, UsageError

LOAD_ERRORS = (OSError, RuntimeError, ValueError, KeyError, EOFError, pickle.UnpicklingError, SafetensorError)
"""What libraries raise on weights that are damaged or not of the model. Named to catch it: nothing here unpickles."""


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """What torch draws on the CPU inside comes from `seed`; the global generator is as before when it ends."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


@contextmanager
def offline() -> Iterator[None]:
    """Libraries that would ask the Hugging Face hub inside get an error instead of a connection."""
    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    before, flag = {name: os.environ.get(name) for name in names}, constants.HF_HUB_OFFLINE
    os.environ.update(dict.fromkeys(names, "1"))  # what is imported from here on reads these
    constants.HF_HUB_OFFLINE = True  # what is imported already reads this
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = flag
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def cached_file(repo: str, names: Sequence[str]) -> Path | None:
    """The first of `names` that the Hugging Face cache holds of `repo` (ORG/NAME, or ORG/NAME@REVISION).

    Raises:
        UsageError: no repository can have that name.
    """
    repo, _, revision = repo.partition("@")
    for name in names:
        try:
            found = try_to_load_from_cache(repo, name, cache_dir=constants.HF_HUB_CACHE, revision=revision or None)
        except HFValidationError as error:
            raise UsageError(f"{repo!r} names no repository of the Hugging Face hub; write ORG/NAME") from error
        if isinstance(found, str):
            return Path(found)
    return None


def missing(uri: str, looked: Sequence[str], get: str, otherwise: str = "; or --random-weights SEED to try out without") -> EncoderError:
    """The error for files that are not on this machine: what was looked for, where, and how to get it."""
    return EncoderError(
        f"encoder {uri!r} has no weights on this machine (nothing is downloaded); looked for {'; '.join(looked)}. "
        f"Where there is a network: {get}{otherwise}"
    )


def in_hub_cache(repo: str, names: Sequence[str]) -> str:
    """How `missing` words a place in the Hugging Face cache."""
    return f"{' or '.join(names)} of {repo} in {constants.HF_HUB_CACHE}"


def weights_digest(model: nn.Module) -> str:
    """The sha256 over a model's state: each tensor's name, dtype, shape and bytes, in the order of names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        value = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        # a tensor of one number counts as contiguous whatever its stride, and would not be viewed as bytes
        digest.update(memoryview(value.as_strided((value.numel(),), (1,)).view(torch.uint8).numpy()))
    return digest.hexdigest()
