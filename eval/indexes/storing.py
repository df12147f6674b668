"""The files of an index: a card, vectors (only ever appended to), small arrays, and what FAISS wrote.

What is written gets a new name each time, but for vectors, which are appended; the card is written last, so that a kill leaves the
index that was there. An addition writes the tail alone: `arrays` and `faiss` stay until what was added is linked.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from ...store.files import fsync_folder, write_atomic
from ...store.index_folder import card_text, placing, read_card, sha256_of
from .card import IndexCard, card_of
from .cells import Cells
from .graph import read_graph, write_graph
from .index import VectorIndex
from .lists import read_lists, write_lists
from .sampling import Sample
from .vectors import Vectors

if TYPE_CHECKING:
    from ...store.bank import Bank

_TOKEN_BYTES = 4
_SAMPLE = ("queries", "own", "scores", "rows")


def card_path(folder: Path, digest: str, pooling: str) -> Path:
    """Of the index of a set, pooled so."""
    return folder / f"{digest[:16]}{'-' * bool(pooling)}{pooling}.json"


def load(path: Path, digest: str, pooling: str, dim: int) -> tuple[VectorIndex | None, str]:
    """The index of a card; or None, and why: empty where there is none. FAISS is given nothing whose digest was not compared before.

    Args:
        path: of the card.
        digest: of the feature set that it must be of.
        pooling: of its vectors.
        dim: of its vectors.
    """
    while path.exists():
        before = _content(path)
        index, why = _loaded(path, digest, pooling, dim)
        if index is not None or _content(path) == before:  # else another process has just put other files in place of these
            return index, why
    return None, ""


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _loaded(path: Path, digest: str, pooling: str, dim: int) -> tuple[VectorIndex | None, str]:
    try:
        card = card_of(read_card(path))
        if (card.set, card.pooling, card.dim) != (digest, pooling, dim):
            return None, "it is of other vectors"
        for what in sorted(card.files.keys() - {"vectors"}):
            if sha256_of(path.parent / card.files[what]) != card.sha256[what]:
                return None, f"{card.files[what]} is not what was written"
        return _read(path.parent, card), ""
    # the last of what FAISS raises where a file is of another version
    except (OSError, ValueError, TypeError, KeyError, AttributeError, SafetensorError, RuntimeError) as error:
        return None, f"it cannot be read ({error})".replace("\n", " ")[:300]


@contextmanager
def aside(folder: Path) -> Iterator[Path]:
    """A path in the folder for a file that is to be renamed; gone afterwards where it was not. Makes the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f".{secrets.token_hex(_TOKEN_BYTES)}.tmp"
    try:
        yield path
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def save(bank: Bank, folder: Path, index: VectorIndex, vectors: Path) -> VectorIndex:
    """Put an index in its place and remove the one that was there.

    Args:
        bank: whose it is.
        folder: of indexes.
        index: whose card says what the file of vectors holds.
        vectors: that file, in the folder: aside, or of the index that was.

    Raises:
        SnapshotGoneError: the bank's snapshot was forgotten or compacted meanwhile: nothing is kept of what may be forgotten.
        OSError: it cannot be written.
    """
    path = card_path(folder, index.card.set, index.card.pooling)
    with aside(folder) as arrays, aside(folder) as native, aside(folder) as tail:
        if "arrays" not in index.card.files or index.card.kind == "exact":
            _write_whole(index, arrays, native)
        if index.card.kind != "exact":
            _write(_tail_of(index), tail)
        written = {what: file for what, file in (("arrays", arrays), ("faiss", native), ("tail", tail)) if file.exists()}
        for file in (vectors, *written.values()):
            _fsync(file)
        token = secrets.token_hex(_TOKEN_BYTES)
        names = index.card.files | {what: f"{path.stem}.{token}.{what}" for what in written}
        names["vectors"] = f"{path.stem}.{token}.vectors" if vectors.suffix == ".tmp" else vectors.name
        card = replace(index.card, files=names, sha256=index.card.sha256 | {what: sha256_of(file) for what, file in written.items()})
        text = card_text(card.to_dict())
        with placing(bank):
            bank.snapshot.check_kept()
            for what, file in {**written, "vectors": vectors}.items():
                file.replace(folder / names[what])
            fsync_folder(folder)
            write_atomic(path, lambda beside: _put(beside, text))
            for old in folder.glob(f"{path.stem}.*"):
                if old != path and old.name not in names.values():
                    old.unlink(missing_ok=True)
    return replace(index, card=card)


def remove(bank: Bank, path: Path) -> bool:
    """Remove an index, and say whether there was anything to remove."""
    if not any(path.parent.glob(f"{path.stem}.*")):
        return False
    with placing(bank):
        for file in path.parent.glob(f"{path.stem}.*"):
            file.unlink(missing_ok=True)
    return True


def _read(folder: Path, card: IndexCard) -> VectorIndex:
    vectors = Vectors.mapped(folder / card.files["vectors"], card.parts, card.dim)
    arrays = safetensors.numpy.load_file(folder / card.files["arrays"])
    if card.kind == "exact":
        return VectorIndex(card, vectors, ids := _of_all(arrays["ids"], card.rows), ids < 0)
    tail = safetensors.numpy.load_file(folder / card.files["tail"])
    ids = _of_all(np.concatenate([arrays["ids"], tail["ids"]]), card.rows)
    ids[tail["replaced"]] = -1
    index = VectorIndex(card, vectors, ids, ids < 0)
    if not len(ids):
        return index
    cells = Cells(arrays["centres"], _of_all(np.concatenate([arrays["cells"], tail["cells"]]), card.rows))
    sample = Sample(*(tail[name] for name in _SAMPLE))
    native, parts = folder / card.files["faiss"], {}
    if card.kind == "hnsw":
        parts["graph"] = read_graph(native, vectors, card.linked)
    else:
        parts["lists"] = read_lists(native, card.linked, cells)
    return replace(index, cells=cells, sample=sample, **parts)


def _of_all(array: NDArray[Any], rows: int) -> NDArray[Any]:
    if len(array) != rows:
        raise ValueError(f"{len(array)} entries of {rows} vectors")
    return array


def _write_whole(index: VectorIndex, arrays: Path, native: Path) -> None:
    """What is of linked rows."""
    linked = index.card.linked
    whole: dict[str, NDArray[Any]] = {"ids": index.ids[:linked]}
    if index.cells is not None:
        whole |= {"centres": index.cells.centres, "cells": index.cells.of[:linked]}
    _write(whole, arrays)
    if index.graph is not None:
        write_graph(index.graph, native)
    if index.lists is not None:
        write_lists(index.lists, native)


def _tail_of(index: VectorIndex) -> dict[str, NDArray[Any]]:
    """What is of the others, or may be another after an addition."""
    linked = index.card.linked
    arrays: dict[str, NDArray[Any]] = {"ids": index.ids[linked:], "replaced": np.flatnonzero(index.ids[:linked] < 0)}
    if index.cells is not None:
        arrays["cells"] = index.cells.of[linked:]
    if index.sample is not None:
        arrays |= {name: getattr(index.sample, name) for name in _SAMPLE}
    return arrays


def _write(arrays: dict[str, NDArray[Any]], path: Path) -> None:
    # written here: `save_file` makes a file of its own beside, which a kill would leave under a name that nobody knows
    path.write_bytes(safetensors.numpy.save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))


def _fsync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _put(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
