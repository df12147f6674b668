"""Which of the texts before it a text is like, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...heads.compiled import compiled

Ints = NDArray[np.int64]


@compiled
def walk_leaders(shingle: Ints, starts: Ints, above: int, below: int, leader: Ints) -> None:
    """Give each text the nearest of the earlier leaders whose Jaccard index with it is `above` / `below` or more, or itself.

    Two sets that are so like share one of the rarest shingles of either (prefix filter; Chaudhuri, Ganti and Kaushik, ICDE 2006): only
    leaders that do are looked at, and those only until too many shingles are missing, which the rarest show first.

    Args:
        shingle: (S,) shingles of texts, of each text rising; a lower number is a rarer one.
        starts: (N + 1,) where each text's begin; no text is without.
        above: the numerator of the least likeness.
        below: its denominator.
        leader: (N,) to write to; of leaders that are equally near the earliest.
    """
    texts = len(starts) - 1
    newest = np.full(shingle.max() + 1, -1)  # by shingle: the last leader's entry that has it among its rarest
    older, owner, entries = np.empty(len(shingle), np.int64), np.empty(len(shingle), np.int64), 0
    looked = np.full(texts, -1)
    for text in range(texts):
        begin, end = int(starts[text]), int(starts[text + 1])
        size = end - begin
        rarest = begin + size - (above * size + below - 1) // below + 1
        nearest, best, of = text, 0, 1
        for at in range(begin, rarest):
            entry = newest[shingle[at]]
            while entry >= 0:
                other = int(owner[entry])
                entry = older[entry]
                if looked[other] == text:
                    continue
                looked[other] = text
                other_begin, other_end = int(starts[other]), int(starts[other + 1])
                its = other_end - other_begin
                wanted = (above * (size + its) + above + below - 1) // (above + below)
                shared = _shared(shingle, begin, end, other_begin, other_end, wanted)
                if shared < wanted:
                    continue
                union = size + its - shared
                if shared * of > best * union or (shared * of == best * union and other < nearest):
                    nearest, best, of = other, shared, union
        leader[text] = nearest
        if nearest == text:
            for at in range(begin, rarest):
                older[entries], owner[entries] = newest[shingle[at]], text
                newest[shingle[at]] = entries
                entries += 1


@compiled
def _shared(shingle: Ints, one: int, end: int, other: int, stop: int, wanted: int) -> int:
    """How many two rising runs share; some number below `wanted` as soon as that cannot be reached."""
    spare, its_spare, shared = end - one - wanted, stop - other - wanted, 0
    while one < end and other < stop and spare >= 0 and its_spare >= 0:
        if shingle[one] == shingle[other]:
            shared, one, other = shared + 1, one + 1, other + 1
        elif shingle[one] < shingle[other]:
            one, spare = one + 1, spare - 1
        else:
            other, its_spare = other + 1, its_spare - 1
    return shared
