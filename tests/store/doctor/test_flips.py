"""Any byte of any file of a bank: either the doctor reports that it changed, or nothing that can be read did."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from doctor_banks import contents, files, findings, full_bank
from scanbank.store import Bank
from scanbank.store.doctor import is_sound, repair
from scanbank.store.places import place_of

pytestmark = pytest.mark.long

FLIPS = 4
HARMED = 2
REPAIRS = 2
HARMS = ("cut", "emptied", "longer", "deleted")


@pytest.fixture(scope="module", params=[False, pytest.param(True, marks=pytest.mark.slow)], ids=["as it grew", "compacted"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bank, and its key outside of the folder where keys are looked for."""
    folder = tmp_path_factory.mktemp("whole")
    full_bank(Bank.create(folder / "bank", key_file=folder / "key"), compacted=request.param)
    return folder


@pytest.fixture
def path(whole: Path, tmp_path: Path) -> Path:
    """The bank, copied for each test."""
    return shutil.copytree(whole / "bank", tmp_path / "bank")


def flip(file: Path, rng: random.Random) -> bytes:
    """Change one byte or bit of a file; gives what it was."""
    was = file.read_bytes()
    data = bytearray(was)
    data[rng.randrange(len(data))] ^= rng.choice([1 << rng.randrange(8), rng.randrange(1, 256)])
    file.write_bytes(data)
    return was


def check_flips(path: Path, count: int) -> Counter[str]:
    whole, there, rng = contents(path), files(path), random.Random(5)
    ends: Counter[str] = Counter()
    for _ in range(count):
        file = rng.choice(there)
        was = flip(file, rng)
        if is_sound(findings(path)):
            ends["harmless"] += 1
            assert contents(path) == whole, f"{file} was changed unnoticed"
        else:
            ends["reported"] += 1
        file.write_bytes(was)
    assert is_sound(findings(path))
    return ends


def test_a_flipped_byte_is_reported_or_does_not_matter(path: Path) -> None:
    assert check_flips(path, FLIPS)["reported"] > FLIPS // 2


@pytest.mark.slow
def test_many_flipped_bytes(path: Path) -> None:
    assert check_flips(path, 1500)["reported"] > 750


@pytest.mark.parametrize("harm", HARMS)
def test_a_file_that_is_cut_or_gone_is_reported_or_does_not_matter(path: Path, harm: str) -> None:
    check_harm(path, harm, HARMED)


@pytest.mark.slow
@pytest.mark.parametrize("harm", HARMS)
def test_many_files_that_are_cut_or_gone(path: Path, harm: str) -> None:
    check_harm(path, harm, 60)


def check_harm(path: Path, harm: str, count: int) -> None:
    """Tags are left out of what is deleted: that is how a tag goes, and nothing else says that it was there."""
    whole, rng = contents(path), random.Random(harm)
    there = [file for file in files(path) if harm != "deleted" or "tag." not in str(file)]
    for file in rng.sample(there, min(count, len(there))):
        was = file.read_bytes()
        if harm == "deleted":
            file.unlink()
        else:
            file.write_bytes({"cut": was[: rng.randrange(len(was))], "emptied": b"", "longer": was + b"\0"}[harm])
        if is_sound(findings(path)):
            assert contents(path) == whole, f"{file} was {harm} unnoticed"
        file.write_bytes(was)


def check_repairs(path: Path, count: int, seed: int) -> None:
    """Flip or cut, repair: the bank is sound and readable, and differs by no more than what was said to be lost."""
    whole, rng = contents(path), random.Random(seed)
    names = [file.relative_to(path) for file in files(path)]
    for turn in range(count):
        copy = path.with_name("copy")
        shutil.copytree(path, copy)
        name = rng.choice(names)
        if turn % 3:
            flip(copy / name, rng)
        else:
            (copy / name).write_bytes((copy / name).read_bytes()[:-7])
        if name.name == "bank.json" and turn % 3 == 0:
            shutil.rmtree(copy)
            continue
        done = repair(place_of(copy))
        assert is_sound(done.after), (name, done)
        left = contents(copy)
        same = left == whole
        assert same or done.done, name
        check_losses(whole, left, done.done)
        if done.quarantine:
            assert (copy / done.quarantine / "note.json").is_file()
        shutil.rmtree(copy)


def check_losses(whole: dict[str, Any], left: dict[str, Any], done: list[str]) -> None:
    said = "\n".join(done)
    for snapshot in set(whole) - {"log", "tags", "card", "head"}:
        if snapshot in left:
            assert left[snapshot] == whole[snapshot]
        else:
            assert "forgotten" in said or "commits are lost" in said
    for tag, snapshot in whole["tags"].items():
        assert left["tags"].get(tag) == snapshot or tag in said
    if "commits are lost" in said:
        return
    for name, held in whole["head"].items():
        if left["head"].get(name) == held:
            continue
        if isinstance(held, list):
            assert f"table {name!r}" in said
            assert all(row in held for row in left["head"][name])
        else:
            assert repr(held[0]) in said


def test_what_a_repair_leaves_is_what_was_there(path: Path) -> None:
    check_repairs(path, REPAIRS, 7)


@pytest.mark.slow
def test_many_repairs(path: Path) -> None:
    check_repairs(path, 300, 8)
