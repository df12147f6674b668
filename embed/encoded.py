"""What an encoder gives, and what it is held to: every vector is checked before anybody uses it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from ..store.errors import EncoderError
from ..store.specs import EncoderSpec

_OFF_UNIT, _OFF_UNIT_ROUNDED = 1e-3, 1e-2
"""How far from 1 the length of a vector may be that is said to have it: in float32, and computed in lower precision."""


@final
@dataclass(frozen=True)
class Encoded:
    """The outcome for a batch of B, on the CPU, float32. Parts that an encoder does not give are None."""

    vector: NDArray[np.float32]
    """(B, D)."""
    depth: NDArray[np.float32] | None = None
    """(B, Z', D): one vector per step along the slice axis."""
    depth_mask: NDArray[np.bool_] | None = None
    """(B, Z'): False where a step is padding."""
    tokens: Mapping[int, NDArray[np.float32]] | None = None
    """For each block that was asked for, (B, T, D'): one vector per patch, as the block gives it."""
    grid: tuple[int, ...] | None = None
    """How the T tokens lie, such as (Z', Y', X') or (Y', X'), the last axis running fastest."""
    whole: NDArray[np.bool_] | None = None
    """(B,) of texts: False where one is longer than the encoder's context, so that its end was cut off; None where nobody can say."""


def check_encoded(spec: EncoderSpec, found: Any, count: int, layers: Sequence[int], *, wants_depth: bool) -> Encoded:
    """What an encoder gave for a batch of `count`, where it is as `Encoded` says.

    Args:
        spec: The encoder's.
        found: What it gave.
        count: B.
        layers: Blocks whose tokens were asked for.
        wants_depth: Whether it said that it gives vectors along depth for such a batch.

    Raises:
        EncoderError: the type, a shape or a dtype is another, a value is not finite, or a length is not 1 though the spec says so.
    """
    name = spec.name
    if not isinstance(found, Encoded):
        what = "nothing (None)" if found is None else f"a {type(found).__name__}"
        raise EncoderError(f"encoder {name!r} gave {what}; expected scanbank.embed.Encoded")
    _require(name, "", found.vector, np.float32, (count, spec.dim))
    if wants_depth and found.depth is None:
        raise EncoderError(f"encoder {name!r} says that it gives vectors along depth, and gave none")
    if (found.depth is None) != (found.depth_mask is None):
        given, lacking = ("depth_mask", "depth") if found.depth is None else ("depth", "depth_mask")
        raise EncoderError(f"encoder {name!r} gave {given} without {lacking}; expected both or none")
    if found.depth is not None:
        _require(name, "depth of ", found.depth, np.float32, (count, None, spec.dim))
        _require(name, "depth_mask of ", found.depth_mask, np.bool_, (count, found.depth.shape[1]))
    if found.whole is not None:
        _require(name, "whole of ", found.whole, np.bool_, (count,))
    tokens = _checked_tokens(name, found, count, layers)
    for part in (found.vector, found.depth, *tokens.values()):
        if part is not None and not np.isfinite(part).all():
            raise EncoderError(f"encoder {name!r} gave values that are not finite (NaN or infinite) for a batch of {count}")
    if spec.unit_length:
        _require_unit(spec, found.vector)
    return found


def _checked_tokens(name: str, found: Encoded, count: int, layers: Sequence[int]) -> Mapping[int, NDArray[np.float32]]:
    tokens: Any = found.tokens
    if not layers and not tokens:
        return {}
    if not isinstance(tokens, Mapping) or not set(layers) <= set(tokens):
        given = f"those of {', '.join(map(str, tokens))}" if isinstance(tokens, Mapping) and tokens else "none"
        raise EncoderError(f"encoder {name!r} was asked for tokens of blocks {', '.join(map(str, layers))}, and gave {given}")
    grid: Any = found.grid
    if not isinstance(grid, tuple) or not grid or not all(isinstance(side, int) and side > 0 for side in grid):
        raise EncoderError(f"encoder {name!r} gave tokens with grid {grid!r}; expected a tuple of how many lie along each axis")
    for values in tokens.values():
        _require(name, "tokens of ", values, np.float32, (count, math.prod(grid), None))
    return tokens


def _require(name: str, part: str, found: Any, dtype: type[np.generic], shape: tuple[int | None, ...]) -> None:
    """`found` is an array of the dtype and shape; None in a shape stands for any number from 1."""
    what = np.dtype(dtype).name
    expected = f"expected {what} of shape ({', '.join('any' if n is None else str(n) for n in shape)})"
    if not isinstance(found, np.ndarray):
        raise EncoderError(f"encoder {name!r} gave {part}a {type(found).__name__}; {expected}")
    fits = found.ndim == len(shape) and all(n >= 1 if m is None else n == m for n, m in zip(found.shape, shape, strict=True))
    if found.dtype != dtype or not fits:
        raise EncoderError(f"encoder {name!r} gave {part}{found.dtype} of shape {found.shape}; {expected}")


def _require_unit(spec: EncoderSpec, vectors: NDArray[np.float32]) -> None:
    rounded = spec.precision != "float32" or spec.name.endswith(("+bf16", "+fp16"))
    lengths = np.linalg.norm(vectors, axis=1)
    off = np.abs(lengths - 1)
    if off.max() > (_OFF_UNIT_ROUNDED if rounded else _OFF_UNIT):
        raise EncoderError(
            f"encoder {spec.name!r} gave a vector of length {lengths[off.argmax()]:.4g}; its spec says unit_length, which is 1: "
            "divide vectors by their length, or say unit_length=False"
        )
