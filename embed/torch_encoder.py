"""Encoders that are torch modules: device, channels, normalization and conversion are handled here, once for all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn

from ..store.errors import EncoderError
from ..store.specs import EncoderSpec, ViewSpec
from .encoder import Encoded, Encoder, Side
from .weights import weights_digest


@final
class TorchEncoder(Encoder):
    """A model with a tower per side, each a function of what the model takes to vectors (B, D).

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
        volumes: Callable[[Tensor], Tensor] | None = None,
        texts: Callable[[list[str]], Tensor] | None = None,
        size: tuple[int, int] | None = None,
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
        self._towers = towers

    def forward(self, side: Side, batch: Any) -> Tensor:
        """The tower's vectors (B, D), with gradients where the caller has them on.

        Pixels are float32 (B, C, ...) in the input range, on any device; texts are a list.
        """
        tower = self._towers[side]
        return tower(batch if side == "text" else self._normalized(batch))

    def _encode(self, side: Side, batch: Any) -> Encoded:
        given = batch if side == "text" else torch.from_numpy(np.ascontiguousarray(batch))
        # TF32 would keep 10 bits of each factor: float32 in the spec means float32
        exact = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
        try:
            with torch.inference_mode(), exact:
                return Encoded(self.forward(side, given).float().cpu().numpy())
        except torch.OutOfMemoryError as error:
            raise EncoderError(
                f"encoder {self.spec.name!r} ran out of memory on {self.device} with a batch of {len(batch)}; use a smaller batch"
            ) from error

    def _normalized(self, pixels: Tensor) -> Tensor:
        ones = (1,) * (pixels.ndim - 2)
        mean = torch.tensor(self.spec.mean, device=self.device).view(1, -1, *ones)
        std = torch.tensor(self.spec.std, device=self.device).view(1, -1, *ones)
        return (pixels.to(self.device) - mean) / std  # one channel is repeated by broadcasting
