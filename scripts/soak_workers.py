"""Who reads and writes in a soak (`scripts/soak.py`): each loops in a process of its own until the time is over or it is killed.

Every vector follows from its encoder and its ordinal, every run has as many metrics as it says, so that a reader knows what it should see.
"""

from __future__ import annotations

import json
import logging
import random
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..store import Bank, EncoderSpec, FeatureKey, ViewSpec, Window
from ..store.compact import compact
from ..store.errors import ScanbankError, UsageError
from ..store.repository import kept_snapshots
from ..store.retention import damaged_files

VIEW = ViewSpec((Window(0, 80),))
KEYS = (
    FeatureKey("slice", EncoderSpec("soak-a", "1", 32), VIEW),
    FeatureKey("slice", EncoderSpec("soak-b", "1", 48, precision="float16"), VIEW),
)
METRICS, PREDICTIONS = 6, 40
KEEP, GRACE_S = 4, 2.0
_VOLUMES = 2000
"""No more are made: the soak is of what happens at once, not of size."""
_BATCH = 600


class WrongError(AssertionError):
    """The bank said what it must not."""


class Worker:
    """What a process does in a loop, and the file that it counts in: a killed one has told what it did."""

    def __init__(self, role: str, path: Path, counts: Path, until: float, seed: int) -> None:
        self.role, self.path, self.until = role, path, until
        self.rng = random.Random(seed)
        self._counts = counts.open("a", buffering=1)
        self.bank = Bank.open(path)
        logger = logging.getLogger("scanbank")
        logger.addHandler(_Waits(self))
        logger.propagate = False

    def count(self, event: str, detail: str = "") -> None:
        self._counts.write(json.dumps({"role": self.role, "event": event, "detail": detail}) + "\n")

    def loop(self) -> None:
        self.count("start")
        step = ROLES[self.role]
        while time.time() < self.until:
            try:
                step(self)
                self.count("done")
            except (ScanbankError, AssertionError, ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
                self._failed(error)

    def _failed(self, error: Exception) -> None:
        """A reader's snapshot may be forgotten by a compaction: told apart from what must not happen."""
        expired = isinstance(error, ScanbankError) and not self._is_kept()
        detail = f"{type(error).__name__}: {error}"
        self.count("expired" if expired else "error", detail)
        self.bank = Bank.open(self.path)

    def _is_kept(self) -> bool:
        return self.bank.snapshot.id in kept_snapshots(Bank.open(self.path).repository)


class _Waits(logging.Handler):
    """Counts what the lock says of waiting."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(logging.WARNING)
        self._worker = worker

    def emit(self, record: logging.LogRecord) -> None:
        self._worker.count("wait", record.getMessage())


def run(role: str, path: Path, counts: Path, until: float, seed: int) -> None:
    """The whole life of a process."""
    Worker(role, path, counts, until, seed).loop()


def vectors_of(key: FeatureKey, ordinals: NDArray[np.int64]) -> NDArray[Any]:
    """(N, D): whole numbers below 2,048, which float16 holds too."""
    factor = 3 if key.encoder.name == "soak-a" else 5
    return ((ordinals[:, None] * factor + np.arange(key.encoder.dim) * 7) % 2048).astype(key.encoder.precision)


def verify(bank: Bank, key: FeatureKey) -> int:
    """Compare every vector of a set with what it must be, and give their number. Raises WrongError."""
    one = next((s for s in bank.feature_sets if s.digest == key.digest), None)
    if one is None:
        return 0
    items, vectors = one.items(), one.vectors()
    if len(items) != len(vectors) or len(np.unique(items)) != len(items):
        raise WrongError(f"{one.name}: {len(items)} items, {len(np.unique(items))} different, {len(vectors)} vectors")
    wrong = int((vectors != vectors_of(key, items)).any(axis=1).sum())
    if wrong:
        raise WrongError(f"{one.name}: {wrong} of {len(items)} vectors are not those of their items")
    return len(items)


def verify_tables(bank: Bank) -> None:
    """Slices that no volume lacks, runs that are whole. Raises WrongError."""
    query = "SELECT v.volume FROM volumes v LEFT JOIN slices s USING (volume) GROUP BY v.volume, v.slices HAVING count(s.slice) <> v.slices"
    if bad := bank.sql(query).num_rows:
        raise WrongError(f"{bad} volumes without some of their slices")
    for table, expected in (("metrics", METRICS), ("predictions", PREDICTIONS)):
        count = f"(SELECT count(*) FROM {table} m WHERE m.run = r.run)"
        if bad := bank.sql(f"SELECT run FROM runs r WHERE {count} <> {expected}").num_rows:
            raise WrongError(f"{bad} runs without some of their {table}")
    if bad := bank.sql("SELECT item FROM labels WHERE category <> item").num_rows:
        raise WrongError(f"{bad} labels of others")


def full_check(bank: Bank) -> dict[str, int]:
    """Everything, in every snapshot that can be read. Raises WrongError or what the bank raises."""
    verified = 0
    kept = kept_snapshots(bank.repository)
    for name in kept:
        for file, why in damaged_files(bank.place, name):
            raise WrongError(f"{file} {why}")
        then = Bank.open(bank.path, at=name)
        verified += sum(verify(then, key) for key in KEYS)
        verify_tables(then)
    slices = bank.sql("SELECT count(*) AS n FROM slices").to_pylist()[0]["n"]
    lacking = sum(slices - verify(bank, key) for key in KEYS)
    if lacking:
        raise WrongError(f"{lacking} slices without a vector, or vectors without a slice")
    return {"snapshots": len(kept), "vectors verified": verified, "slices": slices, "feature sets": len(KEYS)}


def _grow(worker: Worker) -> None:
    time.sleep(worker.rng.uniform(0.1, 0.6))
    worker.bank.refresh()
    if worker.bank.snapshot.table("volumes").count_rows() > _VOLUMES:
        return
    with worker.bank.commit("grow") as commit:
        for _ in range(worker.rng.randint(1, 8)):
            name, count = secrets.token_hex(8), worker.rng.randint(1, 40)
            first = commit.reserve(1 + count)
            row = {"volume": name, "ordinal": first, "slice_ordinal": first + 1, "slices": count, "patient": name, "original": True}
            commit.append("volumes", [row])
            planes = ({"slice": f"{name}{k}", "ordinal": first + 1 + k, "volume": name, "index": k} for k in range(count))
            commit.append("slices", planes)


def embed_missing(worker: Worker, key: FeatureKey, most: int = _BATCH) -> int:
    """As `embed` does: look, work without the lock, look again with it and commit."""
    bank = worker.bank
    bank.refresh()
    one = next((s for s in bank.feature_sets if s.digest == key.digest), None)
    there = one.items() if one else np.array([], dtype=np.int64)
    wanted = bank.sql("SELECT ordinal FROM slices ORDER BY ordinal").column("ordinal").to_numpy()
    todo = wanted[~np.isin(wanted, there)][:most]
    vectors = vectors_of(key, todo)
    if len(todo):
        with bank.commit(f"embed {key.encoder.name}") as commit:
            now = commit.items(key, len(there))
            fresh = np.ones(len(todo), bool) if now is None else ~np.isin(todo, now)
            if fresh.any():
                commit.append_features(key, vectors[fresh], todo[fresh])
    return len(todo)


def _embed(key: FeatureKey) -> Callable[[Worker], None]:
    def step(worker: Worker) -> None:
        if not embed_missing(worker, key):
            time.sleep(0.3)

    return step


def _label(worker: Worker) -> None:
    time.sleep(worker.rng.uniform(0.1, 0.5))
    worker.bank.refresh()
    volumes = worker.bank.sql("SELECT volume FROM volumes").column("volume").to_pylist()
    if volumes:
        statuses = ("present", "absent", "uncertain")
        with worker.bank.commit("label") as commit:
            rows = (
                {"item": v, "level": "volume", "finding": "f", "status": worker.rng.choice(statuses), "category": v, "source": "soak"}
                for v in worker.rng.sample(volumes, min(20, len(volumes)))
            )
            commit.append("labels", rows)


def _sweep(worker: Worker) -> None:
    time.sleep(worker.rng.uniform(0.2, 0.8))
    run = f"soak-{secrets.token_hex(6)}"
    now = datetime.now(UTC)
    with worker.bank.commit("sweep") as commit:
        commit.append("runs", [{"run": run, "command": "soak", "settings": "{}", "started": now, "finished": now}])
        metrics = ({"run": run, "head": f"h{i}", "metric": "auroc", "shots": i, "repeat": 0, "value": 0.5} for i in range(METRICS))
        commit.append("metrics", metrics)
        commit.append("predictions", ({"run": run, "item": f"i{i}", "score": i / PREDICTIONS} for i in range(PREDICTIONS)))


def _compact(worker: Worker) -> None:
    time.sleep(worker.rng.uniform(2.0, 6.0))
    worker.bank.refresh()
    compact(worker.bank, keep=KEEP, grace=timedelta(seconds=GRACE_S))


def _tag(worker: Worker) -> None:
    time.sleep(worker.rng.uniform(0.5, 2.0))
    worker.bank.tag(f"t-{secrets.token_hex(6)}")
    for name in sorted(worker.bank.tags)[3:]:
        worker.bank.untag(name)


def _read_head(worker: Worker) -> None:
    worker.bank.refresh()
    for key in KEYS:
        verify(worker.bank, key)


def _read_slowly(worker: Worker) -> None:
    """One snapshot, read again after others moved on: it says the same, or that it is gone."""
    worker.bank.refresh()
    first = [verify(worker.bank, key) for key in KEYS]
    time.sleep(worker.rng.uniform(0.5, 8.0))
    if [verify(worker.bank, key) for key in KEYS] != first:
        raise WrongError("a snapshot says something else than before")
    verify_tables(worker.bank)


def _read_tag(worker: Worker) -> None:
    time.sleep(0.1)
    tags = sorted(worker.bank.tags)
    if not tags:
        return
    name = worker.rng.choice(tags)
    try:
        worker.bank = Bank.open(worker.path, at=name)
    except UsageError:
        worker.count("tag gone")  # the tagger took it away between listing and opening
        worker.bank = Bank.open(worker.path)
        return
    for key in KEYS:
        verify(worker.bank, key)
    verify_tables(worker.bank)


def _read_sql(worker: Worker) -> None:
    worker.bank.refresh()
    verify_tables(worker.bank)


WRITERS: dict[str, Callable[[Worker], None]] = {
    "grow": _grow,
    "embed a": _embed(KEYS[0]),
    "embed b": _embed(KEYS[1]),
    "label": _label,
    "sweep": _sweep,
    "compact": _compact,
    "tag": _tag,
}
READERS: dict[str, Callable[[Worker], None]] = {
    "read head": _read_head,
    "read slowly": _read_slowly,
    "read tags": _read_tag,
    "read sql": _read_sql,
}
ROLES = WRITERS | READERS
