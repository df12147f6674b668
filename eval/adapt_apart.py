"""How far methods of a cross-domain study are apart: paired differences in AUROC on the same items, read from the scores that runs keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, final

import numpy as np

from ..store.errors import UsageError
from .adapt_found import PROBE, Apart
from .comparison import Scored, placement_difference
from .holm import holm
from .methods import ItemScores, Method, item_scores, patients_of_items

if TYPE_CHECKING:
    from ..store.bank import Bank


@final
@dataclass(frozen=True)
class Measured:
    """Where the scores of one method of a study are kept: a fit of one draw."""

    run: str
    by: Method
    shots: int | None
    """0 for zero-shot, None for the whole training side."""
    unit: str


Where = tuple[str, str, str]
"""Backbone, window, method."""


def apart(bank: Bank, measured: Mapping[Where, Measured]) -> tuple[Apart, ...]:
    """Each method minus the linear probe of its backbone, and each backbone minus the first by the same method, window by window.

    Holm's correction is over all differences of methods, and over all of backbones.
    """
    scores = {where: _scores(bank, one) for where, one in measured.items()}
    first = next(iter(measured), ("", "", ""))[0]
    pairs = [(where, (where[0], where[1], PROBE)) for where in measured if where[2] != PROBE]
    pairs += [(where, (first, *where[1:])) for where in measured if where[0] != first]
    found = [_apart(bank, one, other, scores) for one, other in pairs if other in measured]
    return tuple(each for _, of in groupby(found, lambda each: each.of_backbones) for each in _corrected(list(of)))


def _scores(bank: Bank, one: Measured) -> tuple[Measured, ItemScores | str]:
    """Scores, or why there are none."""
    try:
        found = item_scores(bank, one.run, one.by)[one.shots]
    except UsageError as error:
        return one, str(error)
    return one, found


def _apart(bank: Bank, one: Where, other: Where, scores: Mapping[Where, tuple[Measured, ItemScores | str]]) -> Apart:
    nothing = Apart(one[1], (one[0], one[2]), (other[0], other[2]), None, None, None, None, None)
    (measured, left), (_, right) = scores[one], scores[other]
    if isinstance(left, str) or isinstance(right, str):
        return replace(nothing, reason=left if isinstance(left, str) else str(right))
    if left.items != right.items:
        return replace(nothing, reason="the two were not tested on the same items")
    patients = patients_of_items(bank, measured.unit, left.items)
    found = placement_difference(left.y, Scored(left.scores), Scored(right.scores), patients)
    return replace(nothing, value=found.value, lo=found.lo, hi=found.hi, p=found.p, reason=found.reason)


def _corrected(found: Sequence[Apart]) -> list[Apart]:
    p = holm([np.nan if one.p is None else one.p for one in found]).tolist()
    return [replace(one, p_holm=None if np.isnan(value) else value) for one, value in zip(found, p, strict=True)]
