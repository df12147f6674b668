"""What is missing: the volumes whose items have no vector yet in the feature sets asked for. Nothing is decoded for this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..store.errors import UsageError, ViewError
from ..store.scan import DECLARED
from ..store.slice_policy import ALL, chosen_slices, needs_z
from ..store.specs import FeatureKey, ViewSpec
from .mask_rule import parse_mask

if TYPE_CHECKING:
    from ..store.bank import Bank


@dataclass(frozen=True)
class Work:
    """One volume to decode."""

    volume: str
    ordinal: int
    slices: int
    slice_ordinal: int
    z_mm: tuple[float, ...] | None = None
    """Of each slice, where a view asks for it."""

    def items(self, kind: str) -> NDArray[np.int64]:
        """The ordinals that hold this volume's vectors in a set of `kind`: of all slices, or of the volume."""
        if kind == "slice":
            return np.arange(self.slice_ordinal, self.slice_ordinal + self.slices, dtype=np.int64)
        return np.array([self.ordinal], dtype=np.int64)

    def planes(self, view: ViewSpec) -> tuple[int, ...] | None:
        """The slices that a view takes, counted from 0; None for all of them, and where nobody can tell."""
        try:
            return self.checked_planes(view)
        except ViewError:
            return None

    def checked_planes(self, view: ViewSpec) -> tuple[int, ...] | None:
        """As `planes`. Raises ViewError where nobody can tell: such a scan is embedded in part or not at all, never whole instead."""
        if view.slices == ALL:
            return None
        try:
            return tuple(chosen_slices(view.slices, self.slices, None if self.z_mm is None else np.asarray(self.z_mm)).tolist())
        except UsageError as error:
            raise ViewError(str(error)) from error

    def items_of(self, key: FeatureKey, *, by_slice: bool) -> NDArray[np.int64]:
        """The ordinals that hold this volume's vectors in a set. `by_slice`: sets of kind `tokens` hold those of slices."""
        slices = key.kind == "slice" or (key.kind == "tokens" and by_slice)
        every = self.items("slice" if slices else key.kind)
        planes = self.planes(key.view) if slices else None
        return every if planes is None else every[list(planes)]


class Present:
    """The items that a feature set holds, sorted for look-up."""

    def __init__(self, items: NDArray[np.int64]) -> None:
        self.rows = len(items)
        self._sorted = np.sort(items)

    def mask(self, items: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of `items` are there."""
        if not self.rows:
            return np.zeros(len(items), dtype=bool)
        place = np.minimum(np.searchsorted(self._sorted, items), self.rows - 1)
        return self._sorted[place] == items


def present(bank: Bank, keys: Sequence[FeatureKey]) -> dict[str, Present]:
    """For each key, by digest, what is there already."""
    sets = {s.digest: s for s in bank.feature_sets}
    empty = np.empty(0, dtype=np.int64)
    return {key.digest: Present(sets[key.digest].items() if key.digest in sets else empty) for key in keys}


def missing(bank: Bank, keys: Sequence[FeatureKey], have: Mapping[str, Present], *, by_slice: bool) -> tuple[list[Work], int]:
    """The volumes that lack a vector in any of the sets, and how many lack none."""
    every = works(bank, [key.view for key in keys])
    todo = [work for work in every if any(not have[key.digest].mask(work.items_of(key, by_slice=by_slice)).all() for key in keys)]
    return todo, len(every) - len(todo)


def works(bank: Bank, views: Sequence[ViewSpec]) -> list[Work]:
    """Every volume that has voxels to decode, with what these views need to know of it, in the order of ordinals."""
    scans = f"kind IS DISTINCT FROM '{DECLARED}'"  # those have nothing to decode
    answer = bank.sql(f"SELECT volume, ordinal, slices, slice_ordinal FROM volumes WHERE {scans} ORDER BY ordinal")
    volumes, ordinals, slices, firsts = (answer.column(name).to_pylist() for name in ("volume", "ordinal", "slices", "slice_ordinal"))
    z_mm = _heights(bank) if any(needs_z(view.slices) for view in views) else {}
    return [
        Work(volume, ordinal, count, first, z_mm.get(volume))
        for volume, ordinal, count, first in zip(volumes, ordinals, slices, firsts, strict=True)
    ]


def _heights(bank: Bank) -> dict[str, tuple[float, ...]]:
    answer = bank.sql('SELECT volume, list(z_mm ORDER BY "index") AS z FROM slices GROUP BY volume').to_pylist()
    return {row["volume"]: tuple(row["z"]) for row in answer if None not in row["z"]}


def masks_by_volume(bank: Bank, masks: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """Volume to (finding, mask) of the findings that views' masks name; nothing is asked of the bank where none does."""
    wanted = {parse_mask(mask).finding for mask in masks if mask} - {""}
    found: dict[str, list[tuple[str, str]]] = {}
    for row in bank.snapshot.latest("masks", "volume", "finding") if wanted else ():
        if row["finding"] in wanted:
            found.setdefault(row["volume"], []).append((row["finding"], row["mask"]))
    return found
