"""Rows by columns are what the same rows one by one are, and whether keys come twice is told as by counting them."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanbank.store import Bank
from scanbank.store.column_rows import CHUNK_ROWS, has_distinct_rows, repeated
from scanbank.store.errors import UnknownNameError, UsageError

ITEMS = ["v0", "v1", "v2"]
COLUMNS: dict[str, Any] = {
    "run": "r",
    "item": pa.DictionaryArray.from_arrays(np.array([0, 1, 2, 0, 1, 2]), ITEMS),
    "finding": "bleed",
    "features": np.array(["a/x", "a/x", "a/x", "b/x", "b/x", "b/x"]),
    "head": pa.array(["linear", "linear", None, "knn", "knn", "knn"]),
    "shots": None,
    "repeat": np.arange(6, dtype=np.int32),
    "y": 1,
    "score": np.linspace(-1, 1, 6, dtype=np.float32),
}


def as_rows() -> list[dict[str, Any]]:
    plain = {name: value.tolist() if hasattr(value, "tolist") else [value] * 6 for name, value in COLUMNS.items()}
    return [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]


def files(bank: Bank, table: str) -> list[pa.Table]:
    return [pq.read_table(bank.path / "tables" / table / file.name) for file in bank.snapshot.files(table)]


def test_the_file_holds_what_rows_one_by_one_would(bank: Bank) -> None:
    with bank.commit("both") as commit:
        commit.append("runs", [{"run": "r"}])
        commit.append("predictions", as_rows())
        commit.append_columns("predictions", COLUMNS, 6)
    bank.refresh()
    by_row, by_column = files(bank, "predictions")
    assert by_column.schema.equals(by_row.schema)
    assert by_column.to_pylist() == by_row.to_pylist()
    assert by_column["seq"].to_pylist() == [1] * 6
    assert [file.fresh for file in bank.snapshot.files("predictions")] == [True, False]
    assert bank.sql("SELECT count(*) AS n, count(head) AS heads FROM predictions").to_pylist() == [{"n": 6, "heads": 5}]


def test_times_lists_and_columns_left_out(bank: Bank) -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    with bank.commit("times") as commit:
        commit.append_columns("runs", {"run": np.array(["a", "b"]), "started": now}, 2)
        commit.append_columns("volumes", {"volume": pa.array(["v"]), "flags": pa.array([["gap", "tilt"]]), "has_hu": True}, 1)
        commit.append_columns("labels", {}, 0)
    bank.refresh()
    assert bank.sql("SELECT run, command, started FROM runs ORDER BY run").to_pylist() == [
        {"run": run, "command": None, "started": now} for run in "ab"
    ]
    assert bank.sql("SELECT flags, has_hu, slices FROM volumes").to_pylist() == [{"flags": ["gap", "tilt"], "has_hu": True, "slices": None}]
    assert bank.snapshot.files("labels") == []


@pytest.mark.parametrize(
    ("columns", "pattern"),
    [
        ({"scroe": 1.0}, "column of predictions 'scroe' is unknown; did you mean 'score'"),
        ({"seq": 7}, "column of predictions 'seq' is unknown"),
        ({"score": np.zeros(5)}, r"column 'score' of table 'predictions' has 5 values; expected 6, one for each row"),
        ({"score": np.zeros((6, 1))}, r"column 'score' of table 'predictions' has shape \(6, 1\); expected \(6,\)"),
        ({"score": "high"}, "column 'score' of table 'predictions' holds what is no double"),
        ({"score": np.array(["high"] * 6)}, "column 'score' of table 'predictions' holds what is no double"),
        ({"repeat": np.linspace(0, 1, 6)}, "column 'repeat' of table 'predictions' holds what is no int64"),
        ({"item": np.arange(6)}, "column 'item' of table 'predictions' holds what is no string"),
        ({"item": pa.array([1] * 6).dictionary_encode()}, "column 'item' of table 'predictions' holds what is no string"),
        ({"item": 3}, "column 'item' of table 'predictions' holds what is no string"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_does_not_fit_is_named_and_nothing_is_written(bank: Bank, columns: dict[str, Any], pattern: str) -> None:
    before = bank.snapshot.id
    with pytest.raises(UsageError, match=pattern), bank.commit("x") as commit:
        commit.append_columns("predictions", columns, 6)
    assert Bank.open(bank.path).snapshot.id == before
    with pytest.raises(UnknownNameError, match="did you mean 'predictions'"), bank.commit("x") as commit:
        commit.append_columns("prediction", columns, 6)
    with pytest.raises(UsageError, match="-1 rows"), bank.commit("x") as commit:
        commit.append_columns("predictions", {}, -1)


KEYS = st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 3) | st.none(), st.sampled_from(["x", "y"])), max_size=12)


@given(KEYS, st.booleans(), st.integers(1, 12))
def test_keys_that_come_twice_are_found_as_by_counting(keys: list[tuple[Any, ...]], coded: bool, chunk: int) -> None:
    types = {"a": pa.string(), "b": pa.int64(), "c": pa.string()}
    parts = [keys[at : at + chunk] for at in range(0, len(keys), chunk)]
    columns = {
        name: pa.chunked_array([pa.array([key[i] for key in part], t) for part in parts], t) for i, (name, t) in enumerate(types.items())
    }
    if coded:
        # a dictionary that says one thing twice, and one that says null
        codes = pa.array([{"x": k % 2, "y": 2}[key[2]] for k, key in enumerate(keys)], pa.int8())
        columns["c"] = pa.chunked_array([pa.DictionaryArray.from_arrays(codes, pa.array(["x", "x", "y"]))])
        codes = pa.array([{"a": 0, "b": 1, None: None if k % 2 else 2}[key[0]] for k, key in enumerate(keys)], pa.int8())
        columns["a"] = pa.chunked_array([pa.DictionaryArray.from_arrays(codes, pa.array(["a", "b", None]))])
    assert has_distinct_rows(pa.table(columns), ["a", "b", "c"]) == (len(set(keys)) == len(keys))


def test_keys_of_more_combinations_than_64_bits_count() -> None:
    """Each of eight columns has 1,000 values: 10**24 combinations."""
    columns = {f"c{k}": np.random.default_rng(k).permutation(1000) for k in range(8)}
    rows = pa.table(columns)
    assert has_distinct_rows(rows, list(columns))
    assert not has_distinct_rows(pa.concat_tables([rows, rows.slice(500, 1)]), list(columns))


def test_one_value_takes_the_memory_of_a_chunk() -> None:
    held = repeated("a", pa.string(), 5 * CHUNK_ROWS + 3)
    assert len(held) == 5 * CHUNK_ROWS + 3
    assert held.unique().to_pylist() == ["a"]
    assert len({chunk.indices.buffers()[1].address for chunk in held.chunks}) == 1


MILLION = """
import sys
import numpy as np, pyarrow as pa
from pathlib import Path
from scanbank.store import Bank

def memory(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name))

folder, cells = Path(sys.argv[1]), 40
bank = Bank.create(folder / "bank", key_file=folder / "key")
items = [f"{i:032x}" for i in range(25_000)]
columns = {
    "run": "r", "finding": "bleed", "features": "toy/brain/volume", "head": "linear", "shots": 5,
    "item": pa.DictionaryArray.from_arrays(np.tile(np.arange(25_000, dtype=np.int32), cells), items),
    "repeat": np.repeat(np.arange(cells), 25_000),
    "score": np.random.default_rng(0).normal(size=cells * 25_000),
}
before = memory("VmRSS")
with bank.commit("million") as commit:
    commit.append("runs", [{"run": "r"}])
    commit.append_columns("predictions", columns, cells * 25_000)
print(memory("VmHWM") - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_million_rows_fit_into_little_memory(tmp_path: Path) -> None:
    """At most 300 bytes a row beyond what was given, files and all; a dict for each row takes over 1,000."""
    done = subprocess.run([sys.executable, "-c", MILLION, str(tmp_path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 300_000
    bank = Bank.open(tmp_path / "bank", key_file=tmp_path / "key")
    assert bank.snapshot.is_fresh("predictions")
    answer = bank.sql("SELECT count(*) AS n, count(DISTINCT item) AS items, min(repeat) AS low, max(repeat) AS high FROM predictions")
    assert answer.to_pylist() == [{"n": 1_000_000, "items": 25_000, "low": 0, "high": 39}]
