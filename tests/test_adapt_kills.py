"""`adapt`, killed or failing at any call that changes files, and killed at any moment: the same again ends as an undisturbed one."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapt_banks import scans_bank
from bank_states import check, leftovers, opened
from fault_banks import homes
from faults import NAME, SPACE, Commands, Fault, why_not
from scanbank.store import Bank
from scanbank.store.artifacts import listed
from scanbank.store.compact import collect
from scanbank.store.doctor import diagnose
from scanbank.store.places import place_of
from scanbank.store.retention import expire
from siglip_folders import siglip_folder

pytestmark = pytest.mark.long

STRIDE = int(os.environ.get("FAULT_STRIDE", "1"))
"""The slow test tries every call, or every so manieth."""
KILLS = int(os.environ.get("ADAPT_KILLS", "60"))
"""Of the storm, at random moments."""
WORDS = (
    "adapt BANK --encoder siglip:SIGLIP --finding bleed --method lora --window=-200..200 --epochs 4 --batch 4 --patience 0 --seed 3 "
    "--device cpu --workers 1 --name child"
)
End = dict[str, Any]
countable = pytest.mark.skipif(bool(why_not()), reason=why_not() or "calls can be counted")


@dataclass
class Adapting:
    """The command on a bank that is made anew in `folder` for each try."""

    base: Path
    folder: Path
    siglip: Path
    server: Commands
    end: End
    calls: int = 0
    seconds: float = 0.0

    @property
    def words(self) -> list[str]:
        return [word.replace("BANK", str(self.folder / "bank")).replace("SIGLIP", str(self.siglip)) for word in WORDS.split()]

    @property
    def bank(self) -> Bank:
        return opened(self.folder / "bank", self.folder)

    def reset(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.base, self.folder)

    def learn(self) -> None:
        """Run it undisturbed, twice: the first time it loads what the server has from then on."""
        self.reset()
        self.server.run(self.words, self.folder)
        self.reset()
        outcome = self.server.run(self.words, self.folder)
        assert outcome.code == 0, outcome.stderr
        self.end, self.calls, self.seconds = end_of(self.bank), outcome.calls, outcome.seconds
        assert self.end["adapter"]
        assert left_in(self.folder) == []

    def look(self, where: str) -> None:
        """What a kill left is whole: nothing of the child yet, or all of it and some of its vectors."""
        check(self.bank)
        wrong = [finding for finding in diagnose(place_of(self.folder / "bank")) if finding.severity != "note"]
        assert wrong == [], f"{where}: {wrong}"
        now = end_of(self.bank)
        if now["adapter"]:
            names = ("adapter", "trained", "sides")
            assert [now[name] for name in names] == [self.end[name] for name in names], where
            assert now["vectors"].items() <= self.end["vectors"].items(), where
        else:
            assert not now["vectors"], where
            assert not now["trained"], where

    def finish(self, where: str) -> None:
        """The same command again: the same child, bit for bit, and nothing left over."""
        again = self.server.run(self.words, self.folder)
        assert again.code == 0, f"{where}: {again.stderr}"
        assert end_of(self.bank) == self.end, where
        assert left_in(self.folder) == [], where
        bank = self.bank
        with bank.place.writer("sweep", 60.0):
            expire(bank.place, bank.repository, keep=100)
            collect(bank, datetime.now(UTC))
        assert leftovers(bank) == [], where
        files = {file.path for file in listed(bank.snapshot.root)}
        assert {entry.name for entry in bank.place.entries("artifacts")} == files, where
        assert end_of(self.bank) == self.end, where


def end_of(bank: Bank) -> End:
    """The child's adapter, whom it saw, the sides, and its vectors by item."""
    found = [one for one in bank.feature_sets if one.key.encoder.name == "adapted:child"]
    vectors = {
        f"{one.name} {item}": hashlib.sha256(row.tobytes()).hexdigest()
        for one in found
        for item, row in zip(one.items().tolist(), one.vectors(), strict=True)
    }
    return {
        "adapter": bank.sql("SELECT adapter FROM encoders WHERE name = 'adapted:child'").column(0).to_pylist(),
        "trained": sorted(bank.sql("SELECT item FROM trained_items").column(0).to_pylist()),
        "sides": sorted(map(str, bank.sql("SELECT item, side FROM latest_splits").to_pylist())),
        "vectors": vectors,
    }


def left_in(folder: Path) -> list[str]:
    """What is left in the cache besides voxels."""
    cache = folder / "cache" / "scanbank"
    every = [path for path in cache.rglob("*") if path.is_file() or path.parent.parent == cache / "adapt"]
    return [str(path) for path in every if path.name.startswith(".") or "voxels" not in path.parts]


@pytest.fixture(scope="module")
def adapting(tmp_path_factory: pytest.TempPathFactory, fault_server: Commands) -> Iterator[Adapting]:
    root = tmp_path_factory.mktemp("adapt")
    base, siglip = root / "base", siglip_folder(root / "siglip")
    base.mkdir()
    with homes(base):
        bank = scans_bank(base, 20)
        keys = base / "config" / "scanbank" / "keys"
        keys.mkdir(parents=True, mode=0o700, exist_ok=True)
        (base / "key").rename(keys / f"{bank.card['key']}.key")
    one = Adapting(base, root / "work", siglip, fault_server, {})
    one.learn()
    yield one
    shutil.rmtree(one.folder, ignore_errors=True)


@countable
def test_a_sample_of_kills(adapting: Adapting) -> None:
    assert sum(killed(adapting, number) for number in random.Random(0).sample(range(1, adapting.calls), 2))


@pytest.mark.slow
def test_a_storm_of_kills(adapting: Adapting) -> None:
    kills = storm(adapting, random.Random(1), KILLS)
    print(f"\nadapt: {kills} kills at random moments", flush=True)  # noqa: T201
    assert kills > KILLS // 3


@countable
@pytest.mark.slow
def test_a_kill_at_every_call(adapting: Adapting) -> None:
    kills = sum(killed(adapting, number) for number in range(1, adapting.calls + 1, STRIDE))
    print(f"\nadapt: {kills} kills of {adapting.calls} calls", flush=True)  # noqa: T201
    assert kills


@countable
@pytest.mark.slow
@pytest.mark.parametrize(("error", "kinds"), [("ENOSPC", SPACE), ("EACCES", NAME), ("EIO", 0)])
def test_an_error_at_every_call(adapting: Adapting, error: str, kinds: int) -> None:
    """From one call on (an EIO comes once): a line says so, or it went on without; the same command again ends as ever."""
    ended, numbers = 0, range(1, adapting.calls + 1, STRIDE)
    for number in numbers:
        adapting.reset()
        where = f"{error} at call {number}"
        outcome = adapting.server.run(adapting.words, adapting.folder, Fault(number, getattr(errno, error), kinds))
        lines = [line for line in outcome.stderr.splitlines() if line.startswith("error: ")]
        assert "Traceback" not in outcome.stderr, f"{where}: {outcome.stderr}"
        assert "panicked" not in outcome.stderr, f"{where}: {outcome.stderr}"
        assert (outcome.code, len(lines)) in ((0, 0), (1, 1), (2, 1)), f"{where}: {outcome.stderr}"
        ended += outcome.code != 0
        adapting.look(where)
        adapting.finish(where)
    print(f"\nadapt {error}: {len(numbers)} faults, {ended} ended the command", flush=True)  # noqa: T201
    assert ended


def killed(adapting: Adapting, number: int) -> bool:
    """Kill the command at a call; says whether it came that far."""
    adapting.reset()
    where = f"killed at call {number}"
    outcome = adapting.server.run(adapting.words, adapting.folder, Fault(number))
    assert outcome.code in (-9, 0), f"{where}: {outcome.stderr}"
    adapting.look(where)
    adapting.finish(where)
    return outcome.code == -9


def storm(adapting: Adapting, rng: random.Random, tries: int) -> int:
    """Start the command again and again and kill it after any time; a finished bank gives way to a new one. Says how many were killed."""
    kills = 0
    adapting.reset()
    for number in range(tries):
        after = rng.uniform(0.0, 1.1) * adapting.seconds
        where = f"try {number}, killed after {after:.3f} s"
        outcome = adapting.server.run(adapting.words, adapting.folder, kill_after_s=after)
        assert outcome.code in (-9, 0), f"{where}: {outcome.stderr}"
        kills += outcome.code == -9
        adapting.look(where)
        if outcome.code == 0:
            adapting.finish(where)
            adapting.reset()
    adapting.finish("after all")
    return kills
