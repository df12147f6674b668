"""The scans that a search may find, and who they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast, final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .report_texts import coded

if TYPE_CHECKING:
    from ..store.bank import Bank


@final
@dataclass(frozen=True)
class Scans:
    """The N volumes of a bank, by ordinal."""

    ordinals: NDArray[np.int64]
    """(N,) increasing."""
    first: NDArray[np.int64]
    """(N,) ordinals of their first slices; each volume's slices are one run."""
    slices: NDArray[np.int64]
    """(N,) how many."""
    study: NDArray[np.int64]
    """(N,) places in `studies`."""
    patient: NDArray[np.int64]
    """(N,) places in `patients`."""
    studies: tuple[str, ...]
    patients: tuple[str, ...]
    primary: NDArray[np.bool_]
    """(N,) whether it is its study's primary series."""

    def __len__(self) -> int:
        return len(self.ordinals)

    def rows_of_slices(self, ordinals: NDArray[np.int64]) -> NDArray[np.int64]:
        """(M,) of ordinals of slices: the row of their volume, -1 where it is none of these."""
        if not len(self):
            return np.full(len(ordinals), -1, np.int64)
        order = np.argsort(self.first, kind="stable")
        row = order[np.maximum(np.searchsorted(self.first[order], ordinals, side="right") - 1, 0)]
        inside = (ordinals >= self.first[row]) & (ordinals < self.first[row] + self.slices[row])
        return np.where(inside, row, -1)

    def rows_of(self, ordinals: NDArray[np.int64]) -> NDArray[np.int64]:
        """(M,) of ordinals of volumes: their row, -1 where there is none."""
        return places(self.ordinals, ordinals)


def places(among: NDArray[np.int64], ordinals: NDArray[np.int64]) -> NDArray[np.int64]:
    """(M,) where each ordinal stands in increasing `among`; -1 where it does not."""
    if not len(among):
        return np.full(len(ordinals), -1, np.int64)
    place = np.minimum(np.searchsorted(among, ordinals), len(among) - 1)
    return np.where(among[place] == ordinals, place, -1)


def scan_table(bank: Bank) -> Scans:
    """All volumes of a bank."""
    answer = bank.sql("SELECT ordinal, slice_ordinal, slices, study, patient, is_primary FROM volumes ORDER BY ordinal")
    ordinals, first, slices = (answer.column(name).to_numpy() for name in ("ordinal", "slice_ordinal", "slices"))
    study, studies = coded(answer.column("study"))
    patient, patients = coded(answer.column("patient"))
    primary = cast("pa.ChunkedArray", answer.column("is_primary")).to_numpy(zero_copy_only=False).astype(bool)
    return Scans(ordinals, first, slices, study, patient, studies, patients, primary)


def volume_rows(bank: Bank, ordinals: NDArray[np.int64]) -> dict[int, dict[str, Any]]:
    """By ordinal, what of a volume a hit tells and its best slices need."""
    if not len(ordinals):
        return {}
    listed = ", ".join(map(str, sorted(set(ordinals.tolist()))))
    rows = bank.sql(f"""SELECT ordinal, patient, study, volume, plane, slices, slice_ordinal
        FROM volumes WHERE ordinal IN ({listed})""").to_pylist()
    return {row["ordinal"]: row for row in rows}
