"""Whether a reference is of another examination than the one reported: "on the prior CT of 2019, series 2 image 40"."""

from __future__ import annotations

from collections.abc import Sequence

from . import words
from .numbers import YEARS, at, is_mark
from .tokens import Token

_FAR = 30
"""Tokens looked at before a reference."""
_BEFORE_CUE = 6
_LEAD, _SENTENCE = 5, 40
"""Tokens of a sentence's beginning, and of a sentence that it may speak for."""
_FILLING = ("of", "no", "number", "measure", "decimal", "series", "image")
_PLAIN = (",", ":", "(", ")", "[", "]", "-", "–", ".", "/", "'", "’")


def is_elsewhere(tokens: Sequence[Token], spans: Sequence[tuple[int, int]], place: int) -> bool:
    """`spans`: the tokens (first, stop) of all references of the sentence, in order; `place`: which of them is asked about."""
    first, stop = spans[place]
    return _behind(tokens, stop) or _before(tokens, spans, place, first, stop)


def _behind(tokens: Sequence[Token], stop: int) -> bool:
    """Of what follows: "... of the prior", "(series 2, image 40, previous)", "... der Voraufnahme"."""
    joined = closed = listed = False
    for i in range(stop, min(stop + 7, len(tokens))):
        token = tokens[i]
        if _is_prior(token) and token.text not in words.TWO_SIDED:
            return joined or (listed and _closes(tokens, i + 1))
        if is_mark(token, (")", "]")):
            if closed:
                return False
            closed, joined = True, False
        elif token.kind == "of" or token.text == "im":
            joined = joined or not (closed and token.text == "from")
        elif is_mark(token, (",", ";")) and not closed:
            listed = True
        elif joined and _is_date(tokens, i):
            return True
        elif not (joined and token.text in words.EXAM):
            return False
    return False


def _closes(tokens: Sequence[Token], i: int) -> bool:
    """Whether the bracket closes here, at most after the name of an examination."""
    while (token := at(tokens, i)) is not None and token.text in words.EXAM:
        i += 1
    return is_mark(token, (")", "]"))


def _before(tokens: Sequence[Token], spans: Sequence[tuple[int, int]], place: int, first: int, stop: int) -> bool:
    i, known = first - 1, place - 1
    bracket = -1
    while i >= max(0, first - _FAR):
        if known >= 0 and spans[known][1] > i >= spans[known][0]:  # another reference between
            i, known = spans[known][0] - 1, known - 1
            continue
        token = tokens[i]
        if token.text in words.CURRENT:
            return False
        if _is_prior(token):
            return _counts(tokens, i, bracket, stop)
        if is_mark(token, ("(", "[")) and bracket < 0 and not _is_tag(tokens, i):
            bracket = i
        if _is_date(tokens, i) and _dated_exam(tokens, i):
            return _counts(tokens, i, bracket, stop)
        filler = token.text in words.FILLER or token.text in words.EXAM or token.kind in _FILLING
        if not (filler or is_mark(token, _PLAIN) or _is_tag(tokens, i)):
            return _leads(tokens, first)
        i -= 1
    return False


def _leads(tokens: Sequence[Token], first: int) -> bool:
    """Whether the sentence begins "On the prior CT, ..." and speaks of nothing current until the reference."""
    lead = tokens[: min(_LEAD, first)]
    if not lead or not (lead[0].kind == "of" or lead[0].text == "im") or not any(_is_prior(token) for token in lead):
        return False
    between = tokens[:first] if first <= _SENTENCE else ()
    return bool(between) and not any(token.text in words.CURRENT or token.text in words.COMPARED for token in between)


def _counts(tokens: Sequence[Token], cue: int, bracket: int, stop: int) -> bool:
    """Whether the cue is of the reference: not where this examination is only compared with the prior one."""
    if 0 <= bracket < cue:
        return True
    compared = [token for token in tokens[max(0, cue - _BEFORE_CUE) : cue + 1] if token.text in words.COMPARED]
    if not compared:
        return True
    if not any(token.text in words.TWO_SIDED for token in compared) or bracket < 0:
        return False
    return any(not is_mark(token, (")", "]", ".")) for token in tokens[stop : stop + _BEFORE_CUE])


def _is_prior(token: Token) -> bool:
    return token.text in words.PRIOR


def _is_date(tokens: Sequence[Token], i: int) -> bool:
    """A year, "12.03.2019", or the tag that scrubbing leaves."""
    token = tokens[i]
    if token.text == "date" and is_mark(at(tokens, i - 1), "["):
        return True
    if token.kind == "number":
        return token.value in YEARS
    return token.kind == "decimal" and token.text.count(".") == 2


def _is_tag(tokens: Sequence[Token], i: int) -> bool:
    near = (tokens[i].text, *(token.text for token in tokens[max(0, i - 1) : i + 2]))
    return "date" in near


def _dated_exam(tokens: Sequence[Token], i: int) -> bool:
    """Whether an examination is told by its date: "CT of 2019"."""
    before = [token.text for token in tokens[max(0, i - 5) : i]]
    return any(text in words.EXAM for text in before)
