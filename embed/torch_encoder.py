"""Encoders that are torch modules: device, channels, normalization, precision and conversion are handled here, once for all."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..store.errors import EncoderError, ScanbankError, UsageError
from ..store.specs import EncoderSpec, ViewSpec
from .block_tokens import Blocks, captured
from .encoder import Encoded, Encoder, Side
from .errors import EncoderUnavailableError, OutOfDeviceMemoryError, one_line
from .text_tower import TextTower
from .towers import Towers
from .weights import weights_digest

PRECISIONS: dict[str, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}
"""What matrix products may be computed in instead of float32, by the suffix of the encoder's name."""

_OF_DEVICE = re.compile(r"\b(?:CUDA|CUDNN|CUBLAS|HIP|MPS)", re.IGNORECASE)


@final
@dataclass(frozen=True)
class Features:
    """What a tower gives that has more to say than vectors (B, D)."""

    vector: Tensor
    """(B, D)."""
    depth: Tensor
    """(B, Z', D): one vector for each step along the slice axis."""
    depth_mask: Tensor
    """(B, Z') of bool: False where a step is padding."""


@final
class TorchEncoder(Encoder):
    """A model with a tower per side, each a function of what the model takes to vectors (B, D), or to `Features`.

    A tower of pixels gets a float32 tensor (B, 3, ...) on `device`, normalized by the spec's mean and std; the tower of texts gets a list,
    or is a `TextTower`, whose embeddings can be learned. `spec` comes without the digest of the weights: it is taken here, of the whole
    model. `blocks` are those of the image side whose tokens can be asked for, `towers` says which modules are whose.
    """

    def __init__(
        self,
        spec: EncoderSpec,
        view: ViewSpec,
        model: nn.Module,
        device: torch.device,
        *,
        slices: Callable[[Tensor], Tensor] | None = None,
        volumes: Callable[[Tensor], Tensor | Features] | None = None,
        texts: Callable[[list[str]], Tensor] | TextTower | None = None,
        size: tuple[int, int] | None = None,
        gives_depth: bool = False,
        note: str = "",
        blocks: Blocks | None = None,
        towers: Towers | None = None,
    ) -> None:
        self.text_tower = texts if isinstance(texts, TextTower) else None
        encode = texts.encode if isinstance(texts, TextTower) else texts
        sides: dict[Side, Any] = {"slice": slices, "volume": volumes, "text": encode}
        self.spec = replace(spec, weights=weights_digest(model))
        self.view = view
        self.model = model.eval().requires_grad_(requires_grad=False).to(device)
        self.device = device
        self.accelerator = "" if device.type == "cpu" else str(device)
        self.offers = frozenset(side for side, tower in sides.items() if tower is not None)
        takes = len(spec.mean)
        self.channels = frozenset({1, takes} if takes else ())
        self.size = size
        self.gives_depth = gives_depth
        self.note = note
        self.image_blocks = blocks
        self.blocks = len(blocks.modules) if blocks else 0
        self._autocast: torch.dtype | None = None
        self._sides = sides
        self.towers = towers or (None if "text" in self.offers else Towers())
        """What adaptation trains; None where the encoder has a text side and does not say which modules are whose."""
        self._whole = self.text_tower.whole if self.text_tower else None

    def at_precision(self, precision: str) -> TorchEncoder:
        """The same model, its matrix products in `bf16` or `fp16` by torch's autocast; the name ends in `+bf16` or `+fp16`.

        Raises:
            UsageError: there is no such precision.
        """
        if precision not in PRECISIONS:
            raise UsageError(f"precision {precision!r} is unknown; choose one of float32, {', '.join(PRECISIONS)}")
        other = copy(self)
        other.spec = replace(self.spec, name=f"{self.spec.name}+{precision}")
        other._autocast = PRECISIONS[precision]
        return other

    def compile(self) -> None:
        """Let torch compile the model: its blocks one by one where they are known, which takes a fraction of the time of the whole."""
        for module in self.image_blocks.modules if self.image_blocks else (self.model,):
            module.compile()

    def forward(self, side: Side, batch: Any) -> Tensor:
        """The tower's vectors (B, D), with gradients where the caller has them on.

        Pixels are float32 (B, C, ...) in the input range, on any device; texts are a list.
        """
        given = self.given(side, batch)
        return given.vector if isinstance(given, Features) else given

    def given(self, side: Side, batch: Any) -> Tensor | Features:
        """As `forward`, with vectors along depth where the tower has them."""
        return self._sides[side](batch if side == "text" else self._normalized(batch))

    def _encode(self, side: Side, batch: Any) -> Encoded:
        return self._encode_layers(side, batch, ())

    def _encode_layers(self, side: Side, batch: Any, layers: Sequence[int]) -> Encoded:
        given = torch.from_numpy(np.ascontiguousarray(batch)) if isinstance(batch, np.ndarray) else batch
        try:
            with ExitStack() as stack:
                stack.enter_context(torch.inference_mode())
                # TF32 would keep 10 bits of each factor: float32 in the spec means float32
                stack.enter_context(torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False))
                if self._autocast is not None:
                    stack.enter_context(torch.autocast(self.device.type, self._autocast))
                tokens = stack.enter_context(captured(self.image_blocks, layers)) if self.image_blocks else {}
                found = self.given(side, given)
                vector, more = (found.vector, found) if isinstance(found, Features) else (found, None)
                return Encoded(
                    _plain(self._of_length(vector)),
                    depth=None if more is None else _plain(self._of_length(more.depth)),
                    depth_mask=None if more is None else more.depth_mask.cpu().numpy(),
                    tokens={layer: _plain(values) for layer, values in tokens.items()} or None,
                    grid=self.image_blocks.grid if self.image_blocks and tokens else None,
                    whole=self._told_whole(list(batch)) if side == "text" else None,
                )
        except torch.OutOfMemoryError as error:
            raise OutOfDeviceMemoryError(self.spec.name, str(self.device), len(batch)) from error
        except ScanbankError:  # a ValueError too, and has its own words
            raise
        except ValueError as error:
            raise EncoderError(f"encoder {self.spec.name!r}: {error}") from error
        except RuntimeError as error:
            # Torch's own word on shapes that the model cannot take costs the scan. A device that failed, or a compiler, is no scan's fault.
            if type(error) is not RuntimeError or _OF_DEVICE.search(str(error)):
                raise EncoderUnavailableError(f"encoder {self.spec.name!r} failed on {self.device} ({one_line(error)})") from error
            said = str(error).partition("\n")[0]
            why = f": {said}" if said and "/" not in said else ""  # no path may get into a bank
            raise EncoderError(f"encoder {self.spec.name!r} cannot take {_described(given)}{why}") from error

    def _told_whole(self, texts: list[str]) -> NDArray[np.bool_] | None:
        told = self._whole(texts) if self._whole else None
        return None if told is None else np.array(told, np.bool_)

    def _of_length(self, vectors: Tensor) -> Tensor:
        """Of unit length where the spec says so: what was rounded has lost it."""
        rounded = self.spec.unit_length and self._autocast is not None
        return functional.normalize(vectors.float(), dim=-1) if rounded else vectors

    def _normalized(self, pixels: Tensor) -> Tensor:
        ones = (1,) * (pixels.ndim - 2)
        mean = torch.tensor(self.spec.mean, device=self.device).view(1, -1, *ones)
        std = torch.tensor(self.spec.std, device=self.device).view(1, -1, *ones)
        return (pixels.to(self.device) - mean) / std  # one channel is repeated by broadcasting


def _described(batch: Any) -> str:
    return f"a batch of shape {tuple(batch.shape)}" if isinstance(batch, Tensor) else f"a batch of {len(batch)} texts"


def _plain(values: Tensor) -> NDArray[np.float32]:
    found = values.float().cpu()
    if found.untyped_storage().nbytes() > found.nbytes:  # a part of something larger, which would live as long as the vectors do
        found = found.clone()
    return found.numpy()
