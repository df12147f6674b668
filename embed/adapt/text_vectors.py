"""Vectors of the texts that a backbone learns from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import final

import torch
from torch import Tensor
from torch.nn import functional

from ...store.errors import UsageError
from ..torch_encoder import TorchEncoder
from ..towers import Towers
from .objective import Model

_TOGETHER = 32
"""Texts that are encoded in one go, where each is encoded once."""


@final
class TextVectors:
    """Unit vectors of texts: with gradients where the text side trains; made once where it does not.

    Args:
        encoder: Whose model a method has prepared.
        texts: All that will ever be asked for.

    Raises:
        UsageError: the encoder takes no texts.
    """

    def __init__(self, encoder: TorchEncoder, texts: Iterable[str]) -> None:
        if "text" not in encoder.offers:
            raise UsageError(f"encoder {encoder.spec.name!r} takes no texts to learn from; what fits it is supervision by labels")
        self.moves = side_trains(encoder, "text")
        """Whether the text side trains."""
        self._model, self._device = Model(encoder), encoder.device
        self._texts = sorted(set(texts))
        self._place = {text: place for place, text in enumerate(self._texts)}
        self._kept: dict[int, Tensor] = {}

    def of(self, texts: Sequence[str]) -> Tensor:
        """(T, D), float32."""
        if not self.moves:
            return self._once(texts)
        return functional.normalize(self._model.texts(texts).float(), dim=-1)

    def _once(self, texts: Sequence[str]) -> Tensor:
        """In groups that never change, and in float32: what a text's vector is depends on no step, so that a run can be gone on with."""
        places = [self._place[text] for text in texts]
        for group in sorted({place // _TOGETHER for place in places} - set(self._kept)):
            with torch.no_grad(), torch.autocast(self._device.type, enabled=False):
                found = self._model.texts(self._texts[group * _TOGETHER : (group + 1) * _TOGETHER])
            self._kept[group] = functional.normalize(found.float(), dim=-1).cpu()
        return torch.stack([self._kept[place // _TOGETHER][place % _TOGETHER] for place in places]).to(self._device)


def side_trains(encoder: TorchEncoder, side: str) -> bool:
    """Whether any parameter of a side (`image` or `text`) trains; where nobody said which those are, whether any parameter does."""
    towers = encoder.towers or Towers()
    roots = towers.image if side == "image" else towers.text
    belongs = (towers.of_image if side == "image" else towers.of_text) if roots else lambda _: True
    return any(parameter.requires_grad and belongs(name) for name, parameter in encoder.model.named_parameters())
