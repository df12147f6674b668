"""Unit vectors of an index: in memory, or a file that is mapped and only ever appended to. FAISS reads them where they lie."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any, Self, final

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from ...store.index_folder import PREFIX
from .card import Part
from .native import native, of_range, of_rows, one_query, only

CHECKED_BYTES = 2**32
"""Of a file of vectors that is compared with its checksums when it is opened."""
_BLOCK_ROWS = 16_384
_PART_ROWS = 65_536
"""Behind which a part ends: parts are compared with their checksums at the same time."""
_SHARE = 5_000
"""Rows that are worth a thread."""


@final
class Vectors:
    """(N, D) float32 rows of length 1."""

    def __init__(self, buffer: NDArray[np.uint8], rows: int, dim: int) -> None:
        """`buffer`: PREFIX bytes of any kind, which are written to, and the rows."""
        self.buffer = buffer
        self.rows: NDArray[np.float32] = buffer[PREFIX : PREFIX + 4 * rows * dim].view(np.float32).reshape(rows, dim)
        self.flat = _view(buffer, rows, dim)
        """A FAISS index of the same memory. It must not be added to."""

    @classmethod
    def of(cls, blocks: Iterable[NDArray[np.float32]], dim: int) -> Self:
        """In memory."""
        parts = [np.zeros(PREFIX, np.uint8)]
        parts += [np.ascontiguousarray(block, np.float32).reshape(-1).view(np.uint8) for block in blocks]
        buffer = np.concatenate(parts)
        return cls(buffer, (len(buffer) - PREFIX) // (4 * dim), dim)

    @classmethod
    def mapped(cls, path: Path, parts: Iterable[Part], dim: int, known: int = 0) -> Self:
        """From a file; its first `known` parts were compared before. Raises OSError or ValueError where it is not what was written."""
        parts = tuple(parts)
        rows = sum(part.rows for part in parts)
        if path.stat().st_size < PREFIX + 4 * rows * dim:  # mapped, the process would end at the first row that is not there
            raise ValueError(f"{path} is shorter than its {rows} rows")
        buffer = np.memmap(path, np.uint8, "c", shape=(PREFIX + 4 * rows * dim,))
        # Rows are numbers: wrong ones harm nobody, and the doctor reads them all. Of what may not fit the memory nothing is read here.
        if buffer.nbytes <= CHECKED_BYTES:
            ends = PREFIX + 4 * dim * np.cumsum([0, *(part.rows for part in parts)])
            spans = [buffer[slice(*of)] for of in list(pairwise(ends.tolist()))[known:]]
            with ThreadPoolExecutor(native.omp_get_max_threads()) as pool:
                found = list(pool.map(lambda span: google_crc32c.value(_bytes(span)), spans))
            if found != [part.crc32c for part in parts[known:]]:
                raise ValueError(f"{path} is not what was written")
        return cls(buffer, rows, dim)

    @property
    def dim(self) -> int:
        return self.rows.shape[1]

    def __len__(self) -> int:
        return len(self.rows)

    def nearest(
        self, query: NDArray[np.float32], k: int, among: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The `k` rows nearest to a query (D,) by inner product, best first, and all that are as near as the last of them; exactly.

        `among`: (M,) the rows to compare, each once; all by default. `k` is from 1 to their number. Returns scores and rows.
        """
        count = len(self) if among is None else len(among)
        shares = np.linspace(0, count, max(1, min(native.omp_get_max_threads(), count // _SHARE)) + 1).astype(int).tolist()
        # One more than asked tells whether equal scores were cut apart: which of them FAISS keeps is not said.
        wanted = min(k + 1, count)
        while True:

            def part(of: tuple[int, int], wanted: int = wanted) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
                rows = of_range(*of) if among is None else of_rows(among[slice(*of)])
                return one_query(self.flat, query, min(wanted, of[1] - of[0]), only(native.SearchParameters, rows))

            spans = list(pairwise(shares))
            if len(spans) == 1:
                found = [part(spans[0])]
            else:
                with ThreadPoolExecutor(len(spans)) as pool:
                    found = list(pool.map(part, spans))
            scores, rows = (np.concatenate(column) for column in zip(*found, strict=True))
            order = np.lexsort((rows, -scores))[:wanted]
            scores, rows = scores[order], rows[order]
            if wanted == count or scores[-1] < scores[k - 1]:
                ends = int(np.searchsorted(-scores, -scores[k - 1], side="right"))
                return scores[:ends], rows[:ends]
            wanted = min(2 * wanted, count)

    def best(
        self, queries: NDArray[np.float32], k: int, among: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """For each of (Q, D) queries scores and rows (Q, k), best first; -inf and -1 where there are fewer. For many queries at once."""
        scores = np.full((len(queries), k), -np.inf, np.float32)
        rows = np.full((len(queries), k), -1, np.int64)
        count = len(self) if among is None else len(among)
        for start in range(0, count, _BLOCK_ROWS):
            chosen = np.arange(start, min(start + _BLOCK_ROWS, count)) if among is None else among[start : start + _BLOCK_ROWS]
            block = self.rows[start : start + len(chosen)] if among is None else self.rows[chosen]
            scores, rows = merged(scores, rows, queries @ block.T, np.broadcast_to(chosen, (len(queries), len(chosen))), k)
        return scores, rows


def merged(
    scores: NDArray[np.float32], rows: NDArray[np.int64], more: NDArray[np.float32], theirs: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The `k` best of two lists for each query, best first. All are (Q, any)."""
    if more.shape[1] > k:
        few = np.argpartition(-more, k - 1, axis=1)[:, :k]
        more, theirs = np.take_along_axis(more, few, 1), np.take_along_axis(theirs, few, 1)
    scores, rows = np.concatenate([scores, more], 1), np.concatenate([rows, theirs], 1)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)


def last(blocks: Iterable[NDArray[np.float32]], chosen: NDArray[np.bool_]) -> Iterator[NDArray[np.float32]]:
    """Blocks of N rows in all, those of `chosen` (N,) behind all others."""
    kept: list[NDArray[np.float32]] = []
    start = 0
    for block in blocks:
        mine = chosen[start : start + len(block)]
        start += len(block)
        kept.append(block[mine])
        yield block[~mine]
    yield from kept


def append(path: Path, at: int, blocks: Iterator[NDArray[np.float32]], dim: int) -> tuple[Part, ...]:
    """Write rows into a file behind its first `at`, where whatever was there goes. It is made for the first. The caller syncs it."""
    parts: list[Part] = []
    rows, crc = 0, 0
    with path.open("r+b" if at else "w+b") as file:
        file.truncate(PREFIX + 4 * at * dim)
        file.seek(0, 2)
        for block in blocks:
            data = _bytes(np.ascontiguousarray(block, np.float32).reshape(-1).view(np.uint8))
            rows, crc = rows + len(block), google_crc32c.extend(crc, data)
            file.write(memoryview(data))
            if rows >= _PART_ROWS:
                parts.append(Part(rows, crc))
                rows, crc = 0, 0
    return (*parts, Part(rows, crc)) if rows else tuple(parts)


def unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """(N, D) float32 of length 1; vectors of zero stay, and are like nothing."""
    values = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(values, axis=-1, keepdims=True)
    return np.divide(values, lengths, out=np.zeros_like(values), where=lengths > 0)


def _view(buffer: NDArray[np.uint8], rows: int, dim: int) -> Any:
    """FAISS reads an index without a copy from memory that holds its file: so the header of such a file goes before the rows."""
    header = native.serialize_index(native.IndexFlatIP(dim)).tobytes()
    # fourcc, dim (int32), rows (int64), ..., number of values (uint64), values
    header = header[:8] + rows.to_bytes(8, "little") + header[16:-8] + (rows * dim).to_bytes(8, "little")
    buffer[PREFIX - len(header) : PREFIX] = np.frombuffer(header, np.uint8)
    whole = buffer[PREFIX - len(header) :]
    return native.read_index(native.ZeroCopyIOReader(native.swig_ptr(whole), whole.nbytes))


def _bytes(data: NDArray[np.uint8]) -> Any:
    """As google_crc32c takes it."""
    whole = data.view()
    whole.flags.writeable = False
    return whole
