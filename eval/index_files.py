"""Exact FAISS indexes of a bank's scans, kept in `indexes/`: derived from one snapshot, made again whenever they do not fit.

An index holds one unit vector a volume, by ordinal. Slice vectors of a 2D encoder are pooled by their mean, which is what
`encoder/view/slice/mean` names.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import faiss
import numpy as np
from numpy.typing import NDArray

from ..store.errors import ScanbankError
from ..store.features import CHUNK_ROWS, FeatureSet
from ..store.files import write_atomic
from ..store.slices_taken import slices_taken

if TYPE_CHECKING:
    from ..store.bank import Bank

FORMAT = 1
FOLDER = "indexes"
_BATCH_ROWS = 8 * CHUNK_ROWS
"""Rows read at a time: of slice vectors only their sums are held."""


@final
@dataclass(frozen=True)
class VolumeIndex:
    """Unit vectors of the volumes that a feature set has vectors of, found by inner product: cosine similarity."""

    name: str
    """Of the feature set; with `/mean` where slice vectors were pooled."""
    items: NDArray[np.int64]
    """(N,) ordinals of volumes, increasing."""
    _index: Any

    def search(self, query: NDArray[np.float32], among: NDArray[np.int64], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The `k` volumes of `among` nearest to a query, best first; of equal scores the lower ordinal first.

        Args:
            query: (D,) of unit length.
            among: (M,) ordinals to search, each in `items`.
            k: how many, at most M.

        Returns:
            Scores (k,) and ordinals (k,).
        """
        if not k:
            return np.empty(0, np.float32), np.empty(0, np.int64)
        kept = np.ascontiguousarray(among, dtype=np.int64)  # the selector keeps no copy
        only: Any = faiss.SearchParameters
        parameters = only(sel=faiss.IDSelectorBatch(kept))
        # One more than asked tells whether equal scores were cut apart: which of them FAISS keeps is not said.
        wanted = min(k + 1, len(kept))
        while True:
            scores, items = (found[0] for found in self._index.search(query[None], wanted, params=parameters))
            if wanted == len(kept) or scores[-1] < scores[k - 1]:
                break
            wanted = min(2 * wanted, len(kept))
        order = np.lexsort((items, -scores))[:k]
        return scores[order], items[order]


def volume_index(bank: Bank, features: FeatureSet) -> VolumeIndex:
    """The index of a set of kind `volume` or `slice` at the bank's snapshot: its file where there is a sound one, else made anew.

    A bank that cannot be written to is searched all the same. Files of older snapshots go when a newer one is written.
    """
    snapshot = bank.snapshot.id
    stem = f"{features.digest[:16]}-{snapshot}"
    path = _folder(bank) / f"{stem}.faiss"
    about = {"format": FORMAT, "faiss": faiss.__version__, "set": features.digest, "name": _name(features), "snapshot": snapshot}
    index = _read(path, about)
    if index is None:
        index = _build(bank, features)
        # An index is never the truth, so failing to keep it is no failure.
        with suppress(OSError, ScanbankError):
            bank.snapshot.check_kept()  # of what was forgotten meanwhile none is
            _write(path, about, index)
            if bank.at is None:
                _sweep(path.parent, features.digest[:16], stem)
    return VolumeIndex(_name(features), faiss.vector_to_array(index.id_map), index)


def unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """(N, D) float32 of length 1; vectors of zero stay, and are like nothing."""
    values = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(values, axis=-1, keepdims=True)
    return np.divide(values, lengths, out=np.zeros_like(values), where=lengths > 0)


def _folder(bank: Bank) -> Path:
    """In the bank, or where it lies on an object store, with what else is kept of it on this machine."""
    return (bank.place.folder or bank.cache) / FOLDER


def _name(features: FeatureSet) -> str:
    return f"{features.name}/mean" if features.key.kind == "slice" else features.name


def _build(bank: Bank, features: FeatureSet) -> Any:
    index = faiss.IndexIDMap2(faiss.IndexFlatIP(features.dim))
    ordinals, vectors = (_pooled if features.key.kind == "slice" else _whole)(bank, features)
    order = np.argsort(ordinals)
    index.add_with_ids(unit(vectors[order]), ordinals[order])
    return index


def _whole(bank: Bank, features: FeatureSet) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Ordinals and vectors of volumes that are there at this snapshot; rows of what they once held are left out."""
    present = bank.sql("SELECT ordinal FROM volumes").column("ordinal").to_numpy()
    items, first = np.unique(features.items(), return_index=True)
    rows = np.sort(first[np.isin(items, present)])
    parts = [features.vectors(at, at + _BATCH_ROWS)[rows[_within(rows, at)] - at] for at in range(0, features.rows, _BATCH_ROWS)]
    return features.items()[rows], np.concatenate(parts) if parts else np.empty((0, features.dim), np.float32)


def _pooled(bank: Bank, features: FeatureSet) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Ordinals of the volumes of which all slices that the view takes have vectors, and the mean of these."""
    answer = bank.sql("SELECT ordinal, slice_ordinal, slices FROM volumes ORDER BY slice_ordinal")
    ordinals, starts, counts = (answer.column(name).to_numpy() for name in ("ordinal", "slice_ordinal", "slices"))
    sums, seen = np.zeros((len(starts), features.dim)), np.zeros(len(starts), np.int64)
    items = features.items()
    for at in range(0, len(items) if len(starts) else 0, _BATCH_ROWS):
        part = items[at : at + _BATCH_ROWS]
        owner = np.searchsorted(starts, part, side="right") - 1
        rows = np.flatnonzero((owner >= 0) & (part < starts[owner] + counts[owner]))
        vectors = features.vectors(at, at + _BATCH_ROWS)
        np.add.at(sums, owner[rows], vectors[rows])
        np.add.at(seen, owner[rows], 1)
    whole = (seen >= slices_taken(bank, features.key.view.slices, starts, counts)) & (seen > 0)
    return ordinals[whole], sums[whole] / seen[whole, None]


def _within(rows: NDArray[np.int64], at: int) -> slice:
    first, last = np.searchsorted(rows, (at, at + _BATCH_ROWS))
    return slice(int(first), int(last))


def _card(path: Path) -> Path:
    return path.with_suffix(".json")


def _read(path: Path, about: dict[str, Any]) -> Any:
    """The index in a file, or None where there is none that fits: FAISS itself reads whatever it is given."""
    try:
        card = json.loads(_card(path).read_text("utf-8"))
        content = path.read_bytes()
        if card != about | {"sha256": hashlib.sha256(content).hexdigest()}:
            return None
        index = faiss.deserialize_index(np.frombuffer(content, np.uint8))
    except (OSError, ValueError, RuntimeError):  # the last is FAISS's
        return None
    return index if isinstance(index, faiss.IndexIDMap2) else None


def _write(path: Path, about: dict[str, Any], index: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    content = faiss.serialize_index(index).tobytes()
    card = json.dumps(about | {"sha256": hashlib.sha256(content).hexdigest()}, indent=1) + "\n"
    write_atomic(path, lambda aside: _put(aside, content))
    write_atomic(_card(path), lambda aside: _put(aside, card.encode("utf-8")))


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _sweep(folder: Path, digest: str, stem: str) -> None:
    for old in sorted(folder.glob(f"{digest}-*")):
        if old.stem != stem:
            old.unlink(missing_ok=True)
