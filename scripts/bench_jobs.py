"""The benchmarks of scanbank's speed and memory, one function each. All work in a folder given, on input of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread

from scanbank.embed.decoding import decode
from scanbank.embed.plan import Work
from scanbank.store import Bank
from scanbank.store.ingest import ingest

from .bench_adapt import adapt
from .bench_cuda import cuda
from .bench_embed import PARTS, embed_
from .bench_figures import PEAK, Figure, Sizes, rate, rounds, seconds, timed
from .bench_heads import HEADS_PARTS, heads
from .bench_input import Series, elements_of
from .bench_retrieval import retrieval
from .bench_search import SEARCH_PARTS, search
from .bench_serve import serve
from .bench_store import store

_COMMAND = (sys.executable, "-m", "scanbank.scripts.cli")
_LOOP = (
    "import sys, pathlib, pydicom\nfor f in sorted(pathlib.Path(sys.argv[1]).rglob('*.dcm')): pydicom.dcmread(f, stop_before_pixels=True)"
)


def help_(folder: Path, sizes: Sizes) -> list[Figure]:
    """`scanbank --help`, a whole process."""
    del folder
    found = rounds({"ours": _process(*_COMMAND, "--help"), "peer": _process(sys.executable, "-c", "pass")}, sizes.repeats)
    return [seconds("scanbank --help, whole process", found["ours"], found["peer"], "python -c pass", 0.5)]


def status(folder: Path, sizes: Sizes) -> list[Figure]:
    """`scanbank status` on a bank of two scans with vectors, a whole process."""
    bank = _ingested(folder, Series(10, 64, sizes.seed), 2)
    _run(*_COMMAND, "embed", str(bank.path), "--encoder", "intensity", "--json")
    found = rounds({"ours": _process(*_COMMAND, "status", str(bank.path)), "peer": _process(sys.executable, "-c", "pass")}, sizes.repeats)
    return [seconds("scanbank status, small bank, whole process", found["ours"], found["peer"], "python -c pass", 1.0)]


def ingest_(folder: Path, sizes: Sizes) -> list[Figure]:
    """Headers into a new bank, everything counted but imports, against a loop that only reads them with pydicom."""
    scans = max(1, sizes.files // sizes.slices)
    paths = Series(min(sizes.slices, sizes.files), sizes.ingest_size, sizes.seed).write(folder / "input", scans)
    root, count = folder / "input", len(paths)

    def ours(workers: int) -> float:
        bank = Bank.create(folder / "bank")
        taken = timed(lambda: ingest(bank, [root], workers=workers))
        bank.refresh()
        if (found := bank.sql("SELECT count(*) AS n FROM slices").column("n")[0].as_py()) != count:
            raise RuntimeError(f"{found} of {count} files ingested: there is no speed to be told")
        shutil.rmtree(bank.path)
        return taken

    def command() -> float:
        bank = Bank.create(folder / "bank")
        taken = timed(lambda: _run(*_COMMAND, "ingest", str(bank.path), str(root), "--workers", "2", "--json"))
        shutil.rmtree(bank.path)
        return taken

    jobs: dict[str, Callable[[], float]] = {
        "loop": lambda: timed(lambda: _read_headers(paths)),
        "one": lambda: ours(1),
        "two": lambda: ours(2),
        "process": _process(sys.executable, "-c", _LOOP, str(root)),
        "command": command,
    }
    found = rounds(jobs, sizes.repeats)
    elements, _, size = elements_of(paths[0])
    name = f"ingest of {count} files (header: {elements} elements, {size / 1000:.1f} kB)"
    return [
        rate(f"{name}, 1 worker, imports not counted", count, "files/s", found["one"], found["loop"], "dcmread loop", 0.8),
        rate(f"{name}, 2 workers, imports not counted", count, "files/s", found["two"], found["loop"], "dcmread loop", 1.4),
        rate(f"{name}, 2 workers, whole process", count, "files/s", found["command"], found["process"], "dcmread loop"),
    ]


def decode_(folder: Path, sizes: Sizes) -> list[Figure]:
    """A scan as `embed` decodes it (checks and content digest included), against loops of `pixel_array`."""
    slices, size = sizes.decode_slices, sizes.decode_size
    bank = _ingested(folder, Series(slices, size, sizes.seed), 1)
    paths = sorted((folder / "input").rglob("*.dcm"))
    work = Work(**bank.sql("SELECT volume, ordinal, slices, slice_ordinal FROM volumes").to_pylist()[0])

    def twice() -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: decode(bank, work), range(2)))

    jobs = {
        "ours": lambda: timed(lambda: decode(bank, work)),
        "float32": lambda: timed(lambda: _stack(paths, np.dtype(np.float32))),
        "int16": lambda: timed(lambda: _stack(paths, np.dtype(np.int16))),
        "twice": lambda: timed(twice) / 2,
    }
    found = rounds(jobs, sizes.repeats)
    name = f"decoding {slices} slices of {size} x {size}"
    return [
        rate(f"{name}, 1 thread", slices, "slices/s", found["ours"], found["float32"], "pixel_array loop to float32", 1.0),
        rate(f"{name}, 1 thread", slices, "slices/s", found["ours"], found["int16"], "pixel_array loop in int16", 1.0),
        rate(f"{name}, 2 threads, two scans", slices, "slices/s", found["twice"], found["int16"], "pixel_array loop in int16"),
    ]


def memory(folder: Path, sizes: Sizes) -> list[Figure]:
    """Peak resident memory of `scanbank embed` with few and with many scans of one size."""
    figures: list[Figure] = []
    few, many = sizes.scans
    for size in sizes.memory_sizes:
        root = folder / f"size{size}"
        Series(sizes.memory_slices, size, sizes.seed).write(root / "input", many)
        roots = sorted((root / "input").iterdir())
        peaks: list[float] = []
        for count in (few, many):
            bank = Bank.create(root / f"bank{count}")
            ingest(bank, roots[:count])
            told = _run(sys.executable, "-c", PEAK, "embed", str(bank.path), "--encoder", "intensity", "--json")
            peaks.append(int(told.stderr.split()[-1]) * 1024 / 1e6)
        shutil.rmtree(root)
        ratio = peaks[1] / peaks[0]
        what = f"peak memory, embed of {many} scans of {sizes.memory_slices} x {size} x {size}"
        figures.append(Figure(what, peaks[1], "MB", peaks[0], f"{few} scans", ratio, wanted="ratio <= 1.1", met=ratio <= 1.1))
    return figures


BENCHES: dict[str, Callable[[Path, Sizes], list[Figure]]] = {
    "help": help_,
    "status": status,
    "ingest": ingest_,
    "decode": decode_,
    "memory": memory,
    "store": store,
    "embed": embed_,
    **PARTS,
    "cuda": cuda,
    "serve": serve,
    "heads": heads,
    "retrieval": retrieval,
    **HEADS_PARTS,
    "search": search,
    "adapt": adapt,
    **SEARCH_PARTS,
}


def _ingested(folder: Path, series: Series, scans: int) -> Bank:
    series.write(folder / "input", scans)
    bank = Bank.create(folder / "bank")
    ingest(bank, [folder / "input"])
    return bank


def _read_headers(paths: list[Path]) -> None:
    for path in paths:
        dcmread(path, stop_before_pixels=True)


def _stack(paths: list[Path], dtype: np.dtype[Any]) -> NDArray[Any]:
    """What people write: every file read, sorted by position, rescaled into one array."""
    read = sorted((dcmread(path) for path in paths), key=lambda data: float(data.ImagePositionPatient[2]))
    out = np.empty((len(read), read[0].Rows, read[0].Columns), dtype)
    for k, data in enumerate(read):
        if dtype.kind == "f":
            out[k] = data.pixel_array * data.RescaleSlope + data.RescaleIntercept
        else:
            np.add(data.pixel_array * np.int16(data.RescaleSlope), np.int16(data.RescaleIntercept), out=out[k])
    return out


def _process(*command: str) -> Callable[[], float]:
    return lambda: timed(lambda: _run(*command))


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
