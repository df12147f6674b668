"""Kills at every call that changes files, and at random moments: what is committed stays, what is missing comes, nothing comes twice."""

from __future__ import annotations

import os
import random

import pytest

from fault_banks import STATES, WORDS, Case, Cases, call_sample
from faults import Commands, Fault, why_not

pytestmark = pytest.mark.long

STRIDE = int(os.environ.get("FAULT_STRIDE", "1"))
"""The slow test tries every call, or every so manieth."""
STORMY = ("ingest", "embed", "sweep", "compact", "migrate", "reports", "label", "index")
countable = pytest.mark.skipif(bool(why_not()), reason=why_not() or "calls can be counted")


@countable
def test_every_kind_of_writer_is_counted(fault_cases: Cases) -> None:
    """Python's, SQLite's and Icechunk's calls are seen, else nothing below would be tested."""
    assert {name: len(fault_cases[name].states) for name in WORDS} == STATES
    assert min(fault_cases[name].calls for name in WORDS) > 10


@countable
def test_a_sample_of_kills(fault_cases: Cases, fault_server: Commands) -> None:
    assert sum(killed(case, fault_server, number) for case, number in call_sample(fault_cases, list(WORDS), len(WORDS))) > 4


@pytest.mark.slow
def test_a_short_storm(fault_cases: Cases, fault_server: Commands) -> None:
    rng = random.Random(0)
    for name in STORMY:
        storm(fault_cases[name], fault_server, rng, 1)


@countable
@pytest.mark.slow
@pytest.mark.parametrize("name", WORDS)
def test_a_kill_at_every_call(fault_cases: Cases, fault_server: Commands, name: str) -> None:
    numbers = range(1, fault_cases[name].calls + 1, STRIDE)
    kills = sum(killed(fault_cases[name], fault_server, number) for number in numbers)
    print(f"\n{name}: {kills} kills", flush=True)  # noqa: T201
    assert kills >= 0.9 * len(numbers)  # threads of Icechunk make a few calls more or less


@pytest.mark.slow
@pytest.mark.parametrize("name", STORMY)
def test_a_storm_of_kills(fault_cases: Cases, fault_server: Commands, name: str) -> None:
    kills = storm(fault_cases[name], fault_server, random.Random(1), 60)
    print(f"\n{name}: {kills} kills at random moments", flush=True)  # noqa: T201
    assert kills > 20


def killed(case: Case, server: Commands, number: int) -> bool:
    """Kill the command at a call; says whether it came that far."""
    case.reset()
    where = f"{case.name} killed at call {number}"
    outcome = server.run(case.words, case.folder, Fault(number))
    assert outcome.code in (-9, case.code), f"{where}: {outcome.stderr}"
    case.look(where)
    case.finish(server, where)
    return outcome.code == -9


def storm(case: Case, server: Commands, rng: random.Random, tries: int) -> int:
    """Start the command again and again and kill it after any time; a finished bank gives way to a new one. Says how many were killed."""
    kills = 0
    case.reset()
    for number in range(tries):
        after = rng.uniform(0.0, 1.1 * case.seconds)
        where = f"{case.name}, try {number}, killed after {after:.3f} s"
        outcome = server.run(case.words, case.folder, kill_after_s=after)
        kills += outcome.code == -9
        case.look(where)
        if outcome.code != -9:
            case.finish(server, where)
            case.reset()
    case.finish(server, f"{case.name} after all")
    return kills
