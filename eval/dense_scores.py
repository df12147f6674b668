"""Scores of items that a run keeps as one array, by number of shots, as those in the table `predictions` are read."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from .quoting import quoted

if TYPE_CHECKING:
    from ..store.bank import Bank


@final
@dataclass(frozen=True)
class KeptScores:
    """Scores of M items by the draws of one number of shots."""

    items: tuple[str, ...]
    """In order of their names."""
    y: NDArray[np.int64]
    """(M,)."""
    repeats: tuple[int, ...]
    """(R,) increasing."""
    scores: NDArray[np.float64]
    """(R, M); of an array rounded to float32 when they were kept."""
    chance: NDArray[np.float64]
    """(R, M) probabilities; NaN where none were kept, as beside arrays."""

    def with_draws(self, other: KeptScores | None) -> KeptScores:
        """With those of another part of the same run; of the same draw, the other's count."""
        if other is None:
            return self
        of = {repeat: pair for one in (self, other) for repeat, *pair in zip(one.repeats, one.scores, one.chance, strict=True)}
        repeats = tuple(sorted(of))
        scores, chance = (np.stack([of[repeat][place] for repeat in repeats]) for place in (0, 1))
        return KeptScores(other.items, other.y, repeats, scores, chance)


def dense_scores(bank: Bank, run: str, head: str, features: str) -> dict[int | None, KeptScores]:
    """Those that the run's metrics are of; nothing where the run keeps none so.

    Raises:
        BankDamagedError: a chunk is missing or damaged.
    """
    of = f"run = {quoted(run)} AND head = {quoted(head)} AND features = {quoted(features)}"
    query = (
        f"SELECT shots, repeat, place FROM dense_cells WHERE {of} AND cell IN (SELECT cell FROM metrics WHERE {of}) ORDER BY shots, repeat"
    )
    places: dict[int | None, list[tuple[int, int]]] = defaultdict(list)
    for row in bank.sql(query).to_pylist():
        places[row["shots"]].append((row["repeat"], row["place"]))
    if not places:
        return {}
    held = bank.dense_predictions(run)
    order = np.array(sorted(range(len(held.items)), key=held.items.__getitem__), dtype=np.int64)
    items, y = tuple(held.items[place] for place in order.tolist()), held.y[order].astype(np.int64)
    found = {}
    for shots, of_shots in places.items():
        repeats, rows = zip(*of_shots, strict=True)
        scores = held.scores(np.array(rows, dtype=np.int64))[:, order].astype(np.float64)
        found[shots] = KeptScores(items, y, repeats, scores, np.full_like(scores, np.nan))
    return found
