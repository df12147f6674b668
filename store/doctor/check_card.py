"""`bank.json`: without it nothing opens. It carries a digest of itself, which also proves what a damaged byte was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..card import CARD, FORMAT, card_digest, read_card
from ..errors import ScanbankError
from ..places import Place
from .case import Case
from .cures import PutBack
from .findings import Finding

_LONGEST = 4096
"""Of a file in which a byte is searched for."""
_DIGEST = "sha256"


def check_card(case: Case) -> Iterator[Finding]:
    """The bank's card can be read and is what was written."""
    try:
        card = read_card(case.place)
    except ScanbankError as error:
        card = _newer(case.place)
        if card:
            yield Finding("error", CARD, f"is of bank format {card}; this scanbank reads up to format {FORMAT}", "upgrade scanbank")
            return
        data = _bytes(case.place)
        mended = mend_byte(data) if data else None
        if mended:
            cure = PutBack(CARD, mended, "one byte had changed, and the digest in it proves which")
            yield Finding("error", CARD, "is damaged: one byte of it has changed", "run with --repair, which finds the byte", cure)
        else:
            what = "is missing" if data is None else "is damaged" if not isinstance(error, PermissionError) else "cannot be read"
            yield Finding("error", CARD, what, "restore it from a copy of the bank: it names the bank and its key, which nothing else does")
        return
    if card["format"] < FORMAT:
        problem = f"is of format {card['format']}, in which the vectors' own files have no digests"
        yield Finding("note", CARD, problem, "the next command that writes brings it to the newest format")


def mend_byte(data: bytes) -> bytes | None:
    """The card that differs in one byte and fits its digest; None where there is none. At most 256 tries for each byte."""
    if len(data) > _LONGEST:
        return None
    if (card := _parsed(data)) is not None and isinstance(card.get(_DIGEST), str) and _differ(card[_DIGEST], card_digest(card)) == 1:
        return data.replace(card[_DIGEST].encode(), card_digest(card).encode())
    for at in range(len(data)):
        for value in range(256):
            tried = data[:at] + bytes([value]) + data[at + 1 :]
            card = _parsed(tried)
            if card is not None and card.get(_DIGEST) == card_digest(card):
                return tried
    return None


def _differ(one: str, other: str) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True)) if len(one) == len(other) else len(other)


def _parsed(data: bytes) -> dict[str, Any] | None:
    try:
        card = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return card if isinstance(card, dict) else None


def _bytes(place: Place) -> bytes | None:
    try:
        return place.read(CARD)
    except OSError:
        return None


def _newer(place: Place) -> int:
    """The format of a sound card that is newer than this code, else 0."""
    card = _parsed(_bytes(place) or b"")
    version = card.get("format") if card else None
    sound = card is not None and card.get(_DIGEST) == card_digest(card)
    return version if sound and isinstance(version, int) and version > FORMAT else 0
