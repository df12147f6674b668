"""An encoder that made the toy vectors of `eval_banks`, as far as texts go."""

from __future__ import annotations

from typing import Any

import numpy as np

from eval_banks import SLICE, VOLUME
from scanbank.embed.encoder import Encoded, Encoder
from scanbank.store import EncoderSpec


class Toy(Encoder):
    """The text side of the toy features: along the first axis for presence, against it for absence. It counts what it is given."""

    def __init__(self, spec: EncoderSpec = VOLUME.encoder, *sides: Any) -> None:
        self.spec, self.view, self.channels = spec, VOLUME.view, frozenset({1})
        self.offers = frozenset(sides or ("volume", "text"))
        self.texts: list[str] = []

    def _encode(self, side: Any, batch: Any) -> Encoded:
        assert side == "text"
        self.texts += batch
        signs = [-1.0 if "not" in text or "No" in text else 1.0 for text in batch]
        return Encoded((np.array(signs)[:, None] * np.eye(self.spec.dim)[0]).astype(np.float32))


def opened(encoder: Encoder) -> Any:
    """By name; `flat` has no text side."""
    return lambda name: encoder if name == encoder.spec.name else Toy(SLICE.encoder, "slice")
