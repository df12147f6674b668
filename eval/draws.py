"""Which examples a few-shot fit learns from: k of each class among training patients, without replacement, the same for all heads and sets.

A draw follows from the seed, the repeat, the finding and the patients' pseudonyms alone, so it needs no order and no state: patients stand
in an order of their own for each repeat and class, and the first k give one item each. Draws of one repeat are therefore nested: its 5
shots are among its 10. An item that is added or removed changes a draw by that item at most.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from ..heads import Support
from ..store.digests import spec_digest
from ..store.errors import UsageError

if TYPE_CHECKING:
    from .units import Units

CLASSES = ("absent", "present")


@final
@dataclass(frozen=True)
class Draw:
    """What one fit learns from."""

    name: str
    """Of the draw in the table `draws`: the same pool and seed give the same name."""
    shots: int | None
    """Of each class; None for all there are."""
    repeat: int
    """From 0."""
    support: Support
    """Rows count in the units."""

    def rows(self, units: Units, split: str) -> list[dict[str, Any]]:
        """For the table `draws`."""
        told = {"draw": self.name, "split": split, "finding": units.finding, "shots": self.shots, "repeat": self.repeat}
        return [told | {"item": units.items[row]} for row in self.support.rows.tolist()]


def draw_supports(
    units: Units, train: NDArray[np.int64], split: str, shots: tuple[int | None, ...], repeats: int, seed: int = 0
) -> tuple[list[Draw], list[str]]:
    """Draws for each number of shots and each repeat, and remarks on what could not be kept to.

    A draw has at most one item of a patient in each class; where a class has fewer patients than shots, patients give a second item, and so
    on, and a remark says so. All examples (`None`) can be drawn in one way only: once.

    Args:
        units: the items of a finding.
        train: rows of the training side, (n,).
        split: its name.
        shots: examples of each class.
        repeats: draws for each number of shots.
        seed: of the draws.

    Raises:
        UsageError: a number is below 1, or the training side has fewer items of a class than shots.
    """
    if repeats < 1 or any(k is not None and k < 1 for k in shots):
        raise UsageError(f"shots {', '.join('all' if k is None else str(k) for k in shots)}, {repeats} repeats: expected 1 or more of each")
    pools = [train[units.y[train] == c] for c in (0, 1)]
    patients = [len(set(units.patients[pool].tolist())) for pool in pools]
    largest = max((k for k in shots if k is not None), default=1)
    for c, pool in enumerate(pools):
        if len(pool) < largest:
            raise UsageError(
                f"{largest} shots are more than the training side of split {split!r} has: {len(pool)} {units.unit}s of {patients[c]} "
                f"patients with {units.finding!r} {CLASSES[c]}; ask for at most {min(map(len, pools))}"
            )
    remarks = [
        f"{largest} shots from {patients[c]} training patients with {units.finding!r} {CLASSES[c]}: some give more than one {units.unit}"
        for c in (0, 1)
        if patients[c] < largest
    ]
    pool = spec_digest([split, units.finding, units.unit, units.source, seed, [[units.items[r], int(units.y[r])] for r in train.tolist()]])
    orders = {
        repeat: [_order(units, rows, f"{seed}\x1f{repeat}\x1f{units.finding}\x1f{c}") for c, rows in enumerate(pools)]
        for repeat in range(repeats)
    }
    draws: list[Draw] = []
    for k in shots:
        for repeat in range(repeats if k is not None else 1):
            rows = np.sort(np.concatenate([order[:k] for order in orders[repeat]])) if k is not None else train
            name = f"{pool[:12]}-{'all' if k is None else k}-{repeat}"
            draws.append(Draw(name, k, repeat, Support(rows, units.y[rows])))
    return draws, remarks


def _order(units: Units, rows: NDArray[np.int64], purpose: str) -> NDArray[np.int64]:
    """One item of each patient first, then second ones, and so on; by chance within each round."""

    def chance(text: str) -> bytes:
        return hashlib.sha256(f"{purpose}\x1f{text}".encode()).digest()

    of: dict[str, list[int]] = defaultdict(list)
    for row in sorted(rows.tolist(), key=lambda r: chance(units.items[r])):
        of[str(units.patients[row])].append(row)
    rounds = [(turn, chance(patient), row) for patient, owned in of.items() for turn, row in enumerate(owned)]
    return np.array([row for _, _, row in sorted(rounds)], dtype=np.int64)
