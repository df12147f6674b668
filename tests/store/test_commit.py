from __future__ import annotations

import numpy as np
import pytest

from processes import KEY
from scanbank.store import Bank
from scanbank.store.errors import UnknownNameError, UsageError


def label(item: str, status: str = "present") -> dict[str, str]:
    return {"item": item, "level": "volume", "finding": "f", "status": status, "source": "table"}


def test_rows_and_vectors_become_visible_together(bank: Bank) -> None:
    reader = Bank.open(bank.path)
    with bank.commit("both") as commit:
        first = commit.reserve(3)
        commit.append("labels", [label("a")])
        commit.append_features(KEY, np.eye(3, 4, dtype=np.float32), np.arange(first, first + 3))
        assert Bank.open(bank.path).sql("SELECT * FROM labels").num_rows == 0
    assert reader.sql("SELECT * FROM labels").num_rows == 0
    assert reader.feature_sets == []
    reader.refresh()
    assert reader.sql("SELECT * FROM labels").num_rows == 1
    np.testing.assert_array_equal(reader.features(KEY.name).vectors(), np.eye(3, 4, dtype=np.float32))


def test_an_error_leaves_nothing_behind(bank: Bank) -> None:
    before = bank.snapshot.id

    def fail() -> None:
        with bank.commit("fails") as commit:
            commit.reserve(5)
            commit.append("labels", [label("a")])
            commit.append_features(KEY, np.ones((1, 4), dtype=np.float32), np.array([0]))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    bank.refresh()
    assert bank.snapshot.id == before
    assert list((bank.path / "tables").rglob("*.parquet")) == []
    with bank.commit("goes on") as commit:
        assert commit.reserve(1) == 0


def test_an_empty_commit_makes_no_snapshot(bank: Bank) -> None:
    with bank.commit("nothing") as commit:
        commit.append("labels", [])
    bank.refresh()
    assert [entry.message for entry in bank.log()] == ["init"]
    assert commit.snapshot_id == ""


def test_ordinals_are_given_once(bank: Bank) -> None:
    for expected in (0, 10):
        with bank.commit("r") as commit:
            assert commit.reserve(10) == expected


def test_latest_row_counts_and_history_stays(bank: Bank) -> None:
    for status in ("present", "absent"):
        with bank.commit(status) as commit:
            commit.append("labels", [label("a", status), label("b")])
    first = bank.log()[-1]
    bank.refresh()
    assert {r["item"]: r["status"] for r in bank.sql("SELECT item, status FROM labels").to_pylist()} == {"a": "absent", "b": "present"}
    assert bank.sql("SELECT * FROM history_labels").num_rows == 4
    then = Bank.open(bank.path, at=bank.log()[1].snapshot)
    assert then.sql("SELECT status FROM labels WHERE item = 'a'").to_pylist() == [{"status": "present"}]
    assert Bank.open(bank.path, at=first.snapshot[:8]).sql("SELECT * FROM labels").num_rows == 0


def test_a_bank_opened_at_a_snapshot_is_not_written(bank: Bank) -> None:
    old = Bank.open(bank.path, at=bank.snapshot.id)
    with pytest.raises(UsageError, match="as it was"):
        old.commit("x")


def test_unknown_snapshot_and_table_and_column(bank: Bank) -> None:
    with pytest.raises(UsageError, match="scanbank log"):
        Bank.open(bank.path, at="nonsense")
    with pytest.raises(UnknownNameError, match="did you mean 'labels'"), bank.commit("x") as commit:
        commit.append("lables", [{}])
    with pytest.raises(UnknownNameError, match="did you mean 'finding'"), bank.commit("x") as commit:
        commit.append("labels", [{"findng": "x"}])
