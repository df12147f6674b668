"""What is taken for fresh is: the views show the latest rows, whatever was appended, in whatever order."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanbank.store import Bank
from scanbank.store.fresh import is_fresh_whole
from scanbank.store.renumber import renumber

VOLUMES = st.lists(st.integers(0, 3), min_size=1, max_size=3).map(lambda numbers: ("volumes", [{"volume": f"v{n}"} for n in numbers]))
SLICES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=4).map(
    lambda pairs: ("slices", [{"volume": f"v{n}", "index": k} for n, k in pairs])
)
Commits = list[list[tuple[str, list[dict[str, Any]]]]]
COMMITS = st.lists(st.lists(VOLUMES | SLICES, min_size=1, max_size=3), max_size=4)


def scan(name: str, first: int, slices: int) -> list[tuple[str, list[dict[str, Any]]]]:
    volume = {"volume": name, "ordinal": first, "slices": slices, "slice_ordinal": first + 1, "study": "s", "patient": "p"}
    rows = [{"slice": f"{name}.{k}", "volume": name, "index": k, "ordinal": first + 1 + k} for k in range(slices)]
    return [("volumes", [volume]), ("slices", rows)]


def put(bank: Bank, *appends: tuple[str, list[dict[str, Any]]]) -> None:
    with bank.commit("put") as commit:
        for table, rows in appends:
            commit.append(table, rows)
    bank.refresh()


def owners(*keys: str) -> Callable[[str, str], set[Any]]:
    return lambda _table, _column: set(keys)


def fresh(bank: Bank) -> dict[str, bool]:
    return {table: bank.snapshot.is_fresh(table) for table in ("volumes", "slices")}


@given(COMMITS)
@settings(max_examples=8, deadline=None)
def test_no_key_comes_twice(commits: Commits) -> None:
    check_keys(commits)


@pytest.mark.slow
@given(COMMITS)
@settings(max_examples=100, deadline=None)
def test_no_key_comes_twice_whatever_is_written(commits: Commits) -> None:
    check_keys(commits)


def check_keys(commits: Commits) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bank = Bank.create(Path(folder) / "bank", key_file=Path(folder) / "key")
        for appends in commits:
            put(bank, *appends)
        for table, key in (("volumes", ("volume",)), ("slices", ("volume", "index"))):
            written = [tuple(row[name] for name in key) for appends in commits for at, rows in appends if at == table for row in rows]
            found = bank.sql(f"SELECT {', '.join(f'{chr(34)}{name}{chr(34)}' for name in key)} FROM latest_{table}").to_pylist()
            assert sorted(tuple(row.values()) for row in found) == sorted(set(written))
            if len(set(written)) < len(written):
                assert not bank.snapshot.is_fresh(table)


def test_scans_that_come_one_after_another_are_fresh(bank: Bank) -> None:
    for number in range(3):
        put(bank, *scan(f"v{number}", 10 * number, 2))
    assert fresh(bank) == {"volumes": True, "slices": True}
    assert bank.sql("SELECT count(*) AS n FROM slices").to_pylist() == [{"n": 6}]


def test_new_ordinals_supersede(bank: Bank) -> None:
    put(bank, *scan("v0", 0, 2))
    put(bank, *scan("v1", 3, 2))
    with bank.commit("renumber") as commit:
        commit.reserve(100)
        renumber(bank, commit, ["v0"])
    bank.refresh()
    assert fresh(bank) == {"volumes": False, "slices": False}
    assert bank.sql("SELECT volume, ordinal FROM slices ORDER BY ordinal").to_pylist() == [
        {"volume": "v1", "ordinal": 4},
        {"volume": "v1", "ordinal": 5},
        {"volume": "v0", "ordinal": 101},
        {"volume": "v0", "ordinal": 102},
    ]
    put(bank, *scan("v2", 200, 1))
    assert fresh(bank) == {"volumes": False, "slices": False}


@pytest.mark.parametrize("again", [[1], [0, 1], [0]], ids=["slices", "both", "volume"])
def test_a_scan_that_comes_again_is_not_fresh(bank: Bank, again: list[int]) -> None:
    put(bank, *scan("v0", 0, 2))
    put(bank, *(scan("v0", 50, 2)[part] for part in again))
    assert fresh(bank) == {"volumes": 0 not in again, "slices": 1 not in again}
    assert bank.sql("SELECT min(ordinal) AS low FROM latest_slices").to_pylist() == [{"low": 51 if 1 in again else 1}]


def test_slices_before_their_volume_are_not_fresh(bank: Bank) -> None:
    volume, slices = scan("v0", 0, 2)
    put(bank, slices)
    put(bank, volume, slices)
    assert fresh(bank) == {"volumes": True, "slices": False}
    assert bank.sql("SELECT count(*) AS n FROM slices").to_pylist() == [{"n": 2}]


def test_results_of_runs(bank: Bank) -> None:
    metric = {"finding": "f", "features": "x", "head": "h", "repeat": 0, "metric": "auroc", "value": 0.5}
    for run in ("a", "b"):
        put(bank, ("runs", [{"run": run}]), ("metrics", [metric | {"run": run, "shots": shots} for shots in (None, 1)]))
    assert bank.snapshot.is_fresh("metrics")
    assert bank.sql("SELECT count(*) AS n FROM metrics").to_pylist() == [{"n": 4}]
    put(bank, ("runs", [{"run": "a"}]), ("metrics", [metric | {"run": "a", "shots": None, "value": 0.75}]))
    assert not bank.snapshot.is_fresh("metrics")
    assert sorted(bank.sql("SELECT value FROM metrics WHERE shots IS NULL").column(0).to_pylist()) == [0.5, 0.75]


@pytest.mark.parametrize("harm", ["missing", "cut short", "flipped"])
def test_what_cannot_be_read_is_not_known_to_be_fresh(bank: Bank, harm: str) -> None:
    put(bank, *scan("v0", 0, 2))
    (path,) = (bank.path / "tables" / "volumes").iterdir()
    data = bytearray(path.read_bytes())
    if harm == "missing":
        path.unlink()
    else:
        data[12] ^= 1
        path.write_bytes(data if harm == "flipped" else data[:50])
    put(bank, *scan("v1", 50, 2))
    assert fresh(bank) == {"volumes": False, "slices": False}


def test_a_table_in_one_file_is_fresh_if_nothing_is_below_what_is_not_there() -> None:
    slices = pa.table({"volume": ["a", "a", "b"], "index": [0, 1, 0]})
    assert is_fresh_whole("slices", slices, owners("a", "b", "c"))
    assert not is_fresh_whole("slices", slices, owners("a"))
    assert not is_fresh_whole("slices", pa.concat_tables([slices, slices.slice(1, 1)]), owners("a", "b"))
    assert is_fresh_whole("patients", pa.table({"patient": ["a", "b"]}), owners())
