"""Words with one typing error: two letters swapped, one too many, one left out, one other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from .words import NO_TYPING_ERROR

_SHORTEST = 4


def misspelled(word: str, known: Sequence[str]) -> Literal["", "moved", "replaced"]:
    """How `word` differs from one of `known`: by a swap, an insertion or an omission (`moved`), or by another letter (`replaced`).

    That is a distance of one in Damerau's sense (Commun. ACM 7(3), 1964). Another letter makes another word more often than the rest do.
    The first letters must agree, or be swapped. Empty where it is none.
    """
    if len(word) < _SHORTEST or word in NO_TYPING_ERROR:
        return ""
    found = {_one_off(word, one) for one in known if abs(len(word) - len(one)) <= 1}
    return "moved" if "moved" in found else "replaced" if "replaced" in found else ""


def _one_off(word: str, known: str) -> str:
    same = next((i for i, (a, b) in enumerate(zip(word, known, strict=False)) if a != b), min(len(word), len(known)))
    rest, expected = word[same:], known[same:]
    if len(word) == len(known):
        if rest[:2] == expected[1::-1] and rest[2:] == expected[2:] and len(rest) > 1:
            return "moved"
        return "replaced" if same and rest[1:] == expected[1:] else ""
    longer, shorter = (rest, expected) if len(word) > len(known) else (expected, rest)
    return "moved" if same and longer[1:] == shorter else ""
