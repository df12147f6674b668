"""A feature set into one plain file: vectors, the ids of what they are of, and what made them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ExchangeError
from ..features import FeatureSet
from ..progress import Progress, Silent
from .writers import WRITERS, Table, write_table

if TYPE_CHECKING:
    from ..bank import Bank

EXPORT_SUFFIXES = tuple(WRITERS)
_BLOCK_VALUES = 2**20
"""Values of vectors in memory at once."""
_IDS = {
    "volume": "SELECT ordinal, volume FROM volumes",
    "depth": "SELECT ordinal, volume FROM volumes",
    "slice": 'SELECT ordinal, slice, volume, "index", z_mm FROM slices',
    "text": "SELECT ordinal, snippet, study FROM snippets",
    "prompt": "SELECT ordinal, prompt, finding FROM prompts",
}
"""What is told of the items of each kind, beside their ordinal."""


@dataclass(frozen=True)
class ExportReport:
    """What was written."""

    features: str
    path: str
    rows: int
    left_out: int
    """Vectors of items that are no more, such as a volume that a longer one took the place of."""


def export_features(bank: Bank, features: FeatureSet, target: Path, *, progress: Progress | None = None) -> ExportReport:
    """Write a feature set to `.npz`, `.h5`, `.hdf5`, `.parquet` or `.zarr`, by the name's ending, whole or not at all.

    Beside `vector` there are the ids of the items and `ordinal`; for slices `volume`, `index` and `z_mm`; along depth `z_mm` and `mask`.
    The specs are JSON, called `metadata` (Parquet: `scanbank` in the schema's metadata). Vectors are read in blocks.

    Raises:
        ExchangeError: the ending is none of these, or the set's kind cannot be written.
        BankAccessError: writing fails; an older file is then as it was.
    """
    if target.suffix.lower() not in WRITERS:
        raise ExchangeError(f"{target}: expected a name that ends in {', '.join(WRITERS)}")
    if features.key.kind not in _IDS:
        raise ExchangeError(f"feature set {features.name!r} is of kind {features.key.kind!r}; kinds that are written: {', '.join(_IDS)}")
    progress = progress or Silent()
    items = features.items()
    ids = bank.sql(_IDS[features.key.kind])
    known = ids.column("ordinal").to_numpy()
    order = np.argsort(known, kind="stable")
    kept = np.flatnonzero(np.isin(items, known))
    place = order[np.searchsorted(known, items[kept], sorter=order)]
    columns: dict[str, NDArray[Any]] = {}
    for name in ids.column_names:
        values = ids.column(name).take(place)  # pyright: ignore[reportArgumentType]
        columns[name] = np.asarray(values.to_pylist(), dtype=object) if str(values.type) == "string" else values.to_numpy()
    if features.key.kind == "depth":
        columns |= {"z_mm": features.z_mm()[kept], "mask": features.mask()[kept]}
    shape = _vector_shape(features)
    metadata = json.dumps(_metadata(bank, features, len(kept)), indent=2)
    progress.start(f"writing {target.name}", len(kept))
    table = Table(columns, (len(kept), *shape), np.dtype(features.dtype), lambda: _blocks(features, kept, shape, progress), metadata)
    write_table(target, table)
    return ExportReport(features.name, str(target), len(kept), len(items) - len(kept))


def _vector_shape(features: FeatureSet) -> tuple[int, ...]:
    return features.vectors(0, 0).shape[1:]


def _blocks(features: FeatureSet, kept: NDArray[np.int64], shape: tuple[int, ...], progress: Progress) -> Iterator[NDArray[Any]]:
    """The vectors of the rows that are kept, in the order in which they are stored."""
    chunk = features.chunk_rows
    rows = max(1, _BLOCK_VALUES // max(1, int(np.prod(shape))) // chunk) * chunk
    for start in range(0, features.rows, rows):
        wanted = kept[(kept >= start) & (kept < start + rows)]
        if len(wanted):
            block = features.vectors(start, start + rows)
            yield block if len(wanted) == len(block) else block[wanted - start]
            progress.advance(len(wanted))


def _metadata(bank: Bank, features: FeatureSet, rows: int) -> dict[str, Any]:
    key = features.key
    return {
        "features": features.name,
        "digest": features.digest,
        "kind": key.kind,
        "layer": key.layer,
        "declared": features.declared,
        "encoder": key.encoder.to_dict(),
        "view": key.view.to_dict(),
        "rows": rows,
        "format": bank.card["format"],
        "snapshot": bank.snapshot.id,
    }
