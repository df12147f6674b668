"""One vector from a `.pt` file: tensors only, never the code that a pickle may hold."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..store.errors import ExchangeError
from ..store.exchange.embeddings import reading

_NAMES = ("vector", "embedding", "embeddings", "feature", "features")
_MAX_VALUES = 2**20


def read_vector(path: Path) -> NDArray[Any]:
    """(D,) or (1, D): a tensor, a list of one tensor (as eva writes), or a dictionary that holds one.

    Values of bfloat16 come as float32, which holds them exactly.

    Raises:
        ExchangeError: the file cannot be read, holds more than tensors, or no single vector.
    """
    import pickle

    import torch

    with reading(path, "a .pt file"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of TorchScript archives, which are then refused
        try:
            value: Any = torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise ExchangeError(f"{path} holds more than tensors, such as code, and is not read; save the tensor alone") from error
    if isinstance(value, dict):
        tensors = {name: one for name, one in value.items() if isinstance(one, torch.Tensor)}
        named = [tensors[name] for name in _NAMES if name in tensors]
        value = named[:1] or list(tensors.values())
    if isinstance(value, list | tuple):
        if len(value) != 1:
            raise ExchangeError(f"{path} holds {len(value)} vectors; expected one an item: pool those of patches before they are imported")
        value = value[0]
    if (
        not isinstance(value, torch.Tensor)
        or value.layout is not torch.strided
        or value.is_quantized
        or value.is_complex()
        or value.is_meta
    ):
        raise ExchangeError(f"{path} holds no plain tensor, but {type(value).__name__}; expected one vector, D or 1 x D")
    if value.numel() > _MAX_VALUES:
        raise ExchangeError(f"{path} holds a tensor of {'x'.join(map(str, value.shape))}; expected one vector, D or 1 x D")
    value = value.detach()
    return (value.float() if value.dtype is torch.bfloat16 else value).numpy()
