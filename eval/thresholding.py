"""Thresholds by rule, fitted on the validation side: Youden's J, a fixed sensitivity or specificity, or the least cost."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from ..store.errors import UnknownNameError, UsageError
from .ranked import Ranked, ranked
from .validation import Validation


@final
@dataclass(frozen=True)
class Rule:
    """How a threshold is chosen."""

    name: str
    """As it was asked for, such as `sensitivity=0.95`."""
    worth: Callable[[Ranked], NDArray[np.float64]]
    """(G + 1,) of calling nothing positive, then of calling each distinct score and all above it: the first of the largest is taken."""


@final
@dataclass(frozen=True)
class Threshold:
    """A threshold and what it does on the validation side."""

    rule: str
    value: float
    """`score >= value` is called positive. One of the scores, or the next number above the highest where nothing is to be called."""
    sensitivity: float
    specificity: float


def rule_named(text: str) -> Rule:
    """One of these, with S in (0, 1], and the costs of a missed and of a falsely called item.

    - `youden`: the greatest sensitivity + specificity - 1 (Youden, Cancer 1950).
    - `sensitivity=S`: the highest threshold whose sensitivity is S or more.
    - `specificity=S`: the lowest threshold whose specificity is S or more.
    - `cost=MISS:ALARM`: the least cost over the validation side, with its share of positives.

    Of thresholds equally good, the highest.

    Raises:
        UnknownNameError: there is no such rule.
        UsageError: its numbers are missing or out of range.
    """
    name, _, given = text.partition("=")
    if name == "youden" and not given:
        return Rule(text, lambda of: _true(of) * of.negatives - _false(of) * of.positives)
    if name in ("sensitivity", "specificity"):
        level = _number(given)
        if not 0 < level <= 1:
            raise UsageError(f"threshold rule {text!r} needs a share above 0 and up to 1, such as {name}=0.95")
        if name == "sensitivity":
            return Rule(text, lambda of: (_true(of) / of.positives >= level).astype(np.float64))
        return Rule(text, lambda of: np.where(1 - _false(of) / of.negatives >= level, np.arange(len(of.true) + 1.0), -1))
    if name == "cost":
        costs = [_number(part) for part in given.split(":")]
        if len(costs) != 2 or not all(0 < cost < math.inf for cost in costs):
            raise UsageError(f"threshold rule {text!r} needs the costs of a missed and of a falsely called item, such as cost=5:1")
        return Rule(text, lambda of: -(costs[0] * (of.positives - _true(of)) + costs[1] * _false(of)))
    raise UnknownNameError("threshold rule", name, ("youden", "sensitivity", "specificity", "cost"))


def fit_threshold(rule: Rule, validation: Validation) -> Threshold:
    """The threshold of the rule for these decision values."""
    found = ranked(validation.y, validation.score[None])
    best = int(np.argmax(rule.worth(found)))
    value = float(np.nextafter(found.threshold[0], np.inf)) if best == 0 else float(found.threshold[best - 1])
    return Threshold(rule.name, value, float(_true(found)[best] / found.positives), float(1 - _false(found)[best] / found.negatives))


def _true(of: Ranked) -> NDArray[np.float64]:
    return np.concatenate([[0.0], of.true])


def _false(of: Ranked) -> NDArray[np.float64]:
    return np.concatenate([[0.0], of.false])


def _number(text: str) -> float:
    return float(text) if re.fullmatch(r"\d+(\.\d+)?([eE][+-]?\d+)?", text) else math.nan
