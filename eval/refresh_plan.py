"""What a refresh has to make: for each feature set of the old encoder one of the new, and which scans are embedded together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from ..embed.encoder import Encoder
from ..embed.wanted import Outputs, keys_of
from ..store.errors import EncoderError
from ..store.features import FeatureSet
from ..store.specs import EncoderSpec, FeatureKey, ViewSpec

if TYPE_CHECKING:
    from ..store.bank import Bank

_FEW = 0.05
"""Of the scans of a part that the old encoder may lack under one of its views."""
_BLOCK = re.compile(r"block(\d{1,4})")
_LIVE = """SELECT ordinal FROM volumes UNION ALL SELECT ordinal FROM slices
    UNION ALL SELECT ordinal FROM snippets UNION ALL SELECT ordinal FROM prompts"""


@final
@dataclass(frozen=True, eq=False)
class Pair:
    """A feature set of the old encoder, and the key of that of the new one."""

    old: FeatureSet
    new: FeatureKey
    items: NDArray[np.int64]
    """(N,) what the old one holds of what the bank has, increasing: not of voxels that changed since."""


@final
@dataclass(frozen=True)
class Part:
    """Scans that are embedded in one go."""

    views: tuple[ViewSpec, ...]
    outputs: Outputs
    volumes: frozenset[str]

    def goes_with(self, other: Part) -> bool:
        """Whether the two are worth one decoding: a scan that failed under one view of the old encoder makes no second run."""
        union = len(self.volumes | other.volumes)
        few = _FEW * union
        return self.outputs == other.outputs and union - len(self.volumes) <= few and union - len(other.volumes) <= few


def pairs_of(bank: Bank, old: EncoderSpec, new: EncoderSpec) -> list[Pair]:
    """Of every set of the old encoder that holds anything, by name."""
    live = np.unique(bank.sql(_LIVE).column("ordinal").drop_null().to_numpy().astype(np.int64))
    found = []
    for one in bank.feature_sets:
        if one.key.encoder.digest == old.digest and not one.declared:
            items = np.intersect1d(one.items(), live)
            if len(items):
                found.append(Pair(one, FeatureKey(one.key.kind, new, one.key.view, one.key.layer), items))
    return found


def lacking_items(bank: Bank, pair: Pair) -> NDArray[np.int64]:
    """(M,) the items of the old set that the new one has not."""
    held = next((one for one in bank.feature_sets if one.digest == pair.new.digest), None)
    return pair.items if held is None else np.setdiff1d(pair.items, held.items(), assume_unique=True)


def volumes_of(bank: Bank, items: NDArray[np.int64]) -> frozenset[str]:
    """The volumes that these items, volumes or slices, increasing, are of."""
    answer = bank.sql("SELECT volume, ordinal, slice_ordinal AS first, slices FROM volumes")
    ordinal, first, count = (answer.column(name).fill_null(-1).to_numpy().astype(np.int64) for name in ("ordinal", "first", "slices"))
    of_slices = np.searchsorted(items, first + np.maximum(count, 0)) > np.searchsorted(items, first)
    there = np.isin(ordinal, items) | (of_slices & (first >= 0))
    return frozenset(np.array(answer.column("volume").to_pylist(), dtype=object)[there].tolist())


def parts_of(bank: Bank, new: Encoder, pairs: Sequence[Pair]) -> list[Part]:
    """What is to be embedded: views of the same scans and kinds together, so that each scan is decoded once for them.

    Raises:
        EncoderError: the new encoder does not give a kind of vectors that the old one gave.
    """
    by_view: dict[ViewSpec, list[Pair]] = {}
    for pair in pairs:
        if pair.old.key.kind not in ("text", "prompt"):
            by_view.setdefault(pair.old.key.view, []).append(pair)
    parts: list[Part] = []
    for view, of in by_view.items():
        for outputs, covered in _outputs(new, view, of):
            one = Part((view,), outputs, frozenset[str]().union(*(volumes_of(bank, pair.items) for pair in covered)))
            place = next((place for place, part in enumerate(parts) if part.goes_with(one)), None)
            if place is None:
                parts.append(one)
            else:
                parts[place] = Part((*parts[place].views, view), outputs, parts[place].volumes | one.volumes)
    return parts


def _outputs(new: Encoder, view: ViewSpec, pairs: Sequence[Pair]) -> list[tuple[Outputs, list[Pair]]]:
    """What to ask of the encoder under a view, so that all sets of that view are filled; and which sets each fills."""
    kinds = {pair.old.key.kind for pair in pairs}
    layers = tuple(sorted({int(match[1]) for pair in pairs if (match := _BLOCK.fullmatch(pair.old.key.layer))}))
    asked: list[Outputs] = []
    if "slice" in kinds and "volume" in new.offers:
        asked.append(Outputs(depth=False, slices=True, layers=() if "volume" in kinds else layers))
    if not asked or "volume" in kinds:
        asked.append(Outputs(depth="depth" in kinds, layers=layers))
    found, left = [], list(pairs)
    for outputs in asked:
        digests = {key.digest for key in keys_of(new, [view], outputs)}
        covered = [pair for pair in left if pair.new.digest in digests]
        left = [pair for pair in left if pair not in covered]
        found.append((outputs, covered))
    if left:
        raise EncoderError(f"encoder {new.spec.name!r} gives no vectors of the kind of {left[0].old.name}: it cannot take its place")
    return [one for one in found if one[1]]
