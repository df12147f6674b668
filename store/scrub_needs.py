"""What a rule cannot do without, looked for before the rule itself.

Most rules begin with what may not stand before a match, so that `re` tries them at each character of a text, and most texts have nothing
for most of them. To find that there is no @ in a text takes a hundredth of the time. A need may be met where nothing matches; it is met
wherever something does (tests make matches of each rule and look).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import final

_BEFORE = 40
"""Characters before a number among which the label stands that announces it: more than any rule has between the two."""
_NUMBER = re.compile(r"\d+")


def folded(text: str) -> str:
    """Texts that are equal for `re.IGNORECASE` are equal so, and parts of them too."""
    if not text.isascii():
        text = text.replace("ı", "i").replace("İ", "i")  # which for `casefold` are no i
    return text.casefold()


@final
class Sight:
    """A text, and what is looked at in it; each is made when it is asked for first."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def folded(self) -> str:
        return folded(self.text)

    @cached_property
    def near(self) -> str:
        """Of the folded text what stands before numbers, each with its first digit; what is left out is a line's end."""
        text, kept, end = self.folded, list[str](), 0
        for match in _NUMBER.finditer(text):
            start = match.start() - _BEFORE
            if start > end:
                kept.append("\n")
            kept.append(text[max(start, end) : match.start() + 1])
            end = match.start() + 1
        return "".join(kept)


Need = Callable[[Sight], bool]


def has(*parts: str) -> Need:
    """One of these, as it is written."""
    return lambda sight: _any(parts, sight.text)


def said(*parts: str) -> Need:
    """One of these, which are folded, in any case."""
    return lambda sight: _any(parts, sight.folded)


def near(*parts: str) -> Need:
    """One of these, which are folded, in any case, shortly before a number."""
    return lambda sight: _any(parts, sight.near)


def shows(pattern: str) -> Need:
    """A place that fits a pattern. Such as begin with a character that is rare are quick to look for."""
    search = re.compile(pattern.replace("[ ]", "[ \t\u00a0]")).search
    return lambda sight: search(sight.text) is not None


def says(pattern: str) -> Need:
    """As `shows`, in the folded text."""
    search = re.compile(pattern.replace("[ ]", "[ \t\u00a0]")).search
    return lambda sight: search(sight.folded) is not None


def says_near(pattern: str) -> Need:
    """As `says`, shortly before a number."""
    search = re.compile(pattern.replace("[ ]", "[ \t\u00a0]")).search
    return lambda sight: search(sight.near) is not None


def both(first: Need, then: Need) -> Need:
    """The quicker one first."""
    return lambda sight: first(sight) and then(sight)


def _any(parts: tuple[str, ...], text: str) -> bool:
    for part in parts:  # noqa: SIM110 - `any` would make a generator, which takes longer than the search
        if part in text:
            return True
    return False
