"""The writers' lock, with the other writer in a process of its own."""

from __future__ import annotations

import json
import logging
import multiprocessing
import re
import threading
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np
import pytest

from processes import KEY, hold_lock
from scanbank.store import Bank
from scanbank.store.errors import BankLockedError
from scanbank.store.lock import HOLDER, LOCK

ROW = {"item": "mine", "level": "volume", "finding": "f", "status": "absent", "source": "table"}


class Holder:
    """Another process, inside a commit that has written everything and is not finished."""

    def __init__(self, process: BaseProcess, pipe: Any) -> None:
        self.process, self.pipe = process, pipe
        self.pid: int = pipe.recv()

    def leave(self) -> None:
        self.pipe.send("leave")
        assert self.pipe.recv() == "done"


@pytest.fixture
def holder(bank: Bank) -> Iterator[Holder]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=hold_lock, args=(bank.path, theirs))
    process.start()
    theirs.close()
    try:
        yield Holder(process, ours)
    finally:
        process.kill()
        process.join()
        ours.close()


def test_who_waits_is_told_for_whom(bank: Bank, holder: Holder, caplog: pytest.LogCaptureFixture) -> None:
    class Leave(logging.Handler):
        """Lets the holder end once it has been waited for."""

        def emit(self, record: logging.LogRecord) -> None:
            holder.leave()

    logger, leave = logging.getLogger("scanbank"), Leave()
    logger.addHandler(leave)
    try:
        with bank.commit("mine") as commit:
            commit.append("labels", [ROW])
    finally:
        logger.removeHandler(leave)
    said = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "scanbank"]
    assert len(said) == 1
    assert said[0][0] == "WARNING"
    assert re.fullmatch(
        rf"waiting for process {holder.pid} \(holding it, since \S+\), which is writing to {re.escape(str(bank.path))}", said[0][1]
    )
    bank.refresh()
    assert {row["item"] for row in bank.sql("SELECT item FROM labels").to_pylist()} == {"held", "mine"}
    assert [entry.message for entry in bank.log()] == ["mine", "holding it", "init"]


def test_patience_ends_with_the_holders_name(bank: Bank, holder: Holder) -> None:
    said = rf"process {holder.pid} \(holding it, since .*\) has been writing to .* for longer than 0\.2 s; wait for it to end, or stop it"
    with pytest.raises(BankLockedError, match=said), bank.place.writer("mine", 0.2):
        pytest.fail("two are inside")
    holder.leave()
    with bank.place.writer("mine", 0.2):
        assert json.loads((bank.path / HOLDER).read_text())["doing"] == "mine"


def test_of_a_killed_holder_nothing_is_left(bank: Bank, holder: Holder, caplog: pytest.LogCaptureFixture) -> None:
    holder.process.kill()
    holder.process.join()
    with bank.commit("mine") as commit:
        commit.append("labels", [ROW])
    assert [record for record in caplog.records if record.name == "scanbank"] == []
    assert not (bank.path / HOLDER).exists()
    assert (bank.path / LOCK).stat().st_size == 0
    bank.refresh()
    assert [row["item"] for row in bank.sql("SELECT item FROM labels").to_pylist()] == ["mine"]
    assert bank.feature_sets == []


def test_readers_do_not_wait_and_see_no_half(bank: Bank, holder: Holder) -> None:
    """The writer is inside until it is told to leave: a reader that waited for it would wait for ever."""
    early = Bank.open(bank.path)
    late = Bank.open(bank.path)
    for reader in (early, late):
        assert reader.sql("SELECT count(*) AS n FROM labels").to_pylist() == [{"n": 0}]
        assert reader.feature_sets == []
        assert [entry.message for entry in reader.log()] == ["init"]
    holder.leave()
    assert early.sql("SELECT count(*) AS n FROM labels").to_pylist() == [{"n": 0}]
    early.refresh()
    assert early.sql("SELECT item FROM labels").to_pylist() == [{"item": "held"}]
    np.testing.assert_array_equal(early.features(KEY.name).vectors(), np.ones((2, 4), dtype=np.float32))


def test_threads_of_one_process_wait_for_one_another(bank: Bank) -> None:
    def write(name: str) -> None:
        for _ in range(4):
            with bank.commit(name) as commit:
                first = commit.reserve(1)
                commit.append("labels", [ROW | {"item": f"{first}"}])

    threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bank.refresh()
    assert sorted(int(row["item"]) for row in bank.sql("SELECT item FROM labels").to_pylist()) == list(range(12))


def test_a_commit_that_fails_gives_the_lock_back(bank: Bank) -> None:
    def fail() -> None:
        with bank.commit("fails") as commit:
            commit.append("labels", [ROW])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with bank.place.writer("mine", 0.2):
        pass
    assert not (bank.path / HOLDER).exists()
