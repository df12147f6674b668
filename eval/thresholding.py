"""Thresholds by rule, fitted on the validation side: Youden's J, a fixed sensitivity or specificity, or the least cost."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np

from ..store.errors import UnknownNameError, UsageError
from .portions import portions
from .ranked import Counts, Floats, Ranked, ranked
from .validation import Validation, Validations

YOUDEN = "youden"


Worth = Callable[[Counts, Counts, float, float], Floats]
"""From positives and negatives that are called, element by element, and how many there are of each in all: the larger, the better."""


@final
@dataclass(frozen=True)
class Rule:
    """How a threshold is chosen."""

    name: str
    """As it was asked for, such as `sensitivity=0.95`."""
    worth: Worth
    """Of calling all items from a score up; the first of the largest is taken, from the highest score down."""
    nothing: bool = True
    """Whether it may be best to call nothing."""


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

    - `youden`: the greatest sensitivity + specificity - 1 (Youden, Cancer 1950), at one of the scores.
    - `sensitivity=S`: the highest threshold whose sensitivity is S or more.
    - `specificity=S`: the lowest threshold whose specificity is S or more.
    - `cost=MISS:ALARM`: the least cost over the validation side, with its share of positives.

    Of thresholds equally good, the highest.

    Raises:
        UnknownNameError: there is no such rule.
        UsageError: its numbers are missing or out of range.
    """
    name, _, given = text.partition("=")
    if name == YOUDEN and not given:
        return Rule(text, lambda true, false, positives, negatives: true * negatives - false * positives, nothing=False)
    if name in ("sensitivity", "specificity"):
        level = _number(given)
        if not 0 < level <= 1:
            raise UsageError(f"threshold rule {text!r} needs a share above 0 and up to 1, such as {name}=0.95")
        if name == "sensitivity":
            return Rule(text, lambda true, _, positives, __: np.where(true / positives >= level, 1.0, 0.0))
        return Rule(text, lambda true, false, _, negatives: np.where(1 - false / negatives >= level, true + false, -1.0))
    if name == "cost":
        miss, alarm = costs if len(costs := [_number(part) for part in given.split(":")]) == 2 else (math.nan, math.nan)
        if not (0 < miss < math.inf and 0 < alarm < math.inf):
            raise UsageError(f"threshold rule {text!r} needs the costs of a missed and of a falsely called item, such as cost=5:1")
        return Rule(text, lambda true, false, positives, _: -(miss * (positives - true) + alarm * false))
    raise UnknownNameError("threshold rule", name, (YOUDEN, "sensitivity", "specificity", "cost"))


def fit_threshold(rule: Rule, validation: Validation) -> Threshold:
    """The threshold of the rule for these decision values."""
    value = float(fit_thresholds(rule, validation.alone)[0])
    called, y = validation.score >= value, validation.y
    return Threshold(rule.name, value, float(called[y == 1].mean()), float((~called[y == 0]).mean()))


def fit_thresholds(rule: Rule, side: Validations) -> Floats:
    """(F,): the threshold of the rule for each fit, with one sort each. A fit's does not depend on those beside it."""
    fits, y = len(side.scores), side.y
    return np.concatenate([np.empty(0), *(_best(rule, ranked(y, side.scores[rows])) for rows in portions(fits, len(y)))])


def _best(rule: Rule, of: Ranked) -> Floats:
    """(F,) of F scorings."""
    worth = rule.worth(of.true, of.false, of.positives, of.negatives)
    most = np.maximum.reduceat(worth, of.first)
    best = np.repeat(most, np.diff(of.first, append=len(worth)))
    place = np.minimum.reduceat(np.where(worth == best, np.arange(len(worth)), len(worth)), of.first)
    none = np.zeros(1)
    idle = float(rule.worth(none, none, of.positives, of.negatives)[0]) if rule.nothing else -math.inf
    return np.where(most > idle, of.threshold[place], np.nextafter(of.threshold[of.first], np.inf))


def _number(text: str) -> float:
    return float(text) if re.fullmatch(r"\d+(\.\d+)?([eE][+-]?\d+)?", text) else math.nan
