"""What an encoder is: pixels, voxels or texts in, vectors out. Numpy at the border, so that nobody needs torch to use one."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal, final, get_args

import numpy as np

from ..store.errors import EncoderError, ScanbankError, UsageError
from ..store.specs import EncoderSpec, ViewSpec
from .encoded import Encoded, check_encoded
from .errors import OutOfDeviceMemoryError, first_line, is_out_of_device_memory

Side = Literal["volume", "slice", "text"]
"""What an encoder can be given."""
SIDES: tuple[Side, ...] = get_args(Side)

_PLURALS: dict[Side, str] = {"volume": "volumes", "slice": "slices", "text": "texts"}
_ELSEWHERE: dict[Side, str] = {
    "volume": "pool its slice vectors, or choose an encoder of volumes",
    "slice": "choose one that has, such as timm:NAME, open_clip:MODEL/TAG or intensity",
    "text": "choose one that has, such as tiny or open_clip:MODEL/TAG",
}
_OURS = __name__.partition(".")[0]
_AXES: dict[Side, str] = {"volume": "(B, C, Z, Y, X)", "slice": "(B, C, Y, X)"}


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
        """Encode B texts. Longer ones than the encoder's context are cut, as its tokenizer does; `whole` says which, where it can tell.

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
        if layers and type(self)._encode_layers is Encoder._encode_layers:
            raise EncoderError(f"encoder {self.spec.name!r} has {self.blocks} blocks and gives no tokens: write its _encode_layers")
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
        try:
            encoded = self._encode_layers(side, batch, layers) if layers else self._encode(side, batch)
        except (ScanbankError, MemoryError):
            raise
        except (Exception, SystemExit) as error:
            if type(error).__module__.partition(".")[0] == _OURS:  # of the service that stands behind it
                raise
            raise self._failure(side, error, count) from error
        return check_encoded(self.spec, encoded, count, layers, wants_depth=self.gives_depth and side == "volume")

    def _failure(self, side: Side, error: BaseException, count: int) -> EncoderError:
        """What code that is not ours raised, in one line that may get into a bank: without a path, and without words of a text."""
        if is_out_of_device_memory(error):
            return OutOfDeviceMemoryError(self.spec.name, self.accelerator or "its device", count)
        said = "" if side == "text" else first_line(error)
        why = f": {said}" if said and not {"/", "\\"} & set(said) else ""
        return EncoderError(f"encoder {self.spec.name!r} failed with {type(error).__name__}{why}")
