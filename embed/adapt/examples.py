"""Examples of a bank for the loop: which scans, which planes of them, as batches of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch

from .errors import AdaptError
from .objective import Batch
from .voxels import Voxels, Wanted


@final
@dataclass(frozen=True)
class Example:
    """One item to learn from."""

    item: str
    """Its id: what errors call it."""
    scan: Wanted
    rows: tuple[int, ...] | None = None
    """Which rows of the scan's array (n, C, Y, X) are the item's; None where a whole scan goes in."""


@final
class BankExamples:
    """As `fit.Examples`."""

    def __init__(self, voxels: Voxels, examples: Sequence[Example]) -> None:
        self.voxels, self.every = voxels, tuple(examples)

    def __len__(self) -> int:
        return len(self.every)

    def names(self, rows: Sequence[int]) -> list[str]:
        """Their ids."""
        return [self.every[row].item for row in rows]

    def take(self, rows: Sequence[int]) -> Batch:
        """Pixels of these examples.

        Raises:
            AdaptError: a scan is gone, or scans have different shapes under the view.
        """
        arrays = [self.voxels.of(self.every[row].scan) for row in rows]
        parts = [
            array[None] if (own := self.every[row].rows) is None else array[list(own)] for row, array in zip(rows, arrays, strict=True)
        ]
        shapes = {part.shape[1:] for part in parts}
        if len(shapes) > 1:
            shown = " and ".join("x".join(map(str, shape)) for shape in sorted(shapes)[:2])
            raise AdaptError(f"scans have different shapes under the view, such as {shown}: give --shape or --size, or --micro 1")
        pixels = torch.from_numpy(np.concatenate(parts).astype(np.float32))
        owner = torch.repeat_interleave(torch.arange(len(parts)), torch.tensor([len(part) for part in parts]))
        return Batch(tuple(rows), pixels, owner)

    def of(self, rows: Sequence[int]) -> BankExamples:
        """Only these, in this order."""
        return BankExamples(self.voxels, [self.every[row] for row in rows])
