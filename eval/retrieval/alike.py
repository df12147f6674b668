"""Reports that say the same: equal but for case, spaces and punctuation, or with nine of ten runs of three words in common.

The likeness of two texts is the Jaccard index of their sets of three-word shingles (Broder, On the resemblance and containment of
documents, 1997), so that order counts: in a report of thirty words "no nodule" for "nodule" makes another report. Texts are taken in their
order, and each joins the nearest of the first texts of groups that is so like it, or else is the first of a group of its own (leader
clustering; Hartigan 1975). So no group is a chain of texts that are less and less alike.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

LIKE = (9, 10)
"""Likeness from which two texts say the same, as a fraction."""
SHINGLE = 3
"""Words in a run."""
_LARGE = 2**62
_WORD = re.compile(r"\w+")
_ASCII = {code: chr(code).lower() if _WORD.match(chr(code)) else " " for code in range(128)}
"""What `words` does, where all is ASCII."""


def same_texts(texts: Sequence[str]) -> NDArray[np.int64]:
    """(N,) the group of each text, numbered from 0 in the order of their first texts. A text without words is alone."""
    worded, known = _numbered(texts)
    distinct: dict[bytes, int] = {}
    place_of = [distinct.setdefault(of.tobytes(), len(distinct)) if len(of) else -1 for of in worded]
    firsts = {place: at for at, place in reversed(list(enumerate(place_of))) if place >= 0}
    leaders = _leaders([worded[firsts[place]] for place in range(len(distinct))], known).tolist()
    numbers: dict[int, int] = {}
    names = [leaders[place] if place >= 0 else -1 - at for at, place in enumerate(place_of)]
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)


def words(text: str) -> list[str]:
    """Words of a text as they are compared: compatibility forms made one (NFKC), case folded, without punctuation."""
    return _WORD.findall((text if text.isascii() else unicodedata.normalize("NFKC", text)).casefold())


def _numbered(texts: Sequence[str]) -> tuple[list[NDArray[np.int64]], int]:
    """The words of each text as numbers from 1, equal ones alike, and one more than the highest.

    Arrow splits and counts them five times as fast as a loop here would.
    """
    spaced = [text.translate(_ASCII).strip(" ") if text.isascii() else " ".join(words(text)) for text in texts]
    untyped: Any = pyarrow.compute
    lists = untyped.ascii_split_whitespace(pa.array([text for text in spaced if text], pa.large_string()))
    codes = lists.values.dictionary_encode()
    number = codes.indices.to_numpy().astype(np.int64) + 1
    ends = iter(zip(lists.offsets.to_numpy()[:-1].tolist(), lists.offsets.to_numpy()[1:].tolist(), strict=True))
    none = number[:0]
    return [number[slice(*next(ends))] if text else none for text in spaced], 1 + len(codes.dictionary)


def _leaders(texts: Sequence[NDArray[np.int64]], known: int) -> NDArray[np.int64]:
    """(N,): of each of some texts, as the numbers of their words (from 1, below `known`), the place of its group's first one."""
    if not texts:
        return np.empty(0, np.int64)
    from .alike_walk import walk_leaders

    shingle, starts = _shingles(texts, known)
    found = np.empty(len(texts), np.int64)
    walk_leaders(shingle, starts, LIKE[0], LIKE[1], found)
    return found


def _shingles(texts: Sequence[NDArray[np.int64]], known: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(S,) and (N + 1,): each text's shingles, each once, from the rarest to the commonest, and where each text's begin.

    A shingle's number is its place by rarity among all. Of fewer words than a run has, all of them are one.
    """
    lengths = np.array([max(SHINGLE, len(of)) for of in texts])
    ids = np.concatenate([np.pad(of, (0, SHINGLE - len(of))) if len(of) < SHINGLE else of for of in texts])
    first = np.concatenate([[0], np.cumsum(lengths)])
    runs = lengths - SHINGLE + 1
    at = np.arange(runs.sum()) + np.repeat(first[:-1] - np.concatenate([[0], np.cumsum(runs)[:-1]]), runs)
    key = ids[at]
    for step in range(1, SHINGLE):
        if known**SHINGLE >= _LARGE:  # numbered anew each time, so that no number grows out of its type
            key = np.unique(key, return_inverse=True)[1]
        key = key * known + ids[at + step]
    key = np.unique(key, return_inverse=True)[1]
    owner = np.repeat(np.arange(len(texts)), runs)
    by_rarity = np.argsort(np.bincount(key), kind="stable")
    place = np.empty(len(by_rarity), np.int64)
    place[by_rarity] = np.arange(len(by_rarity))
    once = np.sort(owner * len(by_rarity) + place[key])  # np.unique, by hashes, takes three times as long
    once = once[np.concatenate([[True], once[1:] != once[:-1]])]
    owner, shingle = np.divmod(once, len(by_rarity))
    return shingle, np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(texts)))])
