"""Dense predictions: what is appended is read, an older snapshot stays as it was, and a patient's columns can be taken out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from eval_banks import add_volumes
from patient_banks import searched
from scanbank.store import Bank
from scanbank.store import dense as module
from scanbank.store.compact import compact
from scanbank.store.dense import DenseFits, append_dense
from scanbank.store.doctor import diagnose, is_sound, repair
from scanbank.store.errors import BankDamagedError, SnapshotGoneError, UnknownNameError, UsageError
from scanbank.store.forget import forget, preview

ITEMS = [f"v{i}" for i in range(7)]
Y = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0])


def fits(head: str, repeats: Sequence[int], scores: NDArray[np.float64], *, shots: int | None = 5, cell: str = "c") -> DenseFits:
    count = len(repeats)
    return DenseFits("bleed", "toy/brain/volume", head, [shots] * count, list(repeats), [f"{cell}-{head}-{r}" for r in repeats], scores)


def keep(bank: Bank, *of: DenseFits, run: str = "sweep-1", items: Sequence[str] = ITEMS, y: NDArray[np.float64] = Y) -> None:
    with bank.commit("sweep") as commit:
        bank.refresh()
        append_dense(commit, bank.snapshot, run, items, y, of)
        commit.append("runs", [{"run": run, "command": "sweep", "settings": "{}"}])
    bank.refresh()


def scored(seed: int, count: int, items: int = 7) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(count, items))


@pytest.fixture
def held(bank: Bank) -> Bank:
    """A volume for each of the items, of a patient each; two heads, of two commits."""
    add_volumes(bank, [f"p{i}" for i in range(7)])
    keep(bank, fits("knn", [0, 1, 2], scored(0, 3)))
    keep(bank, fits("cosine", [0, 1], scored(1, 2), shots=None), fits("knn", [3], scored(2, 1)))
    return bank


def test_what_is_appended_is_read_by_fit_and_item(held: Bank) -> None:
    kept = held.dense_predictions("sweep-1")
    whole = np.concatenate([scored(0, 3), scored(1, 2), scored(2, 1)]).astype(np.float32)
    assert kept.shape == (6, 7)
    assert kept.items == tuple(ITEMS)
    assert kept.y.tolist() == Y.tolist()
    assert np.array_equal(kept.scores(), whole)
    assert np.array_equal(kept.scores(slice(2, 4)), whole[2:4])
    assert np.array_equal(kept.scores(np.array([5, 0])), whole[[5, 0]])
    assert kept.cells.column_names == ["finding", "features", "head", "shots", "repeat", "cell"]
    assert [tuple(row[name] for name in ("head", "shots", "repeat")) for row in kept.cells.to_pylist()] == [
        ("knn", 5, 0),
        ("knn", 5, 1),
        ("knn", 5, 2),
        ("cosine", None, 0),
        ("cosine", None, 1),
        ("knn", 5, 3),
    ]
    rows = held.sql("SELECT c.cell, i.item FROM dense_cells c JOIN dense_items i USING (run) WHERE c.place = 3 AND i.place = 6").to_pylist()
    assert rows == [{"cell": "c-cosine-0", "item": "v6"}]
    with pytest.raises(UnknownNameError, match="run with dense predictions 'sweep-2' is unknown; did you mean 'sweep-1'"):
        held.dense_predictions("sweep-2")


def test_a_fit_that_is_made_again_takes_the_place_of_what_was(held: Bank) -> None:
    before = held.snapshot.id
    order = [3, 0, 1, 2, 6, 5, 4]
    items = [ITEMS[place] for place in order]
    new = scored(3, 3)
    keep(held, fits("knn", [1, 4, 0], new, cell="d"), items=items, y=Y[order])
    kept = held.dense_predictions("sweep-1")
    assert kept.cells.column("cell").to_pylist() == ["d-knn-0", "d-knn-1", "c-knn-2", "c-cosine-0", "c-cosine-1", "c-knn-3", "d-knn-4"]
    again = np.empty((3, 7))
    again[:, order] = new
    assert np.array_equal(kept.scores(np.array([1, 6, 0])), again.astype(np.float32))
    assert np.array_equal(kept.scores(slice(2, 3)), scored(0, 3).astype(np.float32)[2:])
    older = Bank.open(held.path, at=before).dense_predictions("sweep-1")
    assert older.cells.column("cell").to_pylist()[:2] == ["c-knn-0", "c-knn-1"]
    assert np.array_equal(older.scores(slice(0, 3)), scored(0, 3).astype(np.float32))
    scores = kept.scores()
    compact(held, keep=1, grace=timedelta(0))
    assert np.array_equal(held.dense_predictions("sweep-1").scores(), scores)
    with pytest.raises(SnapshotGoneError):
        kept.scores()
    assert diagnose(held.place) == []


def test_what_is_not_committed_is_not_there(held: Bank) -> None:
    with suppress(KeyboardInterrupt), held.commit("sweep") as commit:
        append_dense(commit, held.snapshot, "sweep-1", ITEMS, Y, [fits("knn", [7], scored(4, 1))])
        raise KeyboardInterrupt
    held.refresh()
    assert held.dense_predictions("sweep-1").shape == (6, 7)
    with pytest.raises(UsageError, match="run 'sweep-1' holds predictions of other items"):
        keep(held, fits("knn", [8], scored(4, 1)), items=[*ITEMS[:-1], "v9"])


def test_fits_are_read_a_chunk_at_a_time(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHUNK_VALUES", 3 * 300)
    items, scores = [f"v{i}" for i in range(300)], scored(5, 8, 300)
    keep(bank, fits("knn", range(4), scores[:4]), items=items, y=np.zeros(300))
    keep(bank, fits("knn", range(4, 8), scores[4:]), items=items, y=np.zeros(300))
    kept = bank.dense_predictions("sweep-1")
    assert kept.array.chunks == (3, 300)
    assert np.array_equal(kept.scores(), scores.astype(np.float32))


def test_a_forgotten_patient_leaves_no_column_and_no_byte(held: Bank) -> None:
    keep(held, fits("knn", [0], scored(6, 1)[:, 2:3]), run="sweep-2", items=["v2"], y=np.zeros(1))
    before = held.dense_predictions("sweep-1").scores()
    needles = {f"score {row}": before[row, 2].tobytes() for row in range(6)}
    assert len(searched(held.path, needles)) == 6
    would = preview(held, pseudonyms=["p2"])
    done = forget(held, pseudonyms=["p2"])
    assert done.rows == would.rows
    assert (done.rows["dense_items"], done.rows["dense_cells"], done.rows["runs"]) == (2, 1, 1)  # of sweep-2 nothing is left
    kept = held.dense_predictions("sweep-1")
    assert kept.items == ("v0", "v1", "v3", "v4", "v5", "v6")
    assert kept.y.tolist() == np.delete(Y, 2).tolist()
    assert np.array_equal(kept.scores(), np.delete(before, 2, axis=1))
    assert np.array_equal(kept.scores(np.array([4])), np.delete(before, 2, axis=1)[4:5])
    assert searched(held.path, needles) == {}
    with pytest.raises(UnknownNameError):
        held.dense_predictions("sweep-2")
    assert diagnose(held.place) == []
    forget(held, pseudonyms=["p6"])
    assert np.array_equal(held.dense_predictions("sweep-1").scores(), np.delete(before, [2, 6], axis=1))


def test_lost_chunks_are_told_of_and_taken_out(held: Bank) -> None:
    keep(held, fits("knn", [0], scored(7, 1)), run="sweep-2")
    compact(held, keep=1, grace=timedelta(0))
    value = held.dense_predictions("sweep-1").scores()[3].tobytes()
    (chunk,) = (file for file in (held.path / "features" / "chunks").iterdir() if value in file.read_bytes())
    data = bytearray(chunk.read_bytes())
    data[data.find(value)] ^= 1
    chunk.write_bytes(data)
    held = Bank.open(held.path)
    with pytest.raises(BankDamagedError, match="predictions of run 'sweep-1': a chunk is missing or damaged"):
        held.dense_predictions("sweep-1").scores()
    (told,) = (one for one in diagnose(held.place) if "predictions" in one.what)
    assert (told.severity, told.what) == ("error", "predictions of run 'sweep-1'")
    assert told.problem == "have lost 6 of 6 rows: a chunk is missing or does not fit its checksum"
    assert is_sound(repair(held.place).after)
    held = Bank.open(held.path)
    assert held.sql("SELECT DISTINCT run FROM dense_cells UNION ALL SELECT DISTINCT run FROM dense_items").to_pylist() == [
        {"run": "sweep-2"},
        {"run": "sweep-2"},
    ]
    assert held.dense_predictions("sweep-2").shape == (1, 7)
    keep(held, fits("knn", [0, 1], scored(8, 2)))
    assert held.dense_predictions("sweep-1").shape == (2, 7)


def test_tables_and_arrays_that_disagree_are_told_of(held: Bank) -> None:
    with held.commit("odd") as commit:
        row = {"run": "sweep-1", "finding": "bleed", "features": "toy", "head": "knn", "shots": 1, "repeat": 0, "cell": "x", "place": 9}
        commit.append("dense_cells", [row])
    held.refresh()
    with pytest.raises(BankDamagedError, match="do not agree with the tables dense_cells and dense_items"):
        held.dense_predictions("sweep-1")
    (told,) = diagnose(held.place)
    assert (told.severity, told.what) == ("error", "predictions of run 'sweep-1'")
    assert is_sound(repair(held.place).after)
