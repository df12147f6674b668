"""References in a text: a small grammar over tokens, tried at each word for a series or an image and at each bracket."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..sentences import sentences
from . import words
from .brackets import bracketed, is_sure
from .elsewhere import is_elsewhere
from .numbers import YEARS, Images, at, images, is_mark, named
from .tokens import Token, tokens_of

_HINT = re.compile(
    r"(?<![^\W\d_])[sibme][^\W\d_]{0,15}[^\w\n]{0,4}(?:n(?:[or]s?|rn|um[^\W\d_]{0,6})[^\w\n]{1,3})?\d"
    r"|[(\[][^()\[\]\d]{0,24}\d{1,5}[/:]\d|\d(?:st|nd|rd|th) [is]",
    re.IGNORECASE,
)
"""Without it there is no reference: a word that may be for a series or an image, also with its first letters swapped, and a number."""
_BETWEEN = (",", "/", ";", ":", "(", ")", "-", "–", ".", "|", "[", "]")
_APART = (")", "]", ";", ".")
_SMALL = 10
_MOST_SERIES = 99_999


@dataclass(frozen=True, slots=True)
class Reference:
    """What a text says of where to look. Offsets are of characters in the text."""

    start: int
    stop: int
    series: int | None
    """Its number; None where the text names none."""
    first: int
    """Image number; `last` is the same where it is one image."""
    last: int
    other_exam: bool = False
    """The text says that it is of another examination."""


@dataclass(frozen=True, slots=True)
class Found:
    """References that stand together, from token `first` to before token `stop`."""

    series: int | None
    images: tuple[Images, ...]
    first: int
    stop: int


def find_references(text: str, spans: Sequence[tuple[int, int]] | None = None) -> list[Reference]:
    """All references in a text, in order. Takes time linear in the text.

    Args:
        text: a report or a section of one.
        spans: its sentences, where they are known already: no reference runs over the end of one.
    """
    if not _HINT.search(text):
        return []
    parts = [tokens_of(text, a, b) for a, b in (sentences(text) if spans is None else spans) if _HINT.search(text, a, b)]
    found = [(tokens, list(_worded(tokens))) for tokens in parts]
    known = {one.series for _, several in found for one in several if one.series is not None}
    candidates = [bracketed(tokens) for tokens in parts]
    known |= {one.series for several in candidates for one in several if is_sure(one)}
    references: list[Reference] = []
    for (tokens, worded), bare in zip(found, candidates, strict=True):
        taken = {i for one in worded for i in range(one.first, one.stop)}
        good = [one for one in bare if one.first not in taken and (is_sure(one) or one.fits(known))]
        plain = [Found(one.series, one.images, one.first, one.stop) for one in good]
        together = sorted([*worded, *plain], key=lambda one: one.first)
        references += _told(tokens, together)
    return references


def _told(tokens: Sequence[Token], together: Sequence[Found]) -> Iterator[Reference]:
    spans = [(one.first, one.stop) for one in together]
    for place, one in enumerate(together):
        elsewhere = is_elsewhere(tokens, spans, place)
        for at_, image in enumerate(one.images):
            single = len(one.images) == 1
            start = tokens[one.first].start if single or (at_ == 0 and tokens[one.first].start < image.start) else image.start
            stop = tokens[one.stop - 1].stop if single else image.stop
            yield Reference(start, max(stop, image.stop), one.series, image.first, image.last, elsewhere)


def _worded(tokens: Sequence[Token]) -> Iterator[Found]:
    """Those that begin with a word."""
    i = 0
    while i < len(tokens):
        kind = tokens[i].kind
        one = _series_first(tokens, i) if kind == "series" else _image_first(tokens, i) if kind == "image" else None
        if one is None:
            i += 1
            continue
        yield one
        i = one.stop


def _series_first(tokens: Sequence[Token], i: int) -> Found | None:
    """Of "series 2, image 45", "Se 3 Im 45", "se/im 3/45", "series 3/45" and the like."""
    head = tokens[i]
    both = _both(tokens, i, "image")
    if both:
        return _slashed(tokens, i, named(tokens, both), swapped=False)
    number = named(tokens, i + 1)
    series = at(tokens, number)
    if series is None or not _is_series(series):
        return None
    word = _beside(tokens, number + 1, "image")
    if word is None:
        return None if head.paired else _slashed(tokens, i, number, swapped=False)
    image = tokens[word]
    if head.text in words.SERIES_LETTERS and image.paired and image.text not in words.IMAGE_LETTERS | {"im", "sb"}:
        return None
    if image.text in words.IMAGE_LETTERS and not (head.text in words.SERIES_LETTERS or len(head.text) <= 3):
        return None
    found, stop = images(tokens, named(tokens, word + 1), plural=image.text in words.PLURAL)
    return Found(series.value, tuple(found), i, stop) if found else None


def _image_first(tokens: Sequence[Token], i: int) -> Found | None:
    """Of "image 18 in series 2", "images 12, 15 and 18 of series 3", "IMA: 42", "Bild 45 der Serie 2", "image 3/45" and the like."""
    head = tokens[i]
    both = _both(tokens, i, "series")
    if both:
        return _slashed(tokens, i, named(tokens, both), swapped=True)
    number = named(tokens, i + 1)
    if is_mark(at(tokens, number + 1), "/") and (slashed := _slashed_images(tokens, i, number)):
        return slashed
    found, stop = images(tokens, number, plural=head.text in words.PLURAL)
    if not found:
        return None
    behind = _beside(tokens, stop, "series")
    if behind is not None and not (head.text in words.IMAGE_LETTERS and tokens[behind].text not in words.SERIES_LETTERS):
        number_at = named(tokens, behind + 1)
        series = at(tokens, number_at)
        if series is not None and _is_series(series) and not _opens(tokens, stop, behind, number_at + 1):
            return Found(series.value, tuple(found), i, number_at + 1)
    return Found(None, tuple(found), i, stop) if _alone(tokens, i, number, found) else None


def _is_series(token: Token) -> bool:
    return token.kind == "number" and token.value <= _MOST_SERIES


def _both(tokens: Sequence[Token], i: int, other: str) -> int:
    """Of "se/im" the token behind; 0 where it is none."""
    slash = i + 2 if is_mark(at(tokens, i + 1), (".",)) else i + 1  # "Se./Im."
    second = at(tokens, slash + 1)
    return slash + 2 if is_mark(at(tokens, slash), ("/", "-")) and second is not None and second.kind == other else 0


def _slashed(tokens: Sequence[Token], i: int, number: int, *, swapped: bool) -> Found | None:
    """A series and images as "3/45" or "3:45", the word for them at token `i`, the first number at `number`."""
    first, mark, second = at(tokens, number), at(tokens, number + 1), at(tokens, number + 2)
    if first is None or second is None or first.kind != "number" or second.kind != "number" or not is_mark(mark, ("/", ":")):
        return None
    if second.start - first.stop > 1 and is_mark(mark, ":"):
        return None
    if swapped:
        one = Images(first.value, first.value, first.start, first.stop)
        return Found(second.value, (one,), i, number + 3)
    found, stop = images(tokens, number + 2, plural=True)
    if not found or is_mark(at(tokens, stop), "/"):
        return None
    return Found(first.value, tuple(found), i, stop)


def _slashed_images(tokens: Sequence[Token], i: int, number: int) -> Found | None:
    """Of two numbers: "image 3/45" names a series; "images 40/41" two images; "image 45/120" is one of 120."""
    first, second = at(tokens, number), at(tokens, number + 2)
    if first is None or first.kind != "number" or second is None or second.kind != "number" or is_mark(at(tokens, number + 3), "/"):
        return None
    a, b = first.value, second.value
    if tokens[i].paired and tokens[i].text in words.IMAGE_LETTERS:
        return None
    if b == a + 1 or (tokens[i].text in words.PLURAL and b > a > 20 and a < 100):
        return Found(None, (Images(a, a, first.start, first.stop), Images(b, b, second.start, second.stop)), i, number + 3)
    if a < b and (a <= 20 or a >= 100):
        return _slashed(tokens, i, number, swapped=False)
    return Found(None, (Images(a, a, first.start, first.stop),), i, number + 3)


def _beside(tokens: Sequence[Token], i: int, kind: str) -> int | None:
    """The next word for a series or an image from token `i` on, over marks and small words, if it is right beside."""
    for j in range(i, min(i + 6, len(tokens))):
        token = tokens[j]
        if token.kind == kind:
            follows = at(tokens, named(tokens, j + 1))
            if follows is not None and follows.kind in ("number", "decimal", "measure"):
                return j
            if token.text == "im":  # also a small German word
                continue
            return None
        if kind == "series" and (token.kind == "and" or is_mark(token, _APART)):  # that series is of other images
            return None
        if not (is_mark(token, _BETWEEN) or token.kind in ("of", "and") or token.text == "im"):
            return None
    return None


def _opens(tokens: Sequence[Token], stop: int, series: int, behind: int) -> bool:
    """Whether a series behind images belongs to images that follow it instead: "image 12, series 3 image 14"."""
    if any(token.kind == "of" or token.text in ("(", "[", "im") for token in tokens[stop:series]):
        return False
    token = at(tokens, behind)
    return token is not None and token.kind == "image" and at(tokens, named(tokens, behind + 1)) is not None


def _alone(tokens: Sequence[Token], i: int, number: int, found: Sequence[Images]) -> bool:
    """Whether images without a series are surely images."""
    head, before = tokens[i], at(tokens, i - 1)
    if head.paired:
        after = at(tokens, number + 1)
        closed = is_mark(before, ("(", "[")) and (after is None or is_mark(after, (")", "]", ",", "-", "–", ";", "/")))
        return closed and head.text in ("im", "ims", "sl", "sec", "sect", "sb", "frame", "frames", "cut", "cuts")
    if head.text in words.VAGUE and found[0].last < _SMALL and number == i + 1 and not is_mark(before, ("(", "[")):
        return False
    return not (found[0].first in YEARS and number == i + 1)
