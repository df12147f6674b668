from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanbank.store import Bank, EncoderSpec, FeatureKey, ViewSpec, Window
from scanbank.store.compact import compact
from scanbank.store.errors import BankDamagedError, UsageError
from scanbank.store.feature_rows import FeatureRows
from scanbank.store.renumber import renumber
from scanbank.store.rewrite import fitting_chunk

SLICES = FeatureKey("slice", EncoderSpec("intensity", "1", 8), ViewSpec((Window(0, 80),)))
DEPTH = FeatureKey("depth", EncoderSpec("deep", "1", 4), ViewSpec((Window(0, 80),)))
NOW = timedelta(0)


def add_volume(bank: Bank, name: str, slices: int, vectors: np.ndarray | None = None) -> np.ndarray:
    """Ordinals of the slices."""
    with bank.commit(name) as commit:
        first = commit.reserve(1 + slices)
        volume = {"volume": name, "ordinal": first, "patient": name, "patient_key": name, "study": name, "series": name}
        commit.append("volumes", [volume | {"slices": slices, "slice_ordinal": first + 1}])
        rows = [{"slice": f"{name}-{i}", "ordinal": first + 1 + i, "volume": name, "index": i} for i in range(slices)]
        commit.append("slices", rows)
        ordinals = np.arange(first + 1, first + 1 + slices)
        if vectors is not None:
            commit.append_features(SLICES, vectors, ordinals)
    bank.refresh()
    return ordinals


def size(bank: Bank) -> int:
    return sum(entry.bytes for entry in bank.place.entries())


def test_vectors_without_an_item_go_and_the_others_stay_bit_for_bit(bank: Bank) -> None:
    rng = np.random.default_rng(0)
    vectors = {name: rng.standard_normal((700, 8)).astype(np.float32) for name in "abcde"}
    for name, values in vectors.items():
        add_volume(bank, name, 700, values)
    with bank.commit("changed") as commit:
        bank.refresh()
        renumber(bank, commit, ["b", "d"])
    bank.refresh()
    rows = bank.sql("SELECT * FROM slices ORDER BY ALL").to_pylist()
    assert compact(bank, keep=1, grace=NOW).vectors_dropped == 1400
    held = bank.features(SLICES.name)
    assert held.rows == 2100
    for name in "ace":
        ordinals = bank.sql(f"SELECT ordinal FROM slices WHERE volume = '{name}' ORDER BY 1").column(0).to_numpy()
        np.testing.assert_array_equal(held.of(ordinals), vectors[name])
    with pytest.raises(UsageError, match="no vector"):
        held.of(bank.sql("SELECT ordinal FROM slices WHERE volume = 'b'").column(0).to_numpy())
    assert bank.sql("SELECT * FROM slices ORDER BY ALL").to_pylist() == rows
    again = compact(bank, keep=1, grace=NOW)
    assert (again.vectors_dropped, again.files_merged, again.files_removed) == (0, 0, 0)
    add_volume(bank, "f", 700, vectors["a"])
    np.testing.assert_array_equal(bank.features(SLICES.name).vectors(2100), vectors["a"])


def test_vectors_along_depth_are_moved_with_their_places(bank: Bank) -> None:
    rng = np.random.default_rng(1)
    kept: dict[int, np.ndarray] = {}
    for i in range(12):
        add_volume(bank, f"v{i}", 2)
        ordinal = bank.sql(f"SELECT ordinal FROM volumes WHERE volume = 'v{i}'").column(0)[0].as_py()
        mask = np.ones((1, 3), bool)
        rows = FeatureRows(rng.standard_normal((1, 3, 4)).astype(np.float32), np.full((1, 3), i, np.float32), mask)
        with bank.commit("vectors") as commit:
            commit.append_features(DEPTH, rows, np.array([ordinal]))
        kept[ordinal] = rows.vector[0]
    with bank.commit("changed") as commit:
        bank.refresh()
        renumber(bank, commit, ["v3", "v11"])
    bank.refresh()
    gone = {ordinal for i, ordinal in enumerate(kept) if i in (3, 11)}
    compact(bank, keep=1, grace=NOW)
    held = bank.features(DEPTH.name)
    assert held.items().tolist() == [ordinal for ordinal in kept if ordinal not in gone]
    np.testing.assert_array_equal(held.vectors(), [kept[ordinal] for ordinal in held.items()])
    np.testing.assert_array_equal(held.z_mm()[:, 0], [i for i in range(12) if i not in (3, 11)])
    assert held.mask().all()


def test_a_bank_of_many_small_commits_is_hardly_larger_than_its_vectors(bank: Bank) -> None:
    rng = np.random.default_rng(2)
    wide = FeatureKey("slice", EncoderSpec("wide", "1", 512), ViewSpec((Window(0, 80),)))
    for i in range(12):
        ordinals = add_volume(bank, f"v{i}", 150)
        with bank.commit("vectors") as commit:
            commit.append_features(wide, rng.standard_normal((150, 512)).astype(np.float32), ordinals)
    before = size(bank)
    done = compact(bank, keep=1, grace=NOW)
    assert (done.bytes_before, done.bytes_after) == (before, size(bank))
    stored = sum(entry.bytes for entry in bank.place.entries("features"))
    assert stored <= 1.05 * 1800 * (512 * 4 + 8)
    assert before > 4 * stored


def test_young_files_that_nothing_lists_stay_for_a_while(bank: Bank) -> None:
    add_volume(bank, "a", 3)
    bank.place.write("tables/volumes/0000000099-deadbeef.parquet", b"of a commit that was killed")
    bank.place.write("tables/volumes/.x.tmp", b"half")
    compact(bank)
    assert len(bank.place.entries("tables/volumes")) == 3
    compact(bank, grace=NOW)
    assert len(bank.place.entries("tables/volumes")) == 1
    assert bank.sql("SELECT * FROM volumes").num_rows == 1


def test_the_last_snapshots_stay_readable(bank: Bank) -> None:
    for name in "abcdef":
        add_volume(bank, name, 1)
    snapshots = [entry.snapshot for entry in bank.log()]
    compact(bank, keep=4, grace=NOW)
    for back, snapshot in enumerate(snapshots[:3]):
        assert Bank.open(bank.path, at=snapshot).sql("SELECT * FROM volumes").num_rows == 6 - back
    for snapshot in snapshots[3:]:
        with pytest.raises(UsageError, match="scanbank log"):
            Bank.open(bank.path, at=snapshot)
    assert {entry.name for entry in bank.place.entries("features/snapshots")} == {
        f"features/snapshots/{name}" for name in [*(entry.snapshot for entry in bank.log()), "1CECHNKREP0F1RSTCMT0"]
    }


def test_a_damaged_snapshot_is_not_given_a_new_digest(bank: Bank) -> None:
    for name in "abc":
        add_volume(bank, name, 1)
    path = bank.path / "features" / "transactions" / bank.log()[1].snapshot
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    before = [entry.snapshot for entry in bank.log()]
    with pytest.raises(BankDamagedError, match="is not what was written"):
        compact(bank, keep=1, grace=NOW)
    assert [entry.snapshot for entry in Bank.open(bank.path).log()][-len(before) :] == before


def test_an_interrupted_compaction_is_finished_by_the_next(bank: Bank) -> None:
    for name in "abc":
        add_volume(bank, name, 1)
    bank.place.write("compacting.json", b"{}")
    compact(bank, keep=1, grace=NOW)
    assert not [entry for entry in bank.place.entries() if entry.name == "compacting.json"]
    assert len(bank.log()) == 1


def test_keep_nothing_is_refused(bank: Bank) -> None:
    with pytest.raises(UsageError, match="expected 1 or more"):
        compact(bank, keep=0)


def test_a_thousand_runs_become_one_file(bank: Bank) -> None:
    for i in range(30):
        with bank.commit("run") as commit:
            commit.append("runs", [{"run": f"r{i}", "command": "sweep", "started": datetime(2026, 1, 1, tzinfo=UTC)}])
            commit.append("metrics", [{"run": f"r{i}", "finding": "f", "metric": "auroc", "repeat": k, "value": k / 10} for k in range(5)])
    bank.refresh()
    query = "SELECT run, sum(value) AS s FROM metrics GROUP BY run ORDER BY run"
    before = bank.sql(query).to_pylist()
    assert len(bank.snapshot.files("metrics")) == 30
    compact(bank)
    assert [len(bank.snapshot.files(table)) for table in ("runs", "metrics")] == [1, 1]
    assert bank.snapshot.is_fresh("metrics")
    assert bank.sql(query).to_pylist() == before


@settings(max_examples=200)
@given(rows=st.integers(1, 5000), most=st.integers(1, 1024))
def test_fitting_chunks_hold_the_rows_with_hardly_any_room_left(rows: int, most: int) -> None:
    chunk = fitting_chunk(rows, most)
    stored = -(-rows // chunk) * chunk
    assert 1 <= chunk <= most
    assert rows <= stored < rows + -(-rows // most)


def test_compaction_of_an_empty_bank(tmp_path: Path) -> None:
    bank = Bank.create(tmp_path / "empty")
    done = compact(bank)
    assert (done.files_merged, done.vectors_dropped, done.snapshots_expired) == (0, 0, 0)
    assert bank.sql("SELECT * FROM volumes").num_rows == 0
