"""What tests run in processes of their own: a spawned process must find it by import, which test modules are not made for."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from scanbank.store import Bank, EncoderSpec, FeatureKey, ViewSpec, Window

KEY = FeatureKey("slice", EncoderSpec("intensity", "1", 4), ViewSpec((Window(0, 80),)))


def decoding(parent: int) -> set[int]:
    """The processes that decode for this one."""
    found: set[int] = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            is_child = f"\nPPid:\t{parent}\n" in (folder / "status").read_text()
            if is_child and b"decode_worker" in (folder / "cmdline").read_bytes():
                found.add(int(folder.name))
    return found


def write_labels(path: Path | str, name: str, commits: int = 10) -> None:
    bank = Bank.open(path)
    for i in range(commits):
        for commit in bank.commits(name):
            with commit:
                first = commit.reserve(2)
                row = {"item": f"{name}{i}", "level": "volume", "finding": "f", "status": "present", "source": "table"}
                commit.append("labels", [row])
                commit.append_features(KEY, np.ones((2, 4), dtype=np.float32), np.arange(first, first + 2))


def slowly(number: int) -> tuple[int, bool]:
    """Slow in the main process, so that a helper has the time to start and then does nearly all."""
    helped = parent_process() is not None
    if not helped:
        time.sleep(0.005)
    return number * 2, helped


def fragile(number: int) -> int:
    """Ends a helper, as the kernel does when memory is short; in the main process all is well."""
    if parent_process() is not None:
        os._exit(1)
    time.sleep(0.003)
    return number * 2


def failing(number: int) -> int:
    if number == 70:
        raise ValueError("seventy")
    return number


def embed_bank(path: str, window: str) -> None:
    from scanbank.embed import open_encoder
    from scanbank.embed.pipeline import embed
    from scanbank.store import ViewSpec, parse_window

    report = embed(Bank.open(path), open_encoder("intensity"), [ViewSpec((parse_window(window),))])
    assert report.failed == 0


def sweep_bank(path: str, head: str) -> None:
    from scanbank.eval.sweep import sweep

    sweep(Bank.open(path), "f", [head], shots=(1,), repeats=2)


def hold_lock(path: Path, inside: Connection) -> None:
    """Enter a commit of labels and vectors, say so, and leave it when told to."""
    bank = Bank.open(path)
    with bank.commit("holding it") as commit:
        first = commit.reserve(2)
        commit.append("labels", [{"item": "held", "level": "volume", "finding": "f", "status": "present", "source": "table"}])
        commit.append_features(KEY, np.ones((2, 4), dtype=np.float32), np.arange(first, first + 2))
        inside.send(os.getpid())
        inside.recv()
    inside.send("done")
