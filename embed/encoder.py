"""What an encoder is: pixels, voxels or texts in, vectors out. Numpy at the border, so that nobody needs torch to use one."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from ..store.errors import EncoderError, UsageError
from ..store.specs import EncoderSpec, ViewSpec

Side = Literal["volume", "slice", "text"]
"""What an encoder can be given."""

_PLURALS: dict[Side, str] = {"volume": "volumes", "slice": "slices", "text": "texts"}
_ELSEWHERE: dict[Side, str] = {
    "volume": "pool its slice vectors, or choose an encoder of volumes",
    "slice": "choose one that has, such as timm:NAME, open_clip:MODEL/TAG or intensity",
    "text": "choose one that has, such as tiny or open_clip:MODEL/TAG",
}
_AXES: dict[Side, str] = {"volume": "(B, C, Z, Y, X)", "slice": "(B, C, Y, X)"}


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


class Encoder(ABC):
    """The contract of every encoder. Subclasses set the attributes and write `_encode`; what goes in and out is checked here."""

    spec: EncoderSpec
    view: ViewSpec
    """The preprocessing it was made for; a caller may ask for another."""
    offers: frozenset[Side]
    channels: frozenset[int]
    """How many windows (channels) it takes at once; empty where it takes no pixels."""
    size: tuple[int, int] | None = None
    """(Y, X) that planes must have; None where any will do."""
    note: str = ""
    """What whoever uses its vectors must know; shown wherever it is used."""
    gives_depth: bool = False
    """Whether volumes come back with a vector for each step along the slice axis."""
    blocks: int = 0
    """Transformer blocks of its image side whose tokens it can give; 0 where it has none."""
    accelerator: str = ""
    """The torch device that pixels are best prepared on, such as `cuda:0`; empty for the CPU."""

    @abstractmethod
    def _encode(self, side: Side, batch: Any) -> Encoded:
        """Encode a batch of at least one that was checked: float32 pixels or voxels, or a list of texts; `side` is in `offers`."""

    def _encode_layers(self, side: Side, batch: Any, layers: Sequence[int]) -> Encoded:
        """As `_encode`, with the tokens of blocks (from 1 to `blocks`). Written by encoders that have blocks."""
        raise NotImplementedError(f"{type(self).__name__} has {self.blocks} blocks and gives no tokens for {side} {len(batch)} {layers}")

    def at_precision(self, precision: str) -> Encoder:
        """The same encoder, computing in `bf16` or `fp16` where that is enough (autocast); its name says so.

        Raises:
            UsageError: it cannot.
        """
        raise UsageError(f"encoder {self.spec.name!r} computes in float32 alone; found precision {precision!r}: leave it out")

    def compile(self) -> None:
        """Have the model compiled.

        Raises:
            UsageError: there is nothing to compile.
        """
        raise UsageError(f"encoder {self.spec.name!r} is no torch model; leave --compile out")

    @final
    def encode_volumes(self, voxels: Any, layers: Sequence[int] = ()) -> Encoded:
        """Encode voxels (B, C, Z, Y, X), float32, in the encoder's input range.

        Args:
            voxels: A numpy array, or a torch tensor on the encoder's `accelerator`.
            layers: Blocks whose tokens are wanted, numbered from 1 to `blocks`.

        Raises:
            EncoderError: it offers no volumes or no such block, or what goes in or comes out has not the shape or holds NaN.
        """
        return self._checked("volume", self._pixels("volume", voxels), self.check_layers(layers))

    @final
    def encode_slices(self, pixels: Any, layers: Sequence[int] = ()) -> Encoded:
        """Encode pixels (B, C, Y, X), float32, in the encoder's input range.

        Args:
            pixels: A numpy array, or a torch tensor on the encoder's `accelerator`.
            layers: Blocks whose tokens are wanted, numbered from 1 to `blocks`.

        Raises:
            EncoderError: as in `encode_volumes`.
        """
        return self._checked("slice", self._pixels("slice", pixels), self.check_layers(layers))

    @final
    def encode_texts(self, texts: Sequence[str]) -> Encoded:
        """Encode B texts. Longer ones than the encoder's context are cut, as its tokenizer does.

        Raises:
            EncoderError: as in `encode_volumes`.
        """
        self._require("text")
        if isinstance(texts, str):
            raise EncoderError(f"encoder {self.spec.name!r} was given one string; expected a list of texts")
        return self._checked("text", list(texts))

    @final
    def check_view(self, view: ViewSpec) -> None:
        """Say before anything is decoded that a view does not fit this encoder.

        Raises:
            EncoderError: the view's number of windows or its size is not what the encoder takes.
        """
        self._require_channels(max(1, len(view.windows)))
        if self.size is not None and view.size != self.size:
            found = "no size" if view.size is None else f"size {view.size[0]}x{view.size[1]}"
            raise EncoderError(f"encoder {self.spec.name!r} takes planes of {self.size[0]}x{self.size[1]} pixels; the view has {found}")

    def _require(self, side: Side) -> None:
        if side not in self.offers:
            can = " and ".join(_PLURALS[s] for s in _PLURALS if s in self.offers)
            raise EncoderError(f"encoder {self.spec.name!r} encodes {can}; it has no {side} side: {_ELSEWHERE[side]}")

    def _require_channels(self, found: int) -> None:
        if found not in self.channels:
            takes = " or ".join(map(str, sorted(self.channels)))
            plural = "" if takes == "1" else "s"
            raise EncoderError(f"encoder {self.spec.name!r} takes {takes} window{plural} (channel{plural}) at once; found {found}")

    @final
    def check_layers(self, layers: Sequence[int]) -> tuple[int, ...]:
        """The layers, where the encoder has them.

        Raises:
            EncoderError: it has no such block.
        """
        if layers and not self.blocks:
            raise EncoderError(f"encoder {self.spec.name!r} gives no tokens; choose one with transformer blocks, such as timm:vit_*")
        for layer in layers:
            if not 1 <= layer <= self.blocks:
                raise EncoderError(f"encoder {self.spec.name!r} has blocks 1 to {self.blocks}; found layer {layer}")
        return tuple(layers)

    def _pixels(self, side: Side, batch: Any) -> Any:
        self._require(side)
        name, axes = self.spec.name, _AXES[side]
        if batch.ndim != axes.count(",") + 1 or str(batch.dtype).rpartition(".")[2] != "float32":
            found = f"{batch.dtype} of shape {tuple(batch.shape)}"
            raise EncoderError(f"encoder {name!r} takes {_PLURALS[side]} as float32 {axes}; found {found}")
        self._require_channels(batch.shape[1])
        if 0 in batch.shape[2:]:
            raise EncoderError(f"encoder {name!r} was given {_PLURALS[side]} without a pixel: shape {tuple(batch.shape)}")
        if self.size is not None and tuple(batch.shape[-2:]) != self.size:
            raise EncoderError(
                f"encoder {name!r} takes planes of {self.size[0]}x{self.size[1]} pixels; found {batch.shape[-2]}x{batch.shape[-1]}"
            )
        # alike for arrays and tensors; NaN is neither
        if len(batch) and not (float(batch.min()) > -math.inf and float(batch.max()) < math.inf):
            raise EncoderError(f"encoder {name!r} was given values that are not finite (NaN or infinite)")
        return batch

    def _checked(self, side: Side, batch: Any, layers: tuple[int, ...] = ()) -> Encoded:
        """Every vector that leaves an encoder passes here."""
        count = len(batch)
        if count == 0:
            return Encoded(np.empty((0, self.spec.dim), np.float32))
        encoded = self._encode_layers(side, batch, layers) if layers else self._encode(side, batch)
        expected = (count, self.spec.dim)
        if encoded.vector.shape != expected or encoded.vector.dtype != np.float32:
            found = f"{encoded.vector.dtype} of shape {encoded.vector.shape}"
            raise EncoderError(f"encoder {self.spec.name!r} gave {found}; expected float32 of shape {expected}")
        for part in (encoded.vector, encoded.depth, *(encoded.tokens or {}).values()):
            if part is not None and not np.isfinite(part).all():
                raise EncoderError(f"encoder {self.spec.name!r} gave values that are not finite (NaN or infinite) for a batch of {count}")
        return encoded
