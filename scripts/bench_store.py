"""How fast the bank reads, appends, opens and answers, beside files that people would keep instead."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

from scanbank.store import Bank
from scanbank.store.compact import compact

from . import bench_banks as banks
from .bench_figures import Figure, Sizes, bounded, rate, rounds, timed

_CACHE = "SCANBANK_CACHE_BYTES"
# After imports, in a process of its own. `ru_maxrss` of a child begins at the size of the process that started it.
_OPEN = """import sys, time
import scanbank.store.sql, scanbank.store.status
from scanbank.store import Bank
def memory(of): return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith(of))) * 1024
before, start = memory("VmRSS"), time.perf_counter()
bank = Bank.open(sys.argv[1])
sets = [(one.name, one.rows, one.dim) for one in bank.feature_sets]
taken, more = time.perf_counter() - start, memory("VmHWM") - before
start = time.perf_counter()
items = scanbank.store.status.overview(bank)["items"]
print(taken, more, time.perf_counter() - start, items["slices"])"""
_OVER_ALL = """SELECT m.head, m.shots, m.finding, m.metric, count(*) AS runs, avg(m.value) AS mean, max(r.finished) AS last
    FROM metrics m JOIN runs r USING (run) GROUP BY ALL ORDER BY ALL"""


def store(folder: Path, sizes: Sizes) -> list[Figure]:
    """All figures of the bank, each with banks of its own."""
    figures: list[Figure] = []
    for job in (whole_set, one_volume, append, opening, query, compacted):
        own = folder / job.__name__
        own.mkdir()
        figures += job(own, sizes)
        shutil.rmtree(own)
    return figures


def whole_set(folder: Path, sizes: Sizes) -> list[Figure]:
    """Every vector of a set into memory, from chunks and from the copy that is kept, against plain files."""
    rows, dim = sizes.vectors, sizes.dim
    bank = banks.with_vectors(folder / "bank", rows, dim, sizes.seed, sizes.run)
    peers = _Peers(folder / "peers", _set(bank), sizes)
    jobs: dict[str, Callable[[], float]] = {
        "chunks": lambda: _without_copy(lambda: timed(lambda: _set(bank))),
        "copy": lambda: timed(lambda: _passed(_set(bank))),
        "load": lambda: timed(peers.load),
        "load and pass": lambda: timed(lambda: _passed(peers.load())),
        "pt": lambda: timed(peers.one_by_one) * rows / peers.files,
        "gzip": lambda: timed(peers.gzip),
    }
    found = rounds(jobs, sizes.repeats)
    name = f"whole set, {rows:,} x {dim} float16"
    count = f"{peers.files:,} of them read" if peers.files < rows else "all read"
    return [
        rate(f"{name}, from the bank", rows, "rows/s", found["chunks"], found["load"], "np.load", 0.25),
        rate(f"{name}, from its copy, with a pass over it", rows, "rows/s", found["copy"], found["load and pass"], "np.load", 0.9),
        rate(f"{name}, from the bank", rows, "rows/s", found["chunks"], found["pt"], f"one .pt file each, {count}", 30),
        rate(f"{name}, from the bank", rows, "rows/s", found["chunks"], found["gzip"], "HDF5 with gzip", 2),
    ]


def one_volume(folder: Path, sizes: Sizes) -> list[Figure]:
    """The slices of one volume out of a large set: the first one after opening, and any after it."""
    rows, dim, run = sizes.many, sizes.dim, sizes.run
    path = banks.with_vectors(folder / "bank", rows, dim, sizes.seed, run).path
    np.save(folder / "vectors.npy", np.zeros((rows, dim), np.float16))
    draw = np.random.default_rng(sizes.seed)
    held = Bank.open(path).features(banks.key_of(dim).name)

    def rows_drawn() -> int:
        return int(draw.integers(0, max(1, rows // run))) * run

    def first() -> float:
        features, start = Bank.open(path).features(banks.key_of(dim).name), rows_drawn()
        return timed(lambda: features.of(banks.ordinals(start, min(rows, start + run), run)))

    def later() -> float:
        start = rows_drawn()
        return timed(lambda: held.of(banks.ordinals(start, min(rows, start + run), run)))

    def mapped() -> float:
        start = rows_drawn()
        return timed(lambda: np.array(np.load(folder / "vectors.npy", mmap_mode="r")[start : start + run]))

    found = rounds({"first": first, "later": later, "mapped": mapped}, sizes.repeats)
    name = f"one volume's {run} slices of {rows:,}"
    return [
        bounded(f"{name}, the first asked for", found["first"], "ms", 10, found["mapped"], "np.load, mapped, its place known"),
        bounded(f"{name}, further ones", found["later"], "ms", 10, found["mapped"], "np.load, mapped, its place known"),
    ]


def append(folder: Path, sizes: Sizes) -> list[Figure]:
    """A commit of one chunk of vectors to a large set against one to a small set."""
    few, many = sizes.appended_to
    held = {
        name: banks.with_vectors(folder / name, rows, sizes.dim, sizes.seed, sizes.run) for name, rows in (("few", few), ("many", many))
    }
    chunk = banks.vectors(1024, sizes.dim, sizes.seed)

    def one(bank: Bank) -> float:
        bank.refresh()
        rows = bank.features(banks.key_of(sizes.dim).name).rows

        def commit() -> None:
            with bank.commit("more") as commit:
                commit.append_features(banks.key_of(sizes.dim), chunk, banks.ordinals(rows, rows + len(chunk), sizes.run))

        return timed(commit)

    found = rounds({name: lambda bank=bank: one(bank) for name, bank in held.items()}, 3 * sizes.repeats)
    ratios = [mine / theirs for mine, theirs in zip(found["many"], found["few"], strict=True)]
    ratio = median(ratios)
    what, peer = f"appending 1,024 rows to {many:,}", f"to {few:,}"
    ours, theirs = 1e3 * median(found["many"]), 1e3 * median(found["few"])
    return [Figure(what, ours, "ms", theirs, peer, ratio, min(ratios), max(ratios), "ratio < 1.5", ratio < 1.5)]


def opening(folder: Path, sizes: Sizes) -> list[Figure]:
    """Opening and counting a bank of many volumes, each time in a process of its own, imports not counted."""
    volumes, slices = sizes.volumes
    path = banks.with_volumes(folder / "bank", volumes, slices, sizes.dim).path
    small = banks.with_volumes(folder / "small", 2, 2, sizes.dim).path
    found: dict[Path, list[tuple[float, ...]]] = {path: [], small: []}
    for _ in range(sizes.repeats):
        for bank, told in found.items():
            output = subprocess.run((sys.executable, "-c", _OPEN, str(bank)), check=True, capture_output=True, text=True).stdout
            told.append(tuple(map(float, output.split())))
    if any(told[3] != volumes * slices for told in found[path]):
        raise RuntimeError("not every slice was counted: there is no speed to be told")
    taken, more, status = (list(column) for column in list(zip(*found[path], strict=True))[:3])
    least = [list(column) for column in zip(*found[small], strict=True)]
    name, peer = f"a bank of {volumes:,} volumes, {volumes * slices:,} slices", "of 2 volumes"
    return [
        bounded(f"opening {name}", taken, "ms", 200, least[0], peer),
        bounded("the same, memory", more, "MB", 50, least[1], peer, scale=1e-6),
        bounded(f"status of {name}", status, "ms", 1000, least[2], peer),
    ]


def query(folder: Path, sizes: Sizes) -> list[Figure]:
    """A query over the metrics of all runs, on a bank just opened, against the same on the Parquet files with DuckDB alone."""
    runs, metrics = sizes.sweeps
    bank = banks.with_runs(folder / "bank", runs, metrics)
    compact(bank, keep=1, grace=timedelta(0))
    path = bank.path
    import duckdb

    def ours() -> float:
        bank = Bank.open(path)
        return timed(lambda: bank.sql(_OVER_ALL))

    def plain() -> float:
        def ask() -> None:
            with duckdb.connect() as con:
                for table in ("metrics", "runs"):
                    con.execute(f"CREATE VIEW {table} AS FROM '{path}/tables/{table}/*.parquet'")
                con.sql(_OVER_ALL).to_arrow_table()

        return timed(ask)

    found = rounds({"ours": ours, "plain": plain}, sizes.repeats)
    name = f"query over {runs:,} runs of {metrics} metrics after compact, the first asked"
    return [bounded(name, found["ours"], "ms", 500, found["plain"], "DuckDB on the files, every row")]


def compacted(folder: Path, sizes: Sizes) -> list[Figure]:
    """What a bank of many small commits takes on disk before and after `compact`, against its vectors and ordinals alone."""
    volumes = max(1, sizes.vectors // sizes.run)
    bank = banks.embedded(folder / "bank", volumes, sizes.run, sizes.dim, sizes.commits)
    raw = volumes * sizes.run * (sizes.dim * 2 + 8)
    before = sum(entry.bytes for entry in bank.place.entries("features"))
    compact(bank, keep=1, grace=timedelta(0))
    after, whole = (sum(entry.bytes for entry in bank.place.entries(part)) for part in ("features", ""))
    name, peer = f"bytes of {volumes * sizes.run:,} x {sizes.dim} float16 in {sizes.commits} commits", "vectors + ordinals"
    return [
        Figure(f"{name}, before compact", before / 1e6, "MB", raw / 1e6, peer, before / raw),
        Figure(f"{name}, after compact", after / 1e6, "MB", raw / 1e6, peer, after / raw, wanted="ratio <= 1.05", met=after <= 1.05 * raw),
        Figure("the same, with the catalog's tables and all else", whole / 1e6, "MB", raw / 1e6, peer, whole / raw),
    ]


class _Peers:
    """The same vectors as people keep them."""

    def __init__(self, folder: Path, vectors: NDArray[np.float16], sizes: Sizes) -> None:
        folder.mkdir()
        self._npy, self._hdf5, self._one = folder / "vectors.npy", folder / "vectors.h5", folder / "one"
        self.files = min(sizes.pt_files, len(vectors))
        np.save(self._npy, vectors)
        with h5py.File(self._hdf5, "w") as file:
            file.create_dataset("vectors", data=vectors, compression="gzip", chunks=(min(1024, len(vectors)), vectors.shape[1]))
        self._one.mkdir()
        for number in range(self.files):
            torch.save(torch.from_numpy(vectors[number].copy()), self._one / f"{number}.pt")

    def load(self) -> NDArray[np.float16]:
        return np.load(self._npy)

    def gzip(self) -> None:
        with h5py.File(self._hdf5) as file:
            _ = file["vectors"][:]  # pyright: ignore[reportIndexIssue]

    def one_by_one(self) -> None:
        torch.stack([torch.load(self._one / f"{number}.pt", weights_only=True) for number in range(self.files)])


def _set(bank: Bank) -> NDArray[np.float16]:
    """All vectors of a bank that is opened anew, so that nothing is left from before."""
    return Bank.open(bank.path).feature_sets[0].vectors()  # pyright: ignore[reportReturnType]


def _passed(vectors: NDArray[np.float16]) -> None:
    """Look at every byte, as what is only mapped was not read yet."""
    vectors.view(np.uint16).max()


def _without_copy(job: Callable[[], float]) -> float:
    with _environment(_CACHE, "0"):
        return job()


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before
