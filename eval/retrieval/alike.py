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

import numpy as np
from numpy.typing import NDArray

LIKE = (9, 10)
"""Likeness from which two texts say the same, as a fraction."""
SHINGLE = 3
"""Words in a run."""
_WORD = re.compile(r"\w+")


def same_texts(texts: Sequence[str]) -> NDArray[np.int64]:
    """(N,) the group of each text, numbered from 0 in the order of their first texts. A text without words is alone."""
    worded = [words(text) for text in texts]
    distinct = {of: place for place, of in enumerate(dict.fromkeys(of for of in worded if of))}
    leaders = _leaders(list(distinct)).tolist()
    numbers: dict[int, int] = {}
    group = np.empty(len(texts), np.int64)
    for place, of in enumerate(worded):
        name = leaders[distinct[of]] if of else -1 - place
        group[place] = numbers.setdefault(name, len(numbers))
    return group


def words(text: str) -> tuple[str, ...]:
    """Words of a text as they are compared: compatibility forms made one (NFKC), case folded, without punctuation."""
    return tuple(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def _leaders(texts: Sequence[tuple[str, ...]]) -> NDArray[np.int64]:
    """(N,): of each of some texts with words, the place of its group's first one."""
    if not texts:
        return np.empty(0, np.int64)
    from .alike_walk import walk_leaders

    shingle, starts = _shingles(texts)
    found = np.empty(len(texts), np.int64)
    walk_leaders(shingle, starts, LIKE[0], LIKE[1], found)
    return found


def _shingles(texts: Sequence[tuple[str, ...]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(S,) and (N + 1,): each text's shingles, each once, from the rarest to the commonest, and where each text's begin.

    A shingle's number is its place by rarity among all. Of fewer words than a run has, all of them are one.
    """
    number: dict[str, int] = {}
    lengths = np.array([max(SHINGLE, len(of)) for of in texts])
    ids = np.array([number.setdefault(one, 1 + len(number)) if one else 0 for of in texts for one in _padded(of)], dtype=np.int64)
    first = np.concatenate([[0], np.cumsum(lengths)])
    runs = lengths - SHINGLE + 1
    at = np.arange(runs.sum()) + np.repeat(first[:-1] - np.concatenate([[0], np.cumsum(runs)[:-1]]), runs)
    key = ids[at]
    for step in range(1, SHINGLE):  # numbered anew each time, so that no number grows out of its type
        key = np.unique(key, return_inverse=True)[1] * (len(number) + 1) + ids[at + step]
    key = np.unique(key, return_inverse=True)[1]
    owner = np.repeat(np.arange(len(texts)), runs)
    once = np.unique(owner * (key.max() + 1) + key)
    owner, key = np.divmod(once, key.max() + 1)
    by_rarity = np.argsort(np.bincount(key), kind="stable")
    place = np.empty(len(by_rarity), np.int64)
    place[by_rarity] = np.arange(len(by_rarity))
    shingle = place[key]
    order = np.lexsort((shingle, owner))
    return shingle[order], np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(texts)))])


def _padded(of: tuple[str, ...]) -> tuple[str, ...]:
    return of + ("",) * (SHINGLE - len(of))
