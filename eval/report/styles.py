"""Colours, dashes and markers: a method looks the same in every chart of a report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, final

from .rows import Method

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195", "#8c6d31", "#4d4d4d", "#b3123b")
"""Okabe and Ito's first, which most who see colours differently tell apart; also in print."""
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.5)), (0, (6, 1.5, 1.5, 1.5)), (0, (3, 3)), (0, (1, 3)))
_MARKERS = ("o", "s", "^", "D", "v", "P")


@final
@dataclass(frozen=True)
class Style:
    """How a method is drawn."""

    colour: str
    dash: Any = "-"
    """As matplotlib takes it."""
    marker: str = "o"


def styles(methods: Iterable[Method]) -> dict[Method, Style]:
    """Each method has a colour of its own while there are enough; otherwise colours tell heads, dashes and markers feature sets.

    Prompts of zero-shot count as heads do.
    """
    every = sorted(set(methods), key=lambda m: (not m.zero_shot, m.head, m.features, m.prompts))
    sets = {name: place for place, name in enumerate(dict.fromkeys(sorted(method.features for method in every)))}
    heads = {name: place for place, name in enumerate(dict.fromkeys((method.head, method.prompts) for method in every))}
    few = len(every) <= len(COLOURS)
    found = {}
    for place, method in enumerate(every):
        colour = place if few else heads[method.head, method.prompts]
        of_set = sets[method.features]
        found[method] = Style(COLOURS[colour % len(COLOURS)], _DASHES[of_set % len(_DASHES)], _MARKERS[of_set % len(_MARKERS)])
    return found
