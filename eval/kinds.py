"""All heads that a study may name: those of `heads`, and those that need an encoder too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..heads import HEADS, MANY, HeadKind, ManyKind
from ..heads.vectors import Floats, sigmoid
from ..store.errors import UnknownNameError
from .coop import COOP, CoOpKind
from .zeroshot_kinds import ZERO_SHOT

KINDS: dict[str, HeadKind | ManyKind[Any] | CoOpKind] = {**HEADS, **MANY, **COOP}
"""What `--heads` may name. Zero-shot is not among them: it needs no support."""


def kind_named(name: str) -> HeadKind | ManyKind[Any] | CoOpKind:
    """The kind of this name, whatever it learns from.

    Raises:
        UnknownNameError: there is none; the message suggests the nearest.
    """
    if name not in KINDS:
        raise UnknownNameError("head", name, KINDS)
    return KINDS[name]


def probabilities_of(head: str) -> Callable[[Floats], Floats]:
    """From decision values of a head that a bank names, those of class 1; NaN where it gives none."""
    kind = ZERO_SHOT.get(head) or KINDS.get(head)
    return kind.probabilities if kind else sigmoid
