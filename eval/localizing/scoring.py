"""The ways to tell the level that a sentence means, by one feature set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from ...embed.encoder import Encoder
from ...heads.bags import Bags
from ...heads.localizer import Localizer
from ...heads.vectors import unit
from ...store.errors import EncoderError
from ...store.features import FeatureSet
from ..levels import levels_of
from .examples import Example
from .points import apart_mm, fused, median_mm, peak_mm

if TYPE_CHECKING:
    from ...store.bank import Bank

FUSE_MM = 10.0
"""Standard deviation of the Gaussian over which neighbours are fused."""
METHODS = ("cosine", "cosine_fused", "localizer", "localizer_fused")
_TEXTS = 64
_SCANS = 64
"""Scans whose levels are read together."""
Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Scan:
    """The levels of a scan whose heights are known."""

    z_mm: Floats
    """(L,)."""
    vectors: NDArray[Any]
    """(L, D)."""
    index: NDArray[np.int64]
    """(L,) of the nearest source slice, -1 where there is none."""
    slices_mm: Floats
    """(S,) of the source slices whose heights are known."""


def scans_of(bank: Bank, features: FeatureSet, ordinals: Sequence[int]) -> Iterator[tuple[int, Scan]]:
    """By ordinal of the volume; those that the set lacks, or whose heights nobody knows, are left out."""
    for start in range(0, len(ordinals), _SCANS):
        listed = ", ".join(map(str, ordinals[start : start + _SCANS]))
        rows = bank.sql(
            f"SELECT ordinal, slice_ordinal, slices, plane FROM volumes WHERE ordinal IN ({listed}) ORDER BY ordinal"
        ).to_pylist()
        for row, levels in zip(rows, levels_of(bank, features, rows), strict=True):
            if levels is None:
                continue
            known, there = np.isfinite(levels.z_mm), np.isfinite(levels.slices_mm)
            if known.any() and there.any():
                heights = levels.z_mm[known].astype(np.float64)
                yield row["ordinal"], Scan(heights, levels.vectors[known], levels.index[known], levels.slices_mm[there])


def text_vectors(encoder: Encoder, features: FeatureSet, texts: Sequence[str]) -> dict[str, Floats]:
    """Unit vectors (D,) of texts, each encoded once.

    Raises:
        EncoderError: the encoder did not make the set, or has no text side.
    """
    if encoder.spec.digest != features.key.encoder.digest:
        raise EncoderError(
            f"encoder {encoder.spec.name!r} did not make {features.name!r}: its weights or settings differ; embed the scans again with it"
        )
    distinct = list(dict.fromkeys(texts))
    parts = [encoder.encode_texts(distinct[at : at + _TEXTS]).vector for at in range(0, len(distinct), _TEXTS)]
    return dict(zip(distinct, unit(np.concatenate(parts).astype(np.float64)), strict=True))


def fitted(head: Localizer, bank: Bank, features: FeatureSet, learned: Sequence[Example], texts: Mapping[str, Floats]) -> Localizer | None:
    """The head after learning from sentences, one example for each place that they name; None where no scan of them has levels."""
    ordinals = sorted({one.ordinal for one in learned})
    found = dict(scans_of(bank, features, ordinals))
    place = {ordinal: number for number, ordinal in enumerate(found)}
    pairs = [(one, span) for one in learned if one.ordinal in place for span in one.spans_mm]
    if not pairs:
        return None
    starts = np.concatenate([[0], np.cumsum([len(scan.z_mm) for scan in found.values()])])
    bags = Bags(np.concatenate([scan.vectors for scan in found.values()]), starts.astype(np.int64))
    return head.fit(
        np.stack([texts[one.text] for one, _ in pairs]),
        bags,
        np.array([place[one.ordinal] for one, _ in pairs]),
        np.concatenate([scan.z_mm for scan in found.values()]),
        np.array([span for _, span in pairs]),
    )


def scored(text: Floats, scan: Scan, head: Localizer | None, fuse_mm: float = FUSE_MM) -> dict[str, tuple[Floats, float]]:
    """By method, what each level scores (L,) and the height that this comes to: the peak of cosines, the median of probabilities."""
    cosine = unit(scan.vectors.astype(np.float64)) @ text
    near = fused(cosine, scan.z_mm, fuse_mm)
    found = {"cosine": (cosine, peak_mm(cosine, scan.z_mm)), "cosine_fused": (near, peak_mm(near, scan.z_mm))}
    if head is not None:
        chances = head.probabilities(text, scan.vectors, scan.z_mm)
        together = fused(chances, scan.z_mm, fuse_mm)
        found |= {"localizer": (chances, median_mm(chances, scan.z_mm)), "localizer_fused": (together, median_mm(together, scan.z_mm))}
    return found


def errors(
    bank: Bank, features: FeatureSet, tested: Sequence[Example], texts: Mapping[str, Floats], head: Localizer | None
) -> dict[str, Floats]:
    """By method, (N,) distances in mm; NaN where the set has no levels of a scan."""
    by_scan: dict[int, list[int]] = {}
    for row, one in enumerate(tested):
        by_scan.setdefault(one.ordinal, []).append(row)
    names = METHODS if head is not None else METHODS[:2]
    found = {name: np.full(len(tested), np.nan) for name in names}
    for ordinal, scan in scans_of(bank, features, sorted(by_scan)):
        for row in by_scan[ordinal]:
            for name, (_, point) in scored(texts[tested[row].text], scan, head).items():
                found[name][row] = apart_mm(np.array([point]), tested[row].spans_mm)[0]
    return found
