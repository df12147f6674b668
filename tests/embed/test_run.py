"""How a run ends when it is told to."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydicom.uid import JPEG2000Lossless

from dicom_files import write_series
from processes import decoding
from scanbank.embed import open_encoder
from scanbank.embed.pipeline import embed
from scanbank.store import Bank, ViewSpec, parse_window
from scanbank.store.ingest import ingest
from scanbank.store.lock import writer_lock
from scanbank.store.progress import Silent

BRAIN = ViewSpec((parse_window("brain"),))


class InterruptAtTheEnd(Silent):
    """Ctrl-C while the last commit waits for its turn, which comes a moment later."""

    def __init__(self, bank: Path, scans: int) -> None:
        self._bank, self._left = bank, scans
        self.thread = threading.Thread(target=self._hold, daemon=True)
        self.held = threading.Event()

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._left -= steps
        if not self._left:
            self.thread.start()
            assert self.held.wait(10)

    def _hold(self) -> None:
        with writer_lock(self._bank, "another command", 10):
            self.held.set()
            time.sleep(0.5)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)


def test_ctrl_c_during_the_last_commit_is_told_and_loses_nothing(bank: Bank, tmp_path: Path) -> None:
    for i in range(3):
        write_series(tmp_path / "scans" / str(i), n=4, series_uid=f"1.2.{i}", seed=i)
    ingest(bank, [tmp_path / "scans"])
    listener = InterruptAtTheEnd(bank.path, 3)
    report = embed(bank, open_encoder("intensity"), [BRAIN], progress=listener)
    listener.thread.join()
    assert (report.interrupted, report.volumes) == (True, 3)
    assert Bank.open(bank.path).features("intensity/brain/slice").rows == 12


class Maps(Silent):
    """Which processes decoded, and what they had in memory."""

    def __init__(self) -> None:
        self.seen: dict[int, str] = {}

    def advance(self, steps: int = 1, note: str = "") -> None:
        del steps, note
        for pid in decoding(os.getpid()):
            self.seen[pid] = Path(f"/proc/{pid}/maps").read_text()


def test_a_process_that_decodes_loads_no_torch_and_the_vectors_are_those_of_one_process(bank: Bank, tmp_path: Path) -> None:
    for i in range(3):  # compressed frames are decoded by processes in any case
        write_series(tmp_path / "packed" / str(i), n=4, shape=(40, 48), series_uid=f"1.2.{i}", seed=i, transfer_syntax=JPEG2000Lossless)
        write_series(tmp_path / "native" / str(i), n=4, shape=(40, 48), series_uid=f"1.2.{i}", seed=i)
    native = Bank.create(tmp_path / "other")
    ingest(bank, [tmp_path / "packed"])
    ingest(native, [tmp_path / "native"])
    tiny, listener = open_encoder("tiny", device="cpu"), Maps()
    for one in (bank, native):
        embed(one, tiny, [replace(tiny.view, shape=(16, 24, 32))], progress=listener)
    assert len(listener.seen) == 1
    assert not any("libtorch" in maps for maps in listener.seen.values())
    (packed,), (plain,) = ([s for s in one.feature_sets if s.key.kind == "volume"] for one in (bank, native))
    np.testing.assert_array_equal(packed.vectors(), plain.vectors())
