"""Banks for the benchmarks of the store: synthetic rows, written through the same calls as real ones, the same each time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanbank.store import Bank, EncoderSpec, FeatureKey, ViewSpec, Window

_BATCH = 20_000
_START = datetime(2026, 1, 1, tzinfo=UTC)


def key_of(dim: int) -> FeatureKey:
    """Of the vectors here."""
    return FeatureKey("slice", EncoderSpec("synthetic", "1", dim, precision="float16"), ViewSpec((Window(0, 80),)))


def vectors(rows: int, dim: int, seed: int) -> NDArray[np.float16]:
    """(rows, dim), normally distributed."""
    return np.random.default_rng(seed).standard_normal((rows, dim), dtype=np.float32).astype(np.float16)


def with_vectors(path: Path, rows: int, dim: int, seed: int, run: int) -> Bank:
    """A bank of one set, whose ordinals are runs of `run` (a volume's slices), each after one of the volume itself."""
    bank = Bank.create(path)
    for start in range(0, rows, _BATCH):
        count = min(_BATCH, rows - start)
        with bank.commit("vectors") as commit:
            commit.append_features(key_of(dim), vectors(count, dim, seed + start), ordinals(start, start + count, run))
    bank.refresh()
    return bank


def ordinals(start: int, stop: int, run: int) -> NDArray[np.int64]:
    """Of rows start..stop."""
    row = np.arange(start, stop, dtype=np.int64)
    return row + row // run + 1


def with_volumes(path: Path, volumes: int, slices: int, dim: int) -> Bank:
    """A bank of `volumes` volumes of `slices` slices, ingested in batches of a thousand volumes, with a label and one vector each."""
    bank = Bank.create(path)
    for start in range(0, volumes, 1000):
        stop = min(start + 1000, volumes)
        with bank.commit("ingest") as commit:
            first = commit.reserve((stop - start) * (slices + 1))
            for table, rows in _scans(start, stop, slices, first):
                commit.append(table, rows)
            items = first + np.arange(stop - start, dtype=np.int64) * (slices + 1)
            commit.append_features(key_of(dim), vectors(stop - start, dim, start), items)
    bank.refresh()
    return bank


def with_runs(path: Path, runs: int, metrics: int) -> Bank:
    """A bank of runs with `metrics` metrics each, a commit for each run as `sweep` makes it."""
    bank = Bank.create(path)
    for n in range(runs):
        at = _START + timedelta(minutes=n)
        with bank.commit("run") as commit:
            commit.append("runs", [{"run": f"r{n}", "command": "sweep", "settings": "{}", "started": at, "finished": at}])
            commit.append("metrics", _metrics(n, metrics))
    bank.refresh()
    return bank


def embedded(path: Path, volumes: int, slices: int, dim: int, commits: int) -> Bank:
    """A bank of volumes with a vector for each slice, written in `commits` commits that end anywhere in a chunk."""
    bank = Bank.create(path)
    with bank.commit("ingest") as commit:
        first = commit.reserve(volumes * (slices + 1))
        for table, rows in _scans(0, volumes, slices, first):
            commit.append(table, rows)
    rows = volumes * slices
    borders = np.linspace(0, rows, commits + 1).astype(int).tolist()
    for start, stop in pairwise(borders):
        with bank.commit("embed") as commit:
            commit.append_features(key_of(dim), vectors(stop - start, dim, start), first + ordinals(start, stop, slices))
    bank.refresh()
    return bank


def _scans(start: int, stop: int, slices: int, first: int) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    numbers = range(start, stop)
    shape = {"kind": "dicom", "plane": "axial", "rows_px": 512, "columns_px": 512, "has_hu": True, "original": True, "flags": []}
    spacing = {"spacing_z_mm": 1.0, "spacing_y_mm": 0.7, "spacing_x_mm": 0.7, "extent_mm": float(slices)}
    yield "patients", ({"patient": _id("p", n // 2)} for n in numbers)
    yield "studies", ({"study": _id("t", n), "patient": _id("p", n // 2)} for n in numbers)
    yield (
        "volumes",
        (
            shape
            | spacing
            | {"volume": _id("v", n), "ordinal": at, "slice_ordinal": at + 1, "slices": slices}
            | {"patient": _id("p", n // 2), "patient_key": _id("p", n // 2), "study": _id("t", n), "series": _id("e", n)}
            for n in numbers
            for at in (first + (n - start) * (slices + 1),)
        ),
    )
    yield (
        "slices",
        (
            {"slice": _id("s", n * slices + k), "ordinal": first + (n - start) * (slices + 1) + 1 + k, "volume": _id("v", n)}
            | {"index": k, "z_mm": float(k), "number": k + 1}
            for n in numbers
            for k in range(slices)
        ),
    )
    yield "sources", ({"source": _id("v", n), "status": "read", "volume": _id("v", n), "files": slices} for n in numbers)
    yield "attributes", ({"item": _id("v", n), "level": "volume", "name": "sex", "value": "F", "source": "header"} for n in numbers)
    yield (
        "labels",
        (
            {"item": _id("t", n), "level": "study", "finding": "nodule", "status": ("present", "absent")[n % 2], "source": "table"}
            for n in numbers
        ),
    )


def _metrics(run: int, metrics: int) -> Iterator[dict[str, Any]]:
    shots = (1, 2, 4, 8, None)
    values = np.random.default_rng(run).random(metrics)
    for n in range(metrics):
        yield {
            "run": f"r{run}",
            "finding": f"finding {n % 5}",
            "features": f"encoder{run % 4}/brain/volume",
            "encoder": f"encoder{run % 4}",
            "window": "brain",
            "head": f"head{n // 25}",
            "shots": shots[n // 5 % 5],
            "repeat": 0,
            "metric": "auroc",
            "value": float(values[n]),
        }


def _id(kind: str, number: int) -> str:
    """As long as real ids are, and as hard to compress."""
    return f"{kind}{(number * 0x9E3779B97F4A7C15 + ord(kind)) % 2**64:016x}{(number * 0xC2B2AE3D27D4EB4F) % 2**64:016x}"
