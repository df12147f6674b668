"""Walks over items from the highest score down, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..heads.compiled import compiled

Floats = NDArray[np.float64]


@compiled
def walk_draws(
    positive: Floats, last: NDArray[np.bool_], patient: NDArray[np.int64], times: Floats, auroc: Floats, ap: Floats
) -> None:
    """AUROC and AP in each draw, items standing as often as their patient was drawn; NaN where a draw holds one class only.

    Args:
        positive: (N,) labels, 0 and 1, from the highest score down.
        last: (N,) whether an item is the last of its score: items of equal score are called together.
        patient: (N,) columns of `times`.
        times: (draws, patients) whole numbers.
        auroc: (draws,) to write to.
        ap: (draws,) to write to.
    """
    for draw in range(len(times)):
        often = times[draw]
        true, false, above, gained = 0.0, 0.0, 0.0, 0.0
        new_true, new_false = 0.0, 0.0
        for place in range(len(positive)):
            # without branches on labels and counts, which no processor foresees
            count = often[patient[place]]
            new_true += count * positive[place]
            new_false += count * (1 - positive[place])
            if last[place]:
                above += new_false * (true + new_true / 2)
                true, false = true + new_true, false + new_false
                gained += new_true * (true / max(true + false, 1.0))
                new_true, new_false = 0.0, 0.0
        one_class = not (true > 0 and false > 0)
        auroc[draw] = np.nan if one_class else above / (true * false)
        ap[draw] = np.nan if one_class else gained / true
