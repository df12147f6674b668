"""Encoders that are torch modules: device, channels, normalization and conversion are handled here, once for all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..store.errors import EncoderError
from ..store.specs import EncoderSpec, ViewSpec
from .encoder import Encoded, Encoder, Side
from .weights import weights_digest


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

    A tower of pixels gets a float32 tensor (B, 3, ...) on `device`, normalized by the spec's mean and std; the tower
    of texts gets a list. `spec` comes without the digest of the weights: it is taken here, of the whole model.
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
        texts: Callable[[list[str]], Tensor] | None = None,
        size: tuple[int, int] | None = None,
        gives_depth: bool = False,
        note: str = "",
    ) -> None:
        towers: dict[Side, Any] = {"slice": slices, "volume": volumes, "text": texts}
        self.spec = replace(spec, weights=weights_digest(model))
        self.view = view
        self.model = model.eval().requires_grad_(requires_grad=False).to(device)
        self.device = device
        self.offers = frozenset(side for side, tower in towers.items() if tower is not None)
        takes = len(spec.mean)
        self.channels = frozenset({1, takes} if takes else ())
        self.size = size
        self.gives_depth = gives_depth
        self.note = note
        self._towers = towers

    def forward(self, side: Side, batch: Any) -> Tensor:
        """The tower's vectors (B, D), with gradients where the caller has them on.

        Pixels are float32 (B, C, ...) in the input range, on any device; texts are a list.
        """
        given = self._given(side, batch)
        return given.vector if isinstance(given, Features) else given

    def _given(self, side: Side, batch: Any) -> Tensor | Features:
        return self._towers[side](batch if side == "text" else self._normalized(batch))

    def _encode(self, side: Side, batch: Any) -> Encoded:
        given = batch if side == "text" else torch.from_numpy(np.ascontiguousarray(batch))
        # TF32 would keep 10 bits of each factor: float32 in the spec means float32
        exact = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
        try:
            with torch.inference_mode(), exact:
                found = self._given(side, given)
                if isinstance(found, Features):
                    return Encoded(_plain(found.vector), depth=_plain(found.depth), depth_mask=found.depth_mask.cpu().numpy())
                return Encoded(_plain(found))
        except torch.OutOfMemoryError as error:
            raise EncoderError(
                f"encoder {self.spec.name!r} ran out of memory on {self.device} with a batch of {len(batch)}; use a smaller batch"
            ) from error

    def _normalized(self, pixels: Tensor) -> Tensor:
        ones = (1,) * (pixels.ndim - 2)
        mean = torch.tensor(self.spec.mean, device=self.device).view(1, -1, *ones)
        std = torch.tensor(self.spec.std, device=self.device).view(1, -1, *ones)
        return (pixels.to(self.device) - mean) / std  # one channel is repeated by broadcasting


def _plain(values: Tensor) -> NDArray[np.float32]:
    return values.float().cpu().numpy()
