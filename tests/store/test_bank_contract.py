"""What a bank promises, wherever it lies: one suite over a folder and over S3."""

from __future__ import annotations

import multiprocessing
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dicom_files import write_series
from processes import KEY, embed_bank, sweep_bank, write_labels
from scanbank.store import Bank
from scanbank.store.compact import compact
from scanbank.store.errors import BankConflictError, BankExistsError, NotABankError, UnknownNameError, UsageError
from scanbank.store.ingest import ingest

pytestmark = pytest.mark.long


@pytest.fixture(params=["folder", "s3"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "a" / "bank") if request.param == "folder" else request.getfixturevalue("s3_url")


def label(item: str, status: str = "present") -> dict[str, str]:
    return {"item": item, "level": "volume", "finding": "f", "status": status, "source": "table"}


def add(bank: Bank, *items: str, status: str = "present") -> None:
    for commit in bank.commits("labels"):
        with commit:
            commit.append("labels", [label(item, status) for item in items])
    bank.refresh()


def labelled(bank: Bank) -> list[str]:
    return bank.sql("SELECT item FROM labels ORDER BY item").column("item").to_pylist()


def test_made_opened_and_not_made_twice(where: str) -> None:
    with pytest.raises(NotABankError, match=r"is not a bank: it .*; make one with `scanbank init"):
        Bank.open(where)
    made = Bank.create(where)
    opened = Bank.open(where)
    assert opened.card == made.card
    assert opened.name == where
    assert opened.key == made.key
    with pytest.raises(BankExistsError, match="is a bank already"):
        Bank.create(where)


def test_rows_and_vectors_become_visible_together(where: str) -> None:
    bank = Bank.create(where)
    reader = Bank.open(where)
    with bank.commit("both") as commit:
        first = commit.reserve(3)
        commit.append("labels", [label("a")])
        commit.append_features(KEY, np.eye(3, 4, dtype=np.float32), np.arange(first, first + 3))
        assert labelled(Bank.open(where)) == []
    assert labelled(reader) == []
    reader.refresh()
    assert labelled(reader) == ["a"]
    np.testing.assert_array_equal(reader.features(KEY.name).vectors(), np.eye(3, 4, dtype=np.float32))


def test_an_error_leaves_nothing_behind(where: str) -> None:
    bank = Bank.create(where)
    before = {entry.name for entry in bank.place.entries()}

    def fail() -> None:
        with bank.commit("fails") as commit:
            commit.reserve(5)
            commit.append("labels", [label("a")])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert {entry.name for entry in bank.place.entries()} - before <= {".lock"}
    with bank.commit("goes on") as commit:
        assert commit.reserve(1) == 0


def test_a_bank_is_read_as_it_was(where: str) -> None:
    bank = Bank.create(where)
    add(bank, "a")
    first = bank.snapshot.id
    assert bank.tag("one") == first
    add(bank, "a", status="absent")
    add(bank, "b")
    assert [(entry.message, entry.tags) for entry in bank.log()] == [("labels", ()), ("labels", ()), ("labels", ("one",)), ("init", ())]
    for at in ("one", first, first[:10], first.lower()):
        assert Bank.open(where, at=at).sql("SELECT item, status FROM labels").to_pylist() == [{"item": "a", "status": "present"}]
    with pytest.raises(UsageError, match="is taken"):
        bank.tag("one")
    bank.untag("one")
    assert bank.tags == {}
    with pytest.raises(UsageError, match="given once"):
        bank.tag("one")
    with pytest.raises(UnknownNameError, match="tag 'two' is unknown"):
        bank.untag("two")
    with pytest.raises(UsageError, match="expected letters"):
        bank.tag("a/b")


def test_compaction_keeps_what_is_current_and_tagged(where: str) -> None:
    bank = Bank.create(where)
    for i in range(6):
        add(bank, "a", f"b{i}", status="present" if i % 2 else "absent")
        if i == 1:
            bank.tag("second")
    before = bank.sql("SELECT * FROM labels ORDER BY ALL").to_pylist()
    done = compact(bank, keep=2, grace=timedelta(0))
    assert (done.files_merged, done.rows_superseded, done.snapshots_expired) == (6, 5, 5)
    assert [entry.message for entry in bank.log()] == ["compact", "labels", "labels"]
    assert bank.sql("SELECT * FROM labels ORDER BY ALL").to_pylist() == before
    assert bank.sql("SELECT * FROM history_labels").num_rows == 7
    assert labelled(Bank.open(where, at="second")) == ["a", "b0", "b1"]
    add(bank, "c")
    assert labelled(Bank.open(where)) == ["a", *(f"b{i}" for i in range(6)), "c"]
    again = compact(bank, keep=1, grace=timedelta(0))
    assert again.bytes_after < again.bytes_before
    assert labelled(Bank.open(where, at="second")) == ["a", "b0", "b1"]
    tables = [entry.name for entry in bank.place.entries("tables")]
    assert len(tables) == 3  # one merged, two that the tag lists


def test_an_alias_moves_and_the_past_keeps_it(where: str) -> None:
    bank = Bank.create(where)
    other = type(KEY)(KEY.kind, type(KEY.encoder)("refreshed", "2", 4), KEY.view)
    with bank.commit("sets") as commit:
        for key in (KEY, other):
            commit.append_features(key, np.full((1, 4), len(key.name), np.float32), np.array([commit.reserve(1)]))
    bank.refresh()
    bank.alias("current", KEY.name)
    before = bank.snapshot.id
    bank.alias("current", other.digest)
    assert bank.features("current").name == other.name
    assert Bank.open(where, at=before).features("current").name == KEY.name
    assert bank.aliases == {"current": other.digest}
    with pytest.raises(UnknownNameError, match="did you mean 'current'"):
        bank.features("curent")
    with pytest.raises(UsageError, match="a feature set is called so"):
        bank.alias(KEY.digest[:8], other.name)


def test_two_processes_write_without_loss(where: str) -> None:
    bank = Bank.create(where)
    commits = 5 if where.startswith("s3:") else 10  # slower there, so that fewer meet as often
    run_at_once([(write_labels, (where, "a", commits)), (write_labels, (where, "b", commits))])
    bank.refresh()
    assert bank.sql("SELECT * FROM labels").num_rows == 2 * commits
    assert sorted(bank.features(KEY.name).items()) == list(range(4 * commits))


def test_threads_of_one_bank_write_without_loss(where: str) -> None:
    bank = Bank.create(where)
    writers = [threading.Thread(target=lambda n=n: [add(Bank.open(where), f"{n}{i}") for i in range(4)]) for n in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    bank.refresh()
    assert labelled(bank) == [f"{n}{i}" for n in "abc" for i in range(4)]


@pytest.mark.slow  # four processes that import everything
def test_two_embeds_and_two_sweeps_at_once_are_both_complete(where: str, tmp_path: Path) -> None:
    for i in range(12):
        write_series(tmp_path / "scans" / str(i), n=3, shape=(12, 12), patient_id=f"p{i}", series_uid=f"1.{i}", seed=i)
    bank = Bank.create(where)
    ingest(bank, [tmp_path / "scans"])
    patients = bank.sql("SELECT patient FROM patients ORDER BY 1").column(0).to_pylist()
    with bank.commit("labels") as commit:
        rows = [{"item": p, "level": "patient", "finding": "f", "source": "table"} for p in patients]
        commit.append("labels", [row | {"status": "present" if i % 2 else "absent"} for i, row in enumerate(rows)])
    run_at_once([(embed_bank, (where, "brain")), (embed_bank, (where, "bone"))])
    bank.refresh()
    assert {s.name: len(np.unique(s.items())) for s in bank.feature_sets} == {"intensity/brain/slice": 36, "intensity/bone/slice": 36}
    run_at_once([(sweep_bank, (where, "knn")), (sweep_bank, (where, "prototype"))])
    bank.refresh()
    assert bank.sql("SELECT DISTINCT head FROM metrics ORDER BY 1").column(0).to_pylist() == ["knn", "prototype"]
    counts = bank.sql("SELECT count(*) AS n FROM predictions GROUP BY head").column("n").to_pylist()
    assert len(counts) == 2
    assert counts[0] == counts[1] > 0


def test_who_was_overtaken_is_told(s3_url: str) -> None:
    Bank.create(s3_url)
    one, two = Bank.open(s3_url), Bank.open(s3_url)

    def overtaken() -> None:
        with two.commit("y") as second:
            second.append("labels", [label("second")])
            with one.commit("x") as first:
                first.append("labels", [label("first")])

    with pytest.raises(BankConflictError, match="another process wrote"):
        overtaken()
    assert labelled(Bank.open(s3_url)) == ["first"]
    assert len(one.place.entries("tables")) == 1


def run_at_once(jobs: list[tuple[Any, tuple[Any, ...]]]) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=target, args=args) for target, args in jobs]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
