"""What heads that learn from the class texts' vectors share: the check of prompts, and fits of one size gathered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from .support import Support
from .vectors import Floats, unit

SCALE = 100.0
"""CLIP's logit scale: what cosines are multiplied by."""
_ROOM = 1 << 23
"""Numbers in the largest array of a batch: 64 MiB. Training holds a handful of such arrays."""


def checked_prompts(prompts: ArrayLike | None, classes: int, width: int) -> Floats:
    """(C, D) of unit length: one vector for each class, in the order of the sorted labels.

    Raises:
        ValueError: there are none, or they are not finite and of that shape.
    """
    if prompts is None:
        raise ValueError("prompts are missing; give one vector for each class, (C, D)")
    found, wanted = np.asarray(prompts, dtype=np.float64), (classes, width)
    if found.shape != wanted or not np.isfinite(found).all():
        raise ValueError(f"prompts are {found.shape} or not finite; (classes, width of the features) is {wanted}")
    return unit(found)


def texts_of(support: Support) -> Floats:
    """(2, D) unit vectors of the class texts of a support that has them."""
    if support.texts is None:  # `HeadKind.scores` says it better, and first
        raise ValueError("the support has no class texts")
    return unit(support.texts)


def equal_fits(supports: Sequence[Support], numbers: int, per_row: int) -> Iterator[list[int]]:
    """Places of supports of one size, as many at once as memory has room for.

    Args:
        supports: of all fits.
        numbers: that one fit needs at once in its largest array, apart from those of its rows.
        per_row: that it needs for each row.
    """
    sizes: dict[int, list[int]] = defaultdict(list)
    for number, support in enumerate(supports):
        sizes[len(support.rows)].append(number)
    for rows, fits in sizes.items():
        step = max(1, _ROOM // (numbers + rows * per_row))
        yield from (fits[start : start + step] for start in range(0, len(fits), step))
