"""The reports of a training set, and which of them say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from ...store.errors import UsageError


@final
@dataclass(frozen=True)
class Reports:
    """What was written of the training set's examples, by number."""

    wordings: Sequence[Sequence[str]]
    """Of each example the report, and other wordings of it (an impression, some of its sentences): each step draws one."""

    def __post_init__(self) -> None:
        empty = sum(1 for said in self.wordings if not said or not all(text.strip() for text in said))
        if empty:
            raise UsageError(f"{empty} of {len(self.wordings)} training scans have an empty report or none; leave them out")

    def every(self) -> list[str]:
        """All texts."""
        return [text for said in self.wordings for text in said]

    def drawn(self, rows: Sequence[int], generator: np.random.Generator) -> list[str]:
        """A wording of each example."""
        return [self.wordings[row][int(generator.integers(len(self.wordings[row])))] for row in rows]

    def same(self, rows: Sequence[int], texts: Sequence[str]) -> Tensor:
        """(B, B) of bool: examples whose report is the same but for case and spaces, or of which the same was drawn.

        Series of one study share a report, and normal scans often do: neither is the other's negative.
        """
        whole = [" ".join(self.wordings[row][0].split()).casefold() for row in rows]
        return _equal(whole) | _equal(texts)


def _equal(texts: Sequence[str]) -> Tensor:
    number = {text: place for place, text in enumerate(texts)}
    numbers = torch.tensor([number[text] for text in texts])
    return numbers[:, None] == numbers
