"""Processes that decode: the same voxels as here, and whatever happens to one costs its scan alone."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dicom_files import write_series
from processes import decoding
from scanbank.embed import decode_pool
from scanbank.embed.decode_pool import DecodePool
from scanbank.embed.decoding import Beside, Decoded, Job, Prepared, Request, decode_for, run_job
from scanbank.embed.plan import Work
from scanbank.store import Bank, ViewSpec
from scanbank.store.errors import ReadError, ScanbankError, SourceChangedError, ViewError
from scanbank.store.ingest import ingest
from scanbank.store.local_map import Located
from scanbank.store.scan import Source

GRID = Request(ViewSpec(spacing_mm=(1.0, 2.0, 2.0), shape=(5, 8, 8)), planes=False)
PLANES = Request(ViewSpec(size=(6, 6)), planes=True, indices=(2, 0))
IMPOSSIBLE = Request(ViewSpec(orientation="XYZ"), planes=False)


@pytest.fixture
def located(bank: Bank, tmp_path: Path) -> Located:
    write_series(tmp_path / "scan", n=4, seed=1)
    ingest(bank, [tmp_path / "scan"])
    found = bank.local_map.locate(bank.sql("SELECT volume FROM volumes").column(0)[0].as_py())
    assert found is not None
    return found


def pool_of(jobs: dict[str, Job], workers: int = 1) -> DecodePool:
    return DecodePool(lambda work, run: run(jobs[work.volume]), workers, isolated=lambda _: True)


def works(jobs: dict[str, Job]) -> list[Work]:
    return [Work(name, i, 4, 10 * i) for i, name in enumerate(jobs)]


def children() -> set[int]:
    """Processes of this one that decode."""
    return decoding(os.getpid())


def test_a_process_gives_what_this_one_gives(located: Located) -> None:
    job = Job(located, 4, (GRID, PLANES, IMPOSSIBLE))
    here = run_job(job)
    jobs = {"a": job, "without": replace(job, keep_voxels=False)}
    (work, there), (_, without) = pool_of(jobs).decoded(works(jobs))
    assert work.volume == "a"
    assert isinstance(there, Decoded)
    assert isinstance(without, Decoded)
    assert without.volume.voxels.size == 0  # nobody wants them
    assert without.volume.content == here.volume.content
    np.testing.assert_array_equal(there.volume.voxels, here.volume.voxels)
    np.testing.assert_array_equal(there.volume.affine, here.volume.affine)
    assert there.volume.voxels.dtype == np.int16
    same = ("content", "spacing_mm", "slice_axis", "has_hu", "value_range", "exported_window")
    assert [getattr(there.volume, name) for name in same] == [getattr(here.volume, name) for name in same]
    for request in (GRID, PLANES):
        ours, theirs = here.prepared[request], there.prepared[request]
        assert isinstance(ours, Prepared)
        assert isinstance(theirs, Prepared)
        for name in ("values", "z_mm", "indices"):
            np.testing.assert_array_equal(getattr(theirs, name), getattr(ours, name))
    assert isinstance(there.prepared[IMPOSSIBLE], ViewError)
    assert str(there.prepared[IMPOSSIBLE]) == str(here.prepared[IMPOSSIBLE])
    assert children() == set()


def test_a_reference_that_is_gone_costs_the_view_and_is_not_named_by_its_path(located: Located, tmp_path: Path) -> None:
    aligned = Request(ViewSpec(align="abc"), planes=False)
    found = run_job(Job(located, 4, (aligned, PLANES), beside=Beside(reference=tmp_path / "jane-doe.nii"))).prepared
    assert isinstance(found[aligned], ViewError)
    assert "not at hand" in str(found[aligned])
    assert "jane-doe" not in str(found[aligned])
    assert isinstance(found[PLANES], Prepared)


def test_errors_keep_their_kind_and_their_words(located: Located) -> None:
    changed = Job(replace(located, sources=tuple(replace(s, mtime_ns=1) for s in located.sources)), 4)
    shorter, gone = Job(located, 3), Job(replace(located, sources=(Source(Path("/nowhere/\udcff.dcm"), size=1),)), 4)
    jobs = {"changed": changed, "good": Job(located, 4), "shorter": shorter, "gone": gone}
    found = {work.volume: result for work, result in pool_of(jobs, workers=2).decoded(works(jobs))}
    assert list(found) == list(jobs)
    assert isinstance(found["good"], Decoded)
    for name, kind in (("changed", SourceChangedError), ("shorter", ReadError), ("gone", ReadError)):
        with pytest.raises(ScanbankError) as raised:
            run_job(jobs[name])
        assert type(found[name]) is kind is type(raised.value)
        assert str(found[name]) == str(raised.value)


@pytest.fixture
def stuck(tmp_path: Path) -> Job:
    """A scan whose file never says a word."""
    os.mkfifo(tmp_path / "scan.nii")
    status = (tmp_path / "scan.nii").stat()
    return Job(Located("nifti", (Source(tmp_path / "scan.nii", size=status.st_size, mtime_ns=status.st_mtime_ns),), None), 4)


def test_a_process_that_dies_costs_its_scan_alone(located: Located, stuck: Job) -> None:
    jobs = {"before": Job(located, 4), "stuck": stuck, "after": Job(located, 4)}

    stream = pool_of(jobs).decoded(works(jobs))
    found = {"before": next(stream)[1]}
    time.sleep(0.5)  # it reads the next one now, or will in a moment: both are the death of that one
    (pid,) = children()
    os.kill(pid, signal.SIGSEGV)
    found |= {work.volume: result for work, result in stream}
    assert isinstance(found["before"], Decoded)
    assert isinstance(found["after"], Decoded)
    assert isinstance(found["stuck"], ReadError)
    assert "ended the process that did it (signal 11)" in str(found["stuck"])


def test_a_process_that_hangs_is_stopped(stuck: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_pool, "PATIENCE_SECONDS", 0.5)
    ((_, found),) = pool_of({"stuck": stuck}).decoded(works({"stuck": stuck}))
    assert "did not end within 0 s" in str(found)
    assert children() == set()


def test_whoever_waits_for_a_process_that_hangs_is_let_go(stuck: Job) -> None:
    pool = pool_of({"stuck": stuck})
    found: list[object] = []
    waiting = threading.Thread(target=lambda: found.extend(result for _, result in pool.decoded(works({"stuck": stuck}))), daemon=True)
    waiting.start()
    while not children():
        time.sleep(0.01)
    pool.stop()
    waiting.join(30)
    assert [type(result) for result in found] == [ReadError]
    assert children() == set()


def test_leaving_early_ends_the_processes(located: Located) -> None:
    jobs = {str(i): Job(located, 4) for i in range(20)}
    stream = pool_of(jobs, workers=2).decoded(works(jobs))
    next(stream)
    assert children()
    stream.close()
    assert children() == set()


def test_processes_are_started_where_much_is_left(bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_pool, "WORTH_SECONDS", 0.0)
    for i in range(60):
        write_series(tmp_path / str(i), n=3, series_uid=f"1.{i}", seed=i)
    ingest(bank, [tmp_path])
    rows = bank.sql("SELECT volume, ordinal, slices, slice_ordinal FROM volumes ORDER BY ordinal").to_pylist()
    seen = set[int]()
    pool = DecodePool(lambda work, run: decode_for(bank, work, run=run), 2, isolated=lambda _: False)
    for _, result in pool.decoded([Work(**row) for row in rows]):
        assert isinstance(result, Decoded)
        seen |= children()
        time.sleep(0.05)
    assert len(seen) == 2
