"""Several feature sets of the same items side by side in one matrix, and the widths that tell them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .vectors import Floats, unit


@final
@dataclass(frozen=True, eq=False)
class Blocks:
    """N items in several feature sets.

    Raises:
        ValueError: the widths do not fill the matrix.
    """

    X: NDArray[Any]
    """(N, D): the sets side by side."""
    widths: tuple[int, ...]
    """Columns of each set, in their order."""

    def __post_init__(self) -> None:
        checked_widths(self.widths, self.X.shape[1])

    def __len__(self) -> int:
        return len(self.X)

    def of(self, rows: NDArray[Any]) -> Blocks:
        """These items, in this order."""
        return Blocks(self.X[rows], self.widths)

    def bad(self) -> int:
        """How many items hold NaN or infinity."""
        return int((~np.isfinite(self.X).all(axis=1)).sum())


def checked_widths(widths: ArrayLike | None, total: int) -> list[int]:
    """The widths of blocks that fill a matrix of `total` columns; None is one block.

    Raises:
        ValueError: they are no positive whole numbers, or their sum is another.
    """
    given = [total] if widths is None else np.asarray(widths).tolist()
    if not isinstance(given, list) or not all(isinstance(w, int | float) and w >= 1 and w == int(w) for w in given) or sum(given) != total:
        raise ValueError(f"widths are {widths!r}; positive whole numbers whose sum is the width of the features, {total}, are wanted")
    return [int(width) for width in given]


def split_blocks(X: Floats, widths: Sequence[int]) -> list[Floats]:
    """(N, D) as one matrix (N, d) for each of the widths d."""
    return np.split(X, np.cumsum(widths)[:-1], axis=1)


def unit_blocks(X: Floats, widths: Sequence[int]) -> Floats:
    """(N, D): each block of each row at unit length."""
    return np.concatenate([unit(block) for block in split_blocks(X, widths)], axis=1)


def block_scale(widths: Sequence[int]) -> Floats:
    """(D,): the root of each column's block width times the number of blocks.

    A row of standardised values divided by it has a length of about 1, to which every block contributes the same, however wide.
    """
    return np.sqrt(np.repeat(np.asarray(widths, dtype=np.float64), widths) * len(widths))
