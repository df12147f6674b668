"""Vectors so alike that they are of one image, though two patients are named: copies, resized or compressed again.

What is alike depends on the features: of a thousand vectors of three numbers some lie close by chance, of a thousand numbers none do. So
the bound is not a fixed cosine. Of a sample of units, the distances to the nearest other patients say how far unrelated ones lie, and how
many dimensions the vectors fill (Two-NN: Facco et al., Scientific Reports 7, 12140, 2017, with the median, which copies hardly move). Where
density is even, a unit's nearest neighbour is closer than a share r of the usual with a chance of about r**dimensions; r is set so that
chance makes a pair in a study with a probability of 1%. A pair counts where it is that close by the usual distance, and by the unit's own
distance to the tenth other patient, as where vectors lie densely everything is close.

Seen: images resized or saved as JPEG again are found at cosines down to 0.95, while slices of different patients reach 0.96 in another
collection. What it cannot know: of few units in tight groups of less than ten, those of a group look like copies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import log
from typing import final

import numpy as np
from numpy.typing import NDArray

SIDES = ("train", "val", "test")
"""In the order in which they are learned from: what is on a later side must not be on an earlier one."""
ALPHA = 0.01
"""Chance of one pair or more in a study without copies."""
SAMPLE = 500
"""Units whose neighbours say what is usual."""
NEIGHBOURS = 10
FEWEST_UNITS, FEWEST_PATIENTS = 20, 6
"""Of less, nothing is usual."""
_RESOLUTION = 1e-6
"""Of distances, as a share of the vectors' own length: below it, vectors are equal."""
_QUERIES, _TARGETS, _EXACT = 1024, 8192, 65_536
_TOO_MANY = 4_000_000
_SQUARES = 1 << 21
"""Squared distances held at once, if 64 queries have no more: 16 MB."""


@final
@dataclass(frozen=True)
class NearDuplicates:
    """What was found in one feature set."""

    pairs: NDArray[np.int64]
    """(P, 2): rows of units of val or test, each once, and of the nearest unit of another patient on an earlier side."""
    common: int
    """Units whose vector ten or more other patients have too, such as empty slices: they are not among the pairs."""
    reason: str
    """Why nothing can be told of this set; empty where something can."""


def near_duplicates(X: NDArray[np.floating], patients: NDArray[np.str_], sides: NDArray[np.str_]) -> NearDuplicates:
    """Units of val and test that are near duplicates of one of another patient on an earlier side.

    Args:
        X: (N, D) features, finite.
        patients: (N,).
        sides: (N,), `train`, `val`, `test` or empty.
    """
    rows = np.flatnonzero(np.isin(sides, SIDES))
    cloud = _Cloud(X, rows, np.unique(patients[rows], return_inverse=True)[1])
    if len(rows) < FEWEST_UNITS or cloud.people < FEWEST_PATIENTS:
        return _untold(f"{len(rows)} units of {cloud.people} patients are too few to tell what is usual")
    near = cloud.nearest_patients(_sample(len(rows)))
    if np.median(near[:, 0]) <= cloud.resolution:  # copies hide what is usual: that of vectors of which no two are equal
        alone = np.unique(cloud.Z, axis=0, return_index=True)[1]
        if len(alone) < max(FEWEST_UNITS, len(rows) // NEIGHBOURS):
            return _untold("half of its vectors have an equal one of another patient")
        near = _Cloud(X, rows[alone], np.arange(len(alone))).nearest_patients(_sample(len(alone)))
    usual = float(np.median(near[:, 0]))
    if usual <= cloud.resolution:
        return _untold("half of its vectors have an equal one of another patient")
    ratio = float(np.median(np.log(np.divide(*np.maximum(near[:, [1, 0]], cloud.resolution).T))))
    if ratio <= log(2) / (2 * X.shape[1]):  # more dimensions than it can have: of few different values, many distances are equal
        return _untold("its vectors take few different values")
    power = ratio / log(2)
    far = usual * (ALPHA / (len(rows) * log(2))) ** power
    share = (ALPHA / (len(rows) * (near.shape[1] - 1))) ** power
    where = sides[rows]
    closest, partner = np.full(len(rows), np.inf), np.zeros(len(rows), np.int64)
    seen = 0
    for place, side in enumerate(SIDES[1:], start=1):
        earlier = np.flatnonzero(np.isin(where, SIDES[:place]))
        for unit, other in cloud.candidates(np.flatnonzero(where == side), earlier, far):
            seen += len(unit)
            if seen > _TOO_MANY:
                return _untold("too many of its vectors lie close together")
            distance = cloud.distances(unit, other)
            order = np.lexsort((other, distance, unit))
            first = order[np.unique(unit[order], return_index=True)[1]]
            better = first[distance[first] < closest[unit[first]]]
            closest[unit[better]], partner[unit[better]] = distance[better], other[better]
    found = np.flatnonzero(closest < far)
    own = cloud.nearest_patients(found)[:, -1]
    kept = found[closest[found] < share * own]
    pairs = np.stack([rows[kept], rows[partner[kept]]], axis=1)
    return NearDuplicates(pairs, int((own <= cloud.resolution).sum()), "")


def _sample(units: int) -> NDArray[np.int64]:
    """At most `SAMPLE` of the units, evenly."""
    return np.unique(np.linspace(0, units - 1, min(SAMPLE, units)).round().astype(np.int64))


def _untold(reason: str) -> NearDuplicates:
    return NearDuplicates(np.empty((0, 2), np.int64), 0, reason)


@final
class _Cloud:
    """Centred vectors of a mean square length of 1, which float32 holds the squares of whatever they were, and whose they are."""

    def __init__(self, X: NDArray[np.floating], rows: NDArray[np.int64], owner: NDArray[np.int64]) -> None:
        self.owner = owner
        self.people = int(owner.max(initial=-1)) + 1
        mean = X[rows].mean(axis=0, dtype=np.float64) if len(rows) else 0.0
        centred = X[rows] - mean
        largest = max(float(centred.max(initial=0.0)), -float(centred.min(initial=0.0))) or 1.0
        centred /= largest  # squares of 1e-200 are 0
        centred /= float(np.sqrt(np.einsum("nd,nd->", centred, centred) / max(1, len(rows)))) or 1.0
        self.Z = centred.astype(np.float32)
        self.lengths = np.einsum("nd,nd->n", self.Z, self.Z, dtype=np.float64)
        self.resolution = _RESOLUTION if centred.any() else 0.0
        self._by_owner = np.argsort(owner, kind="stable")
        self._starts = np.flatnonzero(np.diff(owner[self._by_owner], prepend=-1))

    def nearest_patients(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """(n, K) distances to the nearest of each other patient, the K nearest ones, increasing."""
        k = min(NEIGHBOURS, self.people - 1)
        found = np.empty((len(rows), k))
        step = min(SAMPLE, max(64, _SQUARES // len(self.Z)))  # many at once: a block of targets is made float64 for each step
        for at in range(0, len(rows), step):
            part = rows[at : at + step]
            queries = self.Z[part].astype(np.float64)
            squares = np.empty((len(part), len(self.Z)))
            for start in range(0, len(self.Z), _TARGETS):
                block = slice(start, start + _TARGETS)
                squares[:, block] = self.lengths[part, None] + self.lengths[None, block] - 2 * queries @ self.Z[block].T.astype(np.float64)
            of_people = np.minimum.reduceat(squares[:, self._by_owner], self._starts, axis=1)
            of_people[np.arange(len(part)), self.owner[part]] = np.inf
            nearest = np.sort(np.partition(of_people, k - 1, axis=1)[:, :k], axis=1)
            found[at : at + step] = np.sqrt(np.maximum(nearest, 0.0))
        return found

    def candidates(
        self, rows: NDArray[np.int64], others: NDArray[np.int64], far: float
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Pairs of different patients that may be closer than `far`: float32 tells distances to some thousandths, so some are not."""
        beside = np.float32(1 - 1e-5) * self.lengths.astype(np.float32)[:, None]
        ones = np.ones_like(beside)
        for start in range(0, len(others), _TARGETS):
            block = others[start : start + _TARGETS]
            right = np.hstack([self.Z[block], ones[block], beside[block]]).T
            for at in range(0, len(rows), _QUERIES):
                part = rows[at : at + _QUERIES]
                squares = np.hstack([-2 * self.Z[part], beside[part], ones[part]]) @ right
                unit, other = np.divmod(np.flatnonzero(squares.ravel() <= far * far), len(block))  # some times as fast as two indices
                unit, other = part[unit], block[other]
                apart = self.owner[unit] != self.owner[other]
                yield unit[apart], other[apart]

    def distances(self, rows: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float64]:
        """(n,): of each pair, in float64."""
        found = np.empty(len(rows))
        for at in range(0, len(rows), _EXACT):
            part = slice(at, at + _EXACT)
            apart = self.Z[rows[part]].astype(np.float64) - self.Z[others[part]]
            found[part] = np.sqrt(np.einsum("nd,nd->n", apart, apart))
        return found
