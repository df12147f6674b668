"""Rows of what an encoder gave: taken apart for the requests of a batch, and put together again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...embed.encoder import Encoded


def part(encoded: Encoded, start: int, stop: int) -> Encoded:
    """Rows [start, stop) of every array in it; what has no rows, such as a grid, stays."""
    return Encoded(**{field.name: _each(getattr(encoded, field.name), lambda array: array[start:stop]) for field in fields(Encoded)})


def joined(parts: Sequence[Encoded]) -> Encoded:
    """The rows of all parts, one after the other. At least one part."""
    if len(parts) == 1:
        return parts[0]
    return Encoded(**{field.name: _joined([getattr(one, field.name) for one in parts]) for field in fields(Encoded)})


def _each(value: Any, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Any:
    if isinstance(value, Mapping):
        return {name: _each(one, change) for name, one in value.items()}
    return change(value) if isinstance(value, np.ndarray) else value


def _joined(values: Sequence[Any]) -> Any:
    first = values[0]
    if isinstance(first, Mapping):
        return {name: _joined([value[name] for value in values]) for name in first}
    return np.concatenate(values) if isinstance(first, np.ndarray) else first
