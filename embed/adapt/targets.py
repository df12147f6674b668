"""Labels of a training set, looked at before anything learns from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...store.errors import UsageError


def checked_targets(targets: NDArray[np.float32], findings: Sequence[str]) -> Tensor:
    """(N, F) float32: 1 present, 0 absent, NaN unknown, of which each finding has both.

    Raises:
        UsageError: a finding has labels of one kind alone, or none; or the array is of another form.
    """
    found = torch.as_tensor(np.asarray(targets, np.float32))
    if found.ndim != 2 or found.shape[1] != len(findings) or not found.shape[1]:
        raise UsageError(
            f"labels of shape {tuple(found.shape)}; expected (examples, {len(findings)}), a column for each of 1 finding or more"
        )
    if bool(((found < 0) | (found > 1)).any()):
        raise UsageError(
            f"labels go from {float(found[found == found].min())} to {float(found[found == found].max())}; expected 0 to 1, or NaN"
        )
    lacking = [
        f"{name} ({present} present, {absent} absent)"
        for name, present, absent in zip(findings, (found > 0).sum(0).tolist(), (found == 0).sum(0).tolist(), strict=True)
        if not (present and absent)
    ]
    if lacking:
        raise UsageError(
            f"{len(found)} training scans have labels of one class alone for {', '.join(lacking)}: nothing can be learned of that; "
            "leave it out, choose another split, or label more scans"
        )
    return found


def known_each(targets: Tensor) -> float:
    """How many labels an example of the training set has, on average.

    Losses of a batch are summed and divided by so many for each of its examples. Unlike a mean over what a batch happens to know, that
    is the same whether a batch is worked off at once or in parts, and every label of the training set weighs the same.
    """
    return float((~targets.isnan()).sum()) / len(targets)
