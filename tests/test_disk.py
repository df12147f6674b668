"""A full disk, a read-only one, permission lost: one line says so, the bank is as it was or with whole commits, all is well after."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bank_states import check
from fault_banks import WORDS, Case, Cases, call_sample
from faults import NAME, OTHER, SPACE, Commands, Fault, Outcome, why_not
from mounts import read_only, small_disk
from processes import KEY
from scanbank.store import Bank

pytestmark = pytest.mark.long

ERRORS = {"ENOSPC": SPACE, "EACCES": NAME, "EROFS": SPACE | NAME | OTHER, "EIO": 0}
"""Calls that fail from the chosen one on: a disk stays full, a folder stays closed. An EIO comes once."""
STRIDE = int(os.environ.get("FAULT_STRIDE", "1"))
"""The slow test tries every call, or every so manieth."""
DISK, PAGE = 2_000_000, 4096
SMALL = {"embed": 20_000, "compact": 5_000, "sweep": 5_000}
"""Bytes that a file may have, too few for the command's."""
READING = (
    "status BANK",
    "status BANK --failures",
    "status BANK --at kept",
    "log BANK",
    "tag BANK",
    "alias BANK",
    "sql BANK SELECT(1)",
    "sql BANK FROM(latest_labels) --at kept",
    "report BANK -o OUT/page.html --no-pictures",
    "report BANK -o OUT/page.html --no-pictures --at kept",
)
WRITING = (
    "compact BANK",
    "tag BANK new",
    "tag BANK kept --delete",
    "alias BANK best toy/brain/volume",
    "sweep BANK --finding bleed --heads cosine --shots 1 --repeats 1",
    "ingest BANK SCANS/scan0",
)
countable = pytest.mark.skipif(bool(why_not()), reason=why_not() or "calls can be counted")


@countable
def test_a_sample_of_errors(fault_cases: Cases, fault_server: Commands) -> None:
    ended = 0
    for (case, number), error in zip(call_sample(fault_cases, list(WORDS), 4), list(ERRORS), strict=False):
        ended += failed(case, fault_server, number, error)
    assert ended >= 2


@countable
@pytest.mark.slow
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("name", WORDS)
def test_an_error_at_every_call(fault_cases: Cases, fault_server: Commands, name: str, error: str) -> None:
    numbers = range(1, fault_cases[name].calls + 1, STRIDE)
    ended = sum(failed(fault_cases[name], fault_server, number, error) for number in numbers)
    print(f"\n{name} {error}: {len(numbers)} faults, {ended} ended the command", flush=True)  # noqa: T201
    assert ended >= 1


@pytest.mark.parametrize("name", ["embed", *(pytest.param(name, marks=pytest.mark.slow) for name in ("compact", "ingest", "sweep"))])
def test_a_full_disk(fault_cases: Cases, fault_server: Commands, tmp_path: Path, name: str) -> None:
    with small_disk(tmp_path / "disk", DISK):
        for left in (0, 5 * PAGE):
            assert full(fault_cases[name].at(tmp_path / "disk" / "work"), fault_server, left)


@pytest.mark.slow
@pytest.mark.parametrize("name", WORDS)
def test_a_disk_that_fills_anywhere(fault_cases: Cases, fault_server: Commands, tmp_path: Path, name: str) -> None:
    with small_disk(tmp_path / "disk", DISK):
        case, tries = fault_cases[name].at(tmp_path / "disk" / "work"), 0
        while full(case, fault_server, tries * PAGE):
            tries += 1
    print(f"\n{name}: {tries} full disks", flush=True)  # noqa: T201
    assert tries


@pytest.mark.parametrize(
    ("name", "limit"),
    [("ingest", 3_000), *(pytest.param(name, limit, marks=pytest.mark.slow) for name, limit in SMALL.items())],
)
def test_files_that_may_not_grow(fault_cases: Cases, fault_server: Commands, name: str, limit: int) -> None:
    case = fault_cases[name]
    case.reset()
    outcome = fault_server.run(case.words, case.folder, limit_bytes=limit)
    assert told(case, outcome, name)
    assert "File too large" in outcome.stderr or "disk I/O error" in outcome.stderr  # as SQLite calls it
    case.look(name)
    case.finish(fault_server, name)


def test_a_read_only_bank_answers_everything(fault_cases: Cases, fault_server: Commands, tmp_path: Path) -> None:
    case = fault_cases["sweep"].at(tmp_path / "work")
    case.reset()
    case.open().tag("kept")
    before = _files(case.bank)
    with read_only(case.bank):
        for words in READING:
            outcome = _run(case, fault_server, words, tmp_path)
            assert outcome.code == 0, f"{words}: {outcome.stderr}"
            assert outcome.stdout
        case.look("read-only")
        for words in WRITING:
            outcome = _run(case, fault_server, words, tmp_path)
            assert told(case, outcome, words)
            assert outcome.code == 1
            assert "read-only file system" in outcome.stderr, words
    assert _files(case.bank) == before
    case.open().untag("kept")
    case.finish(fault_server, "writable again")


def _run(case: Case, server: Commands, words: str, folder: Path) -> Outcome:
    named = words.replace("BANK", str(case.bank)).replace("OUT", str(folder)).replace("SCANS", str(case.base.parents[1] / "scans"))
    return server.run([word.replace("(", " ").replace(")", "") for word in named.split()], case.folder)


def _files(bank: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(bank.rglob("*")) if path.is_file()}


def failed(case: Case, server: Commands, number: int, error: str) -> bool:
    """Let calls of the command fail; says whether that ended it."""
    case.reset()
    where = f"{case.name} with {error} at call {number}"
    outcome = server.run(case.words, case.folder, Fault(number, getattr(errno, error), ERRORS[error]))
    ended = told(case, outcome, where)
    now = case.look(where)
    assert ended or now == case.end, where
    case.finish(server, where)
    return ended


def full(case: Case, server: Commands, left: int) -> bool:
    """Run the command with so many bytes left on its disk; says whether that ended it."""
    case.reset()
    filler = case.folder.with_name("filler")
    try:
        with filler.open("wb", buffering=0) as file:
            file.write(b"\0" * max(0, shutil.disk_usage(case.folder).free - left))
        where = f"{case.name} with {left} bytes left"
        outcome = server.run(case.words, case.folder)
        ended = told(case, outcome, where)
        if ended:
            assert "no space left" in outcome.stderr.lower() or "disk is full" in outcome.stderr, outcome.stderr
        now = case.look(where)
        assert ended or now == case.end, where
    finally:
        filler.unlink()
    case.finish(server, where)
    return ended


def told(case: Case, outcome: Outcome, where: str) -> bool:
    """Whether the command ended with an error. If so, in one line; if not, as it ends undisturbed."""
    lines = [line for line in outcome.stderr.splitlines() if line.startswith("error: ")]
    assert "Traceback" not in outcome.stderr, f"{where}: {outcome.stderr}"
    assert "panicked" not in outcome.stderr, f"{where}: {outcome.stderr}"
    if not lines:
        assert outcome.code == case.code, f"{where}: {outcome.stderr}"
        return False
    assert len(lines) == 1, f"{where}: {outcome.stderr}"
    assert outcome.stderr.splitlines()[-1] == lines[0]
    assert outcome.code in (1, 2), f"{where}: {outcome.stderr}"
    return True


def test_permission_lost_within_a_commit(bank: Bank) -> None:
    """Each folder that a commit writes into, closed after its first writes: the mode bits do it, so root gives up its exemption first."""
    with bank.commit("first") as commit:  # so that every folder is there
        commit.append("labels", [{"item": "first", "level": "volume", "finding": "f", "status": "present", "source": "s"}])
        commit.append("splits", [{"split": "s", "item": "first", "level": "volume", "side": "test"}])
        commit.append_features(KEY, np.zeros((1, 4), dtype=np.float32), np.array([1000]))
    parts = ("chunks", "manifests", "snapshots", "transactions", "refs/branch.main")
    folders = ["tables/splits", "checksums", *(f"features/{part}" for part in parts)]
    drop = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    if drop and not shutil.which("setpriv"):
        pytest.skip("root, and no setpriv to give its exemption from permissions up with")
    script = str(Path(__file__).with_name("losing.py"))
    environment = dict(os.environ) | {"PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [*drop, sys.executable, script, str(bank.path), *folders], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    for folder, outcome in json.loads(done.stdout).items():
        assert "permission denied" in outcome["told"], folder
        assert outcome["same"] == "True", folder
    check(Bank.open(bank.path))
