"""A kill or an error at every call that changes files: the bank is as before or after a commit, and the same command finishes the work."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from bank_states import check, content, leftovers
from fault_banks import CASES, Case, make_cases
from faults import NAME, OTHER, SPACE, Commands, Fault, commands, why_not
from scanbank.store.compact import collect
from scanbank.store.retention import expire

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "faults can be made")

ERRORS = {"ENOSPC": SPACE, "EACCES": NAME, "EROFS": SPACE | NAME | OTHER, "EIO": 0}
"""Calls that fail from the chosen one on: a disk stays full, a folder stays read-only. An EIO comes once."""
KILLS, FAILURES = 20, 12
STRIDE = int(os.environ.get("FAULT_STRIDE", "1"))
"""The slow tests try every call, or every so manieth."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    with commands(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory, server: Commands) -> dict[str, Case]:
    return make_cases(tmp_path_factory.mktemp("faults"), server)


def test_every_kind_of_writer_is_counted(cases: dict[str, Case]) -> None:
    """Python's, SQLite's and Icechunk's calls are seen, else nothing below would be tested."""
    assert {name: case.calls > 10 for name, case in cases.items()} == dict.fromkeys(CASES, True)
    assert {name: len(case.states) for name, case in cases.items()} == CASES


def test_a_sample_of_kills(cases: dict[str, Case], server: Commands) -> None:
    for name, number in _sample(cases, KILLS):
        killed(cases[name], server, number)


def test_a_sample_of_errors(cases: dict[str, Case], server: Commands) -> None:
    for (name, number), error in zip(_sample(cases, FAILURES), list(ERRORS) * FAILURES, strict=False):
        failed(cases[name], server, number, error)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_kill_at_every_call(cases: dict[str, Case], server: Commands, name: str) -> None:
    numbers = range(1, cases[name].calls + 1, STRIDE)
    kills = sum(killed(cases[name], server, number) for number in numbers)
    print(f"\n{name}: {kills} kills", flush=True)  # noqa: T201
    assert kills >= 0.9 * len(numbers)  # threads of Icechunk make a few calls more or less


@pytest.mark.slow
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("name", CASES)
def test_an_error_at_every_call(cases: dict[str, Case], server: Commands, name: str, error: str) -> None:
    numbers = range(1, cases[name].calls + 1, STRIDE)
    ended = sum(failed(cases[name], server, number, error) for number in numbers)
    print(f"\n{name} {error}: {len(numbers)} faults, {ended} ended the command", flush=True)  # noqa: T201
    assert ended >= 1


def _sample(cases: dict[str, Case], count: int) -> list[tuple[str, int]]:
    """Calls of all commands in turn, the same at every run."""
    rng = random.Random(0)
    names = list(cases)
    return [(name, rng.randint(1, cases[name].calls)) for name in (names * count)[:count]]


def killed(case: Case, server: Commands, number: int) -> bool:
    """Kill the command at a call; says whether it came that far."""
    case.reset()
    outcome = server.run(case.words, case.folder, Fault(number))
    assert outcome.code in (-9, case.code), outcome.stderr
    _goes_on(case, server, f"{case.name} killed at call {number}")
    return outcome.code == -9


def failed(case: Case, server: Commands, number: int, error: str) -> bool:
    """Let calls of the command fail; says whether that ended it."""
    case.reset()
    outcome = server.run(case.words, case.folder, Fault(number, getattr(errno, error), ERRORS[error]))
    where = f"{case.name} with {error} at call {number}"
    assert "Traceback" not in outcome.stderr, f"{where}: {outcome.stderr}"
    lines = [line for line in outcome.stderr.splitlines() if line.startswith("error: ")]
    ended = outcome.code != case.code or bool(lines)
    if ended:
        assert outcome.code in (1, 2), f"{where}: {outcome.stderr}"
        assert len(lines) == 1, f"{where}: {outcome.stderr}"
    else:
        assert check(case.open()) == case.end, where
    _goes_on(case, server, where)
    return ended


def _goes_on(case: Case, server: Commands, where: str) -> None:
    now = check(case.open())
    assert {name: now[name] for name in ("tables", "vectors")} in case.states, where
    again = server.run(case.words, case.folder)
    taken = case.name == "tag" and "is taken" in again.stderr
    assert again.code == case.code or taken, f"{where}: {again.stderr}"
    assert check(case.open()) == case.end, where
    bank = case.open()
    with bank.place.writer("sweep", 60.0):  # what `compact --grace 0` does at its end
        expire(bank.place, bank.repository, keep=100)
        collect(bank, datetime.now(UTC))
    assert leftovers(bank) == [], where
    bank.refresh()
    assert content(bank)["vectors"] == case.end["vectors"], where
