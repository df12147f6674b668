"""Vectors that lie in a file: what FAISS reads of them, and what is noticed when they change."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
import pytest

from index_vectors import mixture
from scanbank.eval.indexes.vectors import Vectors, append
from scanbank.store.index_folder import vectors_fit

ROWS = mixture(13_000, 8, 10, 3, 0)
QUERY = ROWS[7] + ROWS[8]


@pytest.fixture
def held(tmp_path: Path) -> Vectors:
    path = tmp_path / "v"
    parts = [*append(path, 0, iter([ROWS[:5000], ROWS[5000:9000]]), 8), *append(path, 9000, iter([ROWS[9000:]]), 8)]
    assert [part.rows for part in parts] == [9000, 4000]
    return Vectors.mapped(path, parts, 8)


def test_rows_of_a_file_are_those_that_were_written(held: Vectors) -> None:
    np.testing.assert_array_equal(held.rows, ROWS)
    assert held.flat.ntotal == len(ROWS)


@pytest.mark.parametrize("k", [1, 10, 700])
def test_the_nearest_are_those_of_faiss(held: Vectors, k: int) -> None:
    flat = faiss.IndexFlatIP(8)
    flat.add(ROWS)
    scores, rows = held.nearest(QUERY, k)
    expected, of = flat.search(QUERY[None], k)
    assert rows.tolist() == of[0].tolist()
    np.testing.assert_array_equal(scores, expected[0])
    some = np.arange(0, 13_000, 2)
    scores, rows = held.nearest(QUERY, k, some)
    kept = ROWS[some] @ QUERY
    assert set(rows.tolist()) == set(some[np.argsort(-kept)[:k]].tolist())


def test_many_queries_at_once(held: Vectors) -> None:
    scores, rows = held.best(ROWS[:20], 5)
    np.testing.assert_array_equal(rows, np.argsort(-(ROWS[:20] @ ROWS.T), axis=1)[:, :5])
    scores, rows = held.best(ROWS[:2], 5, np.array([3, 4]))
    assert rows[:, 2:].tolist() == [[-1] * 3] * 2
    assert np.isneginf(scores[:, 2:]).all()


@pytest.mark.parametrize("place", [0, 63, 64, 64 + 8 * 4 * 9000, -1])
def test_a_byte_that_changed_is_noticed(tmp_path: Path, place: int) -> None:
    path = tmp_path / "v"
    (part,) = append(path, 0, iter([ROWS[:9100]]), 8)
    assert vectors_fit(path, [{"rows": part.rows, "crc32c": part.crc32c}], 8)
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    assert not vectors_fit(path, [{"rows": part.rows, "crc32c": part.crc32c}], 8)
    if place not in (0, 63):  # which FAISS is not given
        with pytest.raises(ValueError, match="not what was written"):
            Vectors.mapped(path, [part], 8)


def test_what_a_kill_left_behind_the_rows_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "v"
    (first,) = append(path, 0, iter([ROWS[:3]]), 8)
    append(path, 3, iter([ROWS[3:9]]), 8)
    more = append(path, 3, iter([ROWS[5:6]]), 8)
    np.testing.assert_array_equal(Vectors.mapped(path, [first, *more], 8).rows, ROWS[[0, 1, 2, 5]])
    with pytest.raises(ValueError, match="shorter than its 9 rows"):
        Vectors.mapped(path, [first, first, first], 8)
    with pytest.raises(FileNotFoundError):
        append(tmp_path / "gone", 3, iter([ROWS[:1]]), 8)
