"""Damaged and lying files: none ends the process, hangs or takes the memory, and each is read, left out or among the bank's failures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import fuzz_worker
from fuzz_files import make
from scanbank.embed import open_encoder
from scanbank.embed.pipeline import embed
from scanbank.store import Bank, ViewSpec, parse_window
from scanbank.store.ingest import ingest

_MEMORY = 384 << 20
"""Bytes that one file may take: the largest gzip among these really holds the 256 MB of voxels that its header declares."""


def read_all(folder: Path, seeds: Sequence[int]) -> tuple[dict[int, dict[str, Any]], dict[int, int]]:
    """What became of each file, and for those that ended the process its exit status."""
    told: dict[int, dict[str, Any]] = {}
    died: dict[int, int] = {}
    left = list(seeds)
    while left:
        command = [sys.executable, fuzz_worker.__file__, str(folder), *map(str, left)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"})
        current = None
        for line in done.stdout.splitlines():
            word, seed, *rest = line.split(" ", 2)
            current = int(seed) if word == "start" else None
            if word == "done":
                told[int(seed)] = json.loads(rest[0])
        if done.returncode == 0:
            break
        assert current is not None, done.stderr
        died[current] = done.returncode
        left = left[left.index(current) + 1 :]
    return told, died


def check(folder: Path, seeds: Sequence[int]) -> dict[int, dict[str, Any]]:
    told, died = read_all(folder, seeds)
    assert died == {}
    assert sorted(told) == sorted(seeds)
    assert {seed: one for seed, one in told.items() if one["grown"] > _MEMORY or not one["outcome"]} == {}
    assert not any(str(folder) in reason for one in told.values() for reason in one["outcome"])
    return told


def test_a_hundred_damaged_files_end_as_vectors_or_as_failures(bank: Bank, tmp_path: Path) -> None:
    seeds = range(100)
    told = check(tmp_path / "apart", seeds)
    for seed in seeds:
        make(seed, tmp_path / "all" / f"{seed:03d}")
    words = [outcome.split(":")[0] for one in told.values() for outcome in one["outcome"]]
    ingested = ingest(bank, [tmp_path / "all"], images="each")
    embedded = embed(bank, open_encoder("intensity"), [ViewSpec(windows) for windows in ((parse_window("lung"),), ())], accept_hu=True)
    failures = bank.sql("SELECT stage, reason FROM failures").to_pylist()
    assert sum(row["stage"] == "ingest" for row in failures) >= ingested.failed > 0
    volumes = {row["volume"] for row in bank.sql("SELECT volume FROM volumes").to_pylist()}
    vectors = bank.sql("SELECT count(*) AS n FROM failures WHERE stage = 'decode'").to_pylist()[0]["n"]
    assert embedded.volumes + vectors == len(volumes)
    assert ingested.failed + vectors == words.count("failed")
    assert ingested.ignored == words.count("ignored")
    assert sum(ingested.left_out.values()) == words.count("left out")
    assert all(row["reason"] and str(tmp_path) not in row["reason"] for row in failures)


@pytest.mark.slow
def test_two_thousand_damaged_files(tmp_path: Path) -> None:
    told = check(tmp_path, range(1000, 3000))
    words = [outcome.split(":")[0] for one in told.values() for outcome in one["outcome"]]
    assert min(words.count(word) for word in ("read", "failed", "left out")) > 100  # of each, or nothing is tested
