"""Forgetting, killed: at every write that Python makes, and at any time, also amid what Icechunk writes."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from eval_banks import toy_bank
from patient_banks import searched, vectors_of
from scanbank.store import Bank
from scanbank.store.compact import compact
from scanbank.store.errors import UsageError
from scanbank.store.forget import forget

_KILLED = """
import os, signal, sys
from scanbank.store import Bank
from scanbank.store.compact import collect  # loads all that will be needed
from scanbank.store.forget import forget
bank, left = Bank.open(sys.argv[1]), int(sys.argv[2])
_ = bank.sql("FROM volumes")
print("ready", flush=True)
done = 0
def count(event, args):
    global done
    wrote = event in ("os.rename", "os.remove") or (event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR))
    if wrote and str(args[0]).startswith(sys.argv[1]):
        done += 1
        if done == left:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
forget(bank, (), ["p1"])
print(done)
"""


ORDINALS = np.array([4, 5, 6, 7])
"""Of p1's scan and its slices."""


def started(folder: Path, at: int) -> subprocess.Popen[str]:
    """A process that forgets p1, and dies before the `at`-th time it opens a file for writing, renames or removes one."""
    child = subprocess.Popen([sys.executable, "-c", _KILLED, str(folder), str(at)], stdout=subprocess.PIPE, text=True)
    assert child.stdout
    assert child.stdout.readline() == "ready\n"
    return child


def ended(child: subprocess.Popen[str]) -> str:
    said = child.communicate()[0]
    assert child.returncode == (0 if said else -9)
    return said


@pytest.fixture
def whole(bank: Bank) -> Bank:
    """Five patients, of whom p1 is to be forgotten, and a tag."""
    toy_bank(bank, 5)
    bank.tag("held")
    assert len(vectors_of(bank, ORDINALS)) == 4
    return bank


def check(whole: Bank, folder: Path, *, by_compact: bool) -> bool:
    """What a kill left is the bank before or after, and is finished by the same again; says whether p1 was there still."""
    vectors, others = vectors_of(whole, ORDINALS), vectors_of(whole, ORDINALS, others=True)
    opened = Bank.open(folder)
    there = len(opened.sql("FROM volumes WHERE patient = 'p1'"))
    assert len(opened.sql("FROM labels")) == 4 + there
    assert vectors_of(opened, ORDINALS) == (vectors if there else {})
    unfinished = opened.place.entries("forgetting")
    if there or (unfinished and not by_compact):
        assert forget(opened, (), ["p1"]).resumed != bool(there)
    else:
        compact(opened)
    needles = {str(key): vector for key, vector in vectors.items()} | {"slice": b"v1s0", "quoted": b'"p1"'}
    assert searched(folder, needles) == {}
    assert vectors_of(opened, ORDINALS, others=True) == others
    assert (opened.tags, opened.place.entries("forgetting")) == ({}, [])
    with pytest.raises(UsageError, match="no patient"):
        forget(opened, (), ["p1"])
    return bool(there)


@pytest.mark.parametrize("many", [3, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_kill_at_any_write_leaves_a_bank_before_or_after_and_the_same_again_finishes(whole: Bank, tmp_path: Path, many: int) -> None:
    shutil.copytree(whole.path, tmp_path / "counted")
    total = int(ended(started(tmp_path / "counted", 0)))
    assert total > 20
    there: list[bool] = []
    for at in sorted({round(1 + (total - 1) * i / (many - 1)) for i in range(many)}):
        shutil.copytree(whole.path, folder := tmp_path / str(at))
        assert ended(started(folder, at)) == ""
        there.append(check(whole, folder, by_compact=at % 3 == 0))
    assert there[0]
    assert not there[-1]


@pytest.mark.parametrize("many", [2, pytest.param(60, marks=pytest.mark.slow)])
def test_a_kill_at_any_time_does_so_too(whole: Bank, tmp_path: Path, many: int) -> None:
    rng = random.Random(0)
    for i in range(many):
        shutil.copytree(whole.path, folder := tmp_path / str(i))
        child = started(folder, 0)
        time.sleep(rng.uniform(0.0, 1.0))
        child.kill()
        child.communicate()
        check(whole, folder, by_compact=i % 3 == 0)
