"""Sentences of a report in English or German, as character offsets. Rules, since models for it must be downloaded.

Reports are not prose: lists, headings without a verb, lines without a full stop, no blank after one ("apex.There").
Every rule looks at a bounded number of characters beside a place where a sentence may end, so that time is linear in the text.
"""

from __future__ import annotations

import re

from .sentence_words import BEFORE_NUMBER, BEFORE_SMALL, GERMAN_AFTER, GERMAN_BEFORE, JOINING, NEVER, SERIES, SPELLED

_PLACE = re.compile(r"""[.!?…]+(?:["'”’»)\]]{1,3}(?=\s|\Z))?\s*|\n\s*|•|(?<!\S)·""")
_LIST = re.compile(r"(?:[-*•–—·▪◦‣>]+(?=\s)|[-*•▪◦‣](?=[A-ZÄÖÜ])|\(?(?:\d{1,2}|[a-zA-Z])\)|\d{1,2}\.(?!\d))")
_MARKER = re.compile(r"[\s(\"]*(?:[-*•–—·▪◦‣>]+\s*)?(?:\d{1,2}|[A-Za-z]|I{2,3}|IV|VI{1,3}|IX)\.\s*")
_TOKEN = re.compile(r"[^\s(\[/,;:\"“]*$")
_FIRST = re.compile(r"[(\[\"“„»'*]*")
_WRAPPED = range(50, 161)
"""Widths at which a text may have been wrapped by a machine, in characters."""
_SAYS = re.compile(r"[^\W_]")
_TAIL = 5
_TAILS = frozenset(word[-_TAIL:] for word in NEVER)
_BACK = 24
"""Characters looked at before a place; the longest abbreviation has fewer."""


def sentences(text: str) -> list[tuple[int, int]]:
    """(start, end) of each sentence of a text, in order: offsets of characters, blanks around left out.

    Sentences never overlap, and every letter and digit is in one. An item of a list is a sentence with its marker ("2. Scar."),
    a heading on its own line is one, and one before its text on the same line ("Lungs: clear.") is part of it. Takes time linear in
    the text.
    """
    width = max(map(len, text.split("\n")), default=0)
    wrap = width if width in _WRAPPED else None
    found: list[tuple[int, int]] = []
    start = 0
    for match in _PLACE.finditer(text):
        if match[0] in "•·":
            found.append((start, match.start()))
            start = match.start()
        elif match[0][0] == "\n":
            if _line_ends(text, match, wrap):
                found.append((start, match.start()))
                start = match.end()
        elif _ends(text, start, match):
            end = match.start() + len(match[0].rstrip())
            found.append((start, end))
            start = match.end()
    found.append((start, len(text)))
    return [span for span in (_trimmed(text, *span) for span in found) if span[0] < span[1]]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Without blanks around it and quotes that stand alone before it; empty where nothing but marks is left."""
    part = text[start:end]
    if not _SAYS.search(part):
        return end, end
    start += len(part) - len(part.lstrip())
    while text[start] in "\"'”“" and text[start + 1 : start + 2].isspace():
        start += 1
        start += len(text[start:end]) - len(text[start:end].lstrip())
    return start, start + len(text[start:end].rstrip())


def _ends(text: str, start: int, match: re.Match[str]) -> bool:
    """Whether a sentence ends with this full stop, question mark or the like."""
    end = match.end()
    if end == len(text):
        return True
    stop = match.start()
    word = text[max(start, stop - _TAIL) : stop]
    if match[0] == ". " and len(word) == _TAIL and word.isalpha() and text[end].isupper() and word.lower() not in _TAILS:
        return True  # nearly all are so
    blank = match[0][-1].isspace()
    alone = match[0].rstrip() == "."
    if alone and stop - start < 12 and _MARKER.fullmatch(text, start, end):  # "2." and then the item itself
        return False
    if "\n" in match[0] and (match[0].count("\n") > 1 or _LIST.match(text, end)):
        return True
    after = _FIRST.match(text, end)
    following = text[after.end() if after else end : end + _BACK]
    if not following:
        return True
    if alone or (match[0][0] == "." and match[0].strip(".").isspace()):
        token = _TOKEN.search(text, max(start, stop - _BACK), stop)
        before = token[0].lower() if token else ""
        if not blank:
            return _ends_unspaced(text, stop, before, following)
        if _within(text, start, stop, before, following):
            return False
    elif not blank:
        return following[0].isupper() and stop > start and text[stop - 1].isalpha()
    if following[0].islower():
        # A small letter after "...", or after what was closed: "(cyst?) in the liver".
        return match[0].rstrip() in (".", "!") or (match[0][0] == "." and ".." not in match[0] and ")" not in match[0])
    return following[0] not in ",;:/)"


def _ends_unspaced(text: str, stop: int, before: str, following: str) -> bool:
    """Whether a sentence ends where no blank follows: "apex.There" and "seen.3 nodules" are two, "2.3", "z.B." and "Se.3" are not."""
    last = text[stop - 1 : stop]
    if (len(before) < 2 and not last.isdigit()) or before in NEVER or before.rpartition(".")[2] in NEVER | BEFORE_NUMBER:
        return False
    if following[0].isupper():
        return (last.isdigit() and following[1:2].islower()) or ((last.islower() or last in ")]" or len(before) > 3) and "." not in before)
    return following[0].isdigit() and last.islower() and len(before) > 3 and before not in BEFORE_SMALL


def _within(text: str, start: int, stop: int, before: str, following: str) -> bool:
    """Whether a full stop with a blank after it belongs to an abbreviation or an ordinal, and its sentence goes on."""
    bare = before.rpartition(".")[2]
    if before in NEVER or (bare != before and before.replace(" ", "") in NEVER):
        return True
    first = following[0]
    if bare in BEFORE_NUMBER and first.isdigit():
        return True
    if first.islower() and (bare in BEFORE_SMALL or len(bare) == 1):
        return True
    if len(bare) == 1 and bare.isalpha():
        if first.isdigit() and text[max(start, stop - 4) : stop - 1].rstrip()[-1:] in tuple(",;/("):  # "(S. 2, B. 45)"
            return True
        spelled = "".join(text[max(0, stop - 5) : stop].split()).lower()
        return spelled.endswith(SPELLED) or (following[1:2] == "." and first.isalpha())
    if bare.isdigit() and len(bare) < 3:
        words = text[max(start, stop - _BACK) : stop].split()
        ordinal = len(words) > 1 and words[-2].lower() in GERMAN_BEFORE and not first.isdigit()
        return first.islower() or ordinal or bool(GERMAN_AFTER.match(following)) or _goes_on(words, following)
    return False


def _goes_on(words: list[str], following: str) -> bool:
    """Whether "Series 2. Image 45" is one place in a scan."""
    return len(words) > 1 and words[-2].lower().rstrip(".:") in SERIES and following[:2].lower() in ("im", "bi", "sl", "sc")


def _line_ends(text: str, match: re.Match[str], wrap: int | None) -> bool:
    """Whether a sentence ends with this line, which has no full stop.

    A machine that wraps a text breaks a line where the next word does not fit; people break where something ends.
    """
    if match[0].count("\n") > 1 or match.end() == len(text) or _LIST.match(text, match.end()):
        return True
    line = text[max(text.rfind("\n", max(0, match.start() - 400), match.start()) + 1, match.start() - 400) : match.start()].rstrip()
    following = text[match.end()]
    if line.endswith(":"):
        return True
    if following.islower() or following in ",.;:)/" or JOINING.search(line[-_BACK:].lower()):
        return False
    word = re.match(r"\S{1,80}", text[match.end() : match.end() + 80])
    return wrap is None or len(line) + 1 + len(word[0] if word else "") <= wrap
