"""Which examples a few-shot fit learns from: k of each class among training patients, or k of those without the finding, without
replacement, the same for all heads and sets.

A draw follows from the seed, the repeat, the finding and the patients' pseudonyms alone, so it needs no order and no state: patients stand
in an order of their own for each repeat and class, and the first k give one item each. Draws of one repeat are therefore nested: its 5
shots are among its 10. An item that is added or removed changes a draw by that item at most. The k normals of a repeat are those that
its draw of both classes holds.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self, final, get_args

import numpy as np
from numpy.typing import NDArray

from ..heads import Support
from ..store.digests import spec_digest
from ..store.errors import UsageError

if TYPE_CHECKING:
    from .units import Units

CLASSES = ("absent", "present")
Drawn = Literal["both", "normals"]
"""What a draw is of: k of each class, or k without the finding alone."""
DRAWN: tuple[str, ...] = get_args(Drawn)


@final
@dataclass(frozen=True)
class Draw:
    """What one fit learns from."""

    name: str
    """Of the draw in the table `draws`: the same pool and seed give the same name."""
    shots: int | None
    """Of each class that is drawn; None for all there are."""
    repeat: int
    """From 0."""
    support: Support
    """Rows count in the units."""

    def columns(self, units: Units, split: str) -> dict[str, Any]:
        """For the table `draws`, a row for each item."""
        told = {"draw": self.name, "split": split, "finding": units.finding, "shots": self.shots, "repeat": self.repeat}
        return told | {"item": [units.items[row] for row in self.support.rows.tolist()]}


def draw_supports(
    units: Units,
    train: NDArray[np.int64],
    split: str,
    shots: tuple[int | None, ...],
    repeats: int,
    seed: int = 0,
    of: Drawn = "both",
) -> tuple[list[Draw], list[str]]:
    """Draws for each number of shots and each repeat, and remarks on what could not be kept to.

    A draw has at most one item of a patient in each class. Of volumes, a class with fewer patients than shots is refused: a table that
    says "10 shots" is read as ten patients, and a second scan of one of them tells a head little that is new. Of slices it is usual that
    patients are few and each gives many, so there they give a second one, and so on, and a remark says so. All examples (`None`) can be
    drawn in one way only: once.

    Args:
        units: the items of a finding.
        train: rows of the training side, (n,).
        split: its name.
        shots: examples of each class.
        repeats: draws for each number of shots.
        seed: of the draws.
        of: both classes, or normals alone: those without the finding, which may have others.

    Raises:
        UsageError: a number is below 1, or the training side has fewer items of a class than shots, or fewer patients where units are
            volumes.
    """
    if repeats < 1 or any(k is not None and k < 1 for k in shots):
        raise UsageError(f"shots {', '.join('all' if k is None else str(k) for k in shots)}, {repeats} repeats: expected 1 or more of each")
    if (refused := refused_shots(units, train, split, shots, of)) is not None:
        raise refused
    train = train[units.y[train] == 0] if of == "normals" else train
    pools, patients = _pools(units, train, of)
    largest = _largest(shots)
    remarks = [
        f"{largest} shots from {patients[c]} training patients with {units.finding!r} {CLASSES[c]}: some give more than one {units.unit}"
        for c in range(len(pools))
        if patients[c] < largest
    ]
    pool = spec_digest([split, units.finding, units.unit, units.source, seed, [[units.items[r], int(units.y[r])] for r in train.tolist()]])
    classes = [_Pool.of(units, rows) for rows in pools]
    orders = [
        [pool.order(_key(f"{seed}\x1f{repeat}\x1f{units.finding}\x1f{c}"), largest) for c, pool in enumerate(classes)]
        for repeat in range(repeats)
    ]
    draws: list[Draw] = []
    for k in shots:
        for repeat in range(repeats if k is not None else 1):
            rows = np.sort(np.concatenate([order[:k] for order in orders[repeat]])) if k is not None else train
            name = f"{pool[:12]}-{'' if of == 'both' else f'{of}-'}{'all' if k is None else k}-{repeat}"
            draws.append(Draw(name, k, repeat, Support(rows, units.y[rows])))
    return draws, remarks


def refused_shots(
    units: Units, train: NDArray[np.int64], split: str, shots: tuple[int | None, ...], of: Drawn = "both"
) -> UsageError | None:
    """Why so many cannot be drawn, as `draw_supports` raises it; None where they can."""
    pools, patients = _pools(units, train, of)
    largest = _largest(shots)
    owned = [f"{len(pool)} {units.unit}s of {patients[c]} patients with {units.finding!r} {CLASSES[c]}" for c, pool in enumerate(pools)]
    if of == "normals" and not len(pools[0]):
        return UsageError(f"the training side of split {split!r} has no normals: {owned[0]}; choose another split or finding")
    if not all(map(len, pools)):
        both = " and ".join(owned)
        return UsageError(f"the training side of split {split!r} has one class only: {both}; choose another split or finding")
    most = min(patients) if units.unit == "volume" else min(map(len, pools))
    if short := [owned[c] for c, pool in enumerate(pools) if (patients[c] if units.unit == "volume" else len(pool)) < largest]:
        of = ", each of another patient," if units.unit == "volume" else ""
        return UsageError(
            f"{largest} shots{of} are more than the training side of split {split!r} has: {' and '.join(short)}; ask for at most {most}"
        )
    return None


def _pools(units: Units, train: NDArray[np.int64], of: Drawn) -> tuple[list[NDArray[np.int64]], list[int]]:
    """Training rows of each class that is drawn, and how many patients they are of."""
    pools = [train[units.y[train] == c] for c in ((0, 1) if of == "both" else (0,))]
    return pools, [len(set(units.patients[pool].tolist())) for pool in pools]


def _largest(shots: tuple[int | None, ...]) -> int:
    return max((k for k in shots if k is not None), default=1)


@final
@dataclass(frozen=True)
class _Pool:
    """The items of one class, with numbers that stand for them and for their patients wherever else they are met."""

    rows: NDArray[np.int64]
    items: NDArray[np.uint64]
    patients: NDArray[np.uint64]
    owner: NDArray[np.int64]
    """(n,) place of the patient among the pool's."""

    @classmethod
    def of(cls, units: Units, rows: NDArray[np.int64]) -> Self:
        names, owner = np.unique(units.patients[rows], return_inverse=True)
        keys = np.array([_key(str(name)) for name in names], dtype=np.uint64)
        return cls(rows, np.array([_key(units.items[row]) for row in rows], dtype=np.uint64), keys[owner], owner)

    def order(self, purpose: int, most: int) -> NDArray[np.int64]:
        """The first `most` rows as a repeat takes them: one item of each patient first, then second ones, and so on."""
        by_item = np.lexsort((_mixed(self.items, purpose), self.owner))
        owner = self.owner[by_item]
        first = np.searchsorted(owner, owner, side="left")
        turn = np.empty(len(owner), dtype=np.int64)
        turn[by_item] = np.arange(len(owner)) - first
        return self.rows[np.lexsort((_mixed(self.patients, purpose), turn))[:most]]


def _key(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def _mixed(keys: NDArray[np.uint64], purpose: int) -> NDArray[np.uint64]:
    """Other numbers for each purpose, by chance as it were: the finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    x = keys ^ np.uint64(purpose)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return x ^ (x >> np.uint64(31))
