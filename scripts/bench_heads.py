"""How fast studies are: few-shot tables, thousands of fits, full-data fits and bootstrap intervals, beside loops that people write."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

from scanbank.eval.battery import bootstrap_intervals
from scanbank.eval.pooling import unit_features
from scanbank.eval.sweep import sweep_all
from scanbank.eval.units import evaluation_units
from scanbank.heads.primal import Rows, primal_fits
from scanbank.store import Bank

from . import bench_studies as studies
from .bench_figures import Figure, Sizes, rounds, timed
from .bench_loops import LOOPS, measured

METHODS = ("linear_cls", "cosine_cls", "linear", "prototype")
SWEEP_HEADS = ("linear", "linear_cls", "cosine_cls", "prototype", "knn")
PENALTIES = tuple(float(c) for c in np.geomspace(1e-4, 1e3, 8))
# In a process of its own after its imports, whose peak of memory is told.
_SWEEP = """import json, sys, time
import numba, scipy.stats, sklearn.metrics, torch
from scanbank.eval.measuring import Measuring
from scanbank.eval.sweep import Protocol, sweep_all
from scanbank.store import Bank
path, findings, heads, shots, repeats = json.loads(sys.argv[1])
start = time.perf_counter()
protocol = Protocol(measuring=Measuring(intervals="delong"), predictions=False)
found = sweep_all(Bank.open(path), findings, heads, shots, repeats, protocol=protocol)
taken = time.perf_counter() - start
peak = int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))) * 1024
print(json.dumps([taken, peak, sum(one.made for one in found)]))"""


def heads(folder: Path, sizes: Sizes) -> list[Figure]:
    """All figures of studies."""
    return [figure for job in HEADS_PARTS.values() for figure in job(folder, sizes)]


def table(folder: Path, sizes: Sizes) -> list[Figure]:
    """A few-shot table from features on disk to tables in the bank, against the same study as a loop."""
    made = studies.with_study(folder / "table", sizes.table_scans, sizes.dim, 1, 2, sizes.seed)
    copy, found = folder / "copy", dict[str, float]()

    def ours() -> float:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(made.path, copy)
        return timed(lambda: sweep_all(Bank.open(copy), ["finding-0"], METHODS, sizes.table_shots, sizes.table_repeats))

    ours()  # which makes the draws that the loop takes, too
    bank = Bank.open(copy)
    loop = _Loop.of(bank, "finding-0", folder / "loop")
    repeats = min(sizes.loop_repeats, sizes.table_repeats)
    query = f"SELECT avg(value) AS mean FROM metrics WHERE head = 'linear' AND metric = 'auroc' AND repeat < {repeats}"
    expected = bank.sql(query).column("mean")[0].as_py()
    share = sizes.table_repeats / repeats

    def peer() -> float:
        return share * timed(lambda: found.update(loop.run(METHODS, sizes.table_shots, repeats)))

    taken = rounds({"ours": ours, "peer": peer}, min(sizes.repeats, 3))
    fits = len(METHODS) * 2 * len(sizes.table_shots) * sizes.table_repeats
    if abs(expected - found["linear"]) > 0.01:
        raise RuntimeError(
            f"mean AUROC of linear is {expected:.3f} here and {found['linear']:.3f} in the loop: there is no speed to be told"
        )
    what = f"few-shot table of {sizes.table_scans:,} scans, {len(METHODS)} heads x 2 backbones x {len(sizes.table_shots)} shots"
    what += f" x {sizes.table_repeats} draws"
    peer_name = f"loop of scikit-learn and torch, {round(fits / share)} of its {fits} fits"
    return [_at_most(what, taken["ours"], 3.0, taken["peer"], peer_name), _ratio("the same", taken["ours"], taken["peer"], peer_name, 50)]


def sweep(folder: Path, sizes: Sizes) -> list[Figure]:
    """Thousands of fits with point metrics and DeLong intervals, no predictions kept; memory is that of a process of its own."""
    made = studies.with_study(folder / "sweep", sizes.sweep_scans, sizes.dim, sizes.sweep_findings, 1, sizes.seed)
    findings = [f"finding-{number}" for number in range(sizes.sweep_findings)]
    asked = json.dumps([str(made.path), findings, SWEEP_HEADS, sizes.sweep_shots, sizes.sweep_repeats])
    done = subprocess.run((sys.executable, "-c", _SWEEP, asked), check=True, capture_output=True, text=True, env=os.environ)
    taken, peak, fits = json.loads(done.stdout.splitlines()[-1])
    made.refresh()
    loop = _Loop.of(made, findings[0], folder / "loop")
    some = len(SWEEP_HEADS) * len(sizes.sweep_shots)
    peer = timed(lambda: loop.run(SWEEP_HEADS, sizes.sweep_shots, 1)) * fits / some
    vectors = sizes.sweep_scans * sizes.dim * 4 / 1e6
    what = f"sweep of {fits:,} fits: {sizes.sweep_findings} findings x {len(sizes.sweep_shots)} shots x {sizes.sweep_repeats} draws"
    memory, name = peak / 1e6, "the features in float32"
    return [
        _at_most(f"{what} x 5 heads on {sizes.sweep_scans:,} x {sizes.dim}", [taken], 180.0, [peer], f"loop, {some} of its fits"),
        Figure("its peak memory", memory, "MB", vectors, name, wanted="< 2000 MB + features", met=memory < 2000 + vectors),
    ]


def full(folder: Path, sizes: Sizes) -> list[Figure]:
    """Many findings and penalties on the same rows, against one-vs-rest by scikit-learn at equal loss."""
    del folder
    rows, width, findings = sizes.full
    random = np.random.default_rng(sizes.seed)
    X = (random.standard_normal((rows, width), dtype=np.float32) * np.geomspace(1, 0.1, width, dtype=np.float32)).astype(np.float32)
    logits = X @ (random.standard_normal((width, findings), dtype=np.float32) / 4) - np.linspace(0, 3, findings, dtype=np.float32)
    y = (random.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(np.int64)
    columns = [(finding, c) for finding in range(findings) for c in PENALTIES]
    labels = torch.from_numpy(y[:, [finding for finding, _ in columns]].astype(np.float32))
    weight, C = torch.ones(1, 1).expand(rows, len(columns)), torch.tensor([c for _, c in columns])
    found: dict[str, Any] = {}

    def ours() -> float:
        return timed(lambda: found.update(ours=primal_fits(Rows.of(torch.from_numpy(X)), labels, weight, C, 1e-5)))

    sampled = [columns.index((findings // 2, PENALTIES[place])) for place in (2, 5)]

    def peer() -> float:
        def fit() -> None:
            for place in sampled:
                finding, c = columns[place]
                found[str(place)] = LogisticRegression(C=c, max_iter=1000, tol=1e-4).fit(X, y[:, finding])

        return timed(fit) * len(columns) / len(sampled)

    taken = rounds({"ours": ours, "peer": peer}, min(sizes.repeats, 2))
    worst = 0.0
    for place in sampled:
        finding, c = columns[place]
        theirs, mine = found[str(place)], found["ours"]
        losses = [
            _loss(X, y[:, finding], np.asarray(w, dtype=np.float64).ravel(), float(b), c)
            for w, b in ((theirs.coef_, theirs.intercept_[0]), (mine.coefficients[place], mine.intercepts[place]))
        ]
        worst = max(worst, (losses[1] - losses[0]) / losses[0])
    what = f"{findings} findings x {len(PENALTIES)} penalties on {rows:,} x {width}, float32"
    name = f"LogisticRegression(lbfgs) one by one, {len(sampled)} of {len(columns)}"
    met = worst < 1e-4
    return [
        _ratio(what, taken["ours"], taken["peer"], name, 10),
        Figure("its loss over scikit-learn's", 1 + worst, "times", 1.0, name, wanted="< 1.0001", met=met),
    ]


def _loss(X: NDArray[np.float32], y: NDArray[np.int64], w: NDArray[np.float64], b: float, c: float) -> float:
    values = X.astype(np.float64) @ w + b
    return float(w @ w / 2 + c * (np.logaddexp(0, values) - y * values).sum())


def bootstrap(folder: Path, sizes: Sizes) -> list[Figure]:
    """Intervals of AUROC and AP by drawing patients, against a loop of scikit-learn calls."""
    del folder
    items, findings, draws = sizes.bootstrap
    random = np.random.default_rng(sizes.seed)
    y = (random.random((findings, items)) < np.geomspace(0.4, 0.05, findings)[:, None]).astype(np.int64)
    score = y + random.standard_normal(y.shape)
    patients = np.arange(items) * 5 // 6

    def ours() -> float:
        def intervals() -> None:
            for row, values in zip(y, score, strict=True):
                bootstrap_intervals(("auroc", "ap"), row, values[None], patients, draws=draws)

        return timed(intervals)

    of_patient = np.split(np.arange(items), np.flatnonzero(np.diff(patients)) + 1)

    def peer() -> float:
        def replicates() -> None:
            for row, values in zip(y, score, strict=True):
                for _ in range(sizes.loop_draws):
                    drawn = random.integers(0, len(of_patient), len(of_patient))
                    of = np.concatenate([of_patient[p] for p in drawn.tolist()])
                    roc_auc_score(row[of], values[of])
                    average_precision_score(row[of], values[of])

        return timed(replicates) * draws / sizes.loop_draws

    taken = rounds({"ours": ours, "peer": peer}, min(sizes.repeats, 3))
    what = f"{draws:,} draws of patients, AUROC and AP of {items:,} predictions x {findings} findings"
    return [_ratio(what, taken["ours"], taken["peer"], f"loop of scikit-learn, {sizes.loop_draws} of the draws", 30)]


class _Loop:
    """A study's sides, labels and draws as the bank has them, and vectors in `.npy` files."""

    def __init__(
        self, y: NDArray[np.int64], sides: NDArray[np.str_], draws: Mapping[tuple[int, int], NDArray[np.int64]], files: Sequence[Path]
    ):
        self._y, self._draws, self._files = y, draws, files
        self._val, self._test = (np.flatnonzero(sides == side) for side in ("val", "test"))

    @classmethod
    def of(cls, bank: Bank, finding: str, folder: Path) -> _Loop:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        units = evaluation_units(bank, finding)
        files = []
        for features in bank.feature_sets:
            files.append(folder / f"{len(files)}.npy")
            np.save(files[-1], unit_features(bank, features, units).X)
        given = {row["item"]: row["side"] for row in bank.sql("SELECT item, side FROM splits").to_pylist()}
        sides = np.array([given[volume] for volume in units.volumes.tolist()])
        place = {item: row for row, item in enumerate(units.items)}
        draws: dict[tuple[int, int], list[int]] = {}
        for row in bank.sql(f"SELECT shots, repeat, item FROM draws WHERE finding = '{finding}' ORDER BY ALL").to_pylist():
            draws.setdefault((row["shots"], row["repeat"]), []).append(place[row["item"]])
        return cls(units.y, sides, {key: np.array(rows) for key, rows in draws.items()}, files)

    def run(self, methods: Sequence[str], shots: Sequence[int], repeats: int) -> dict[str, float]:
        """The mean AUROC of each method."""
        found: dict[str, list[float]] = {method: [] for method in methods}
        for file in self._files:
            X = np.load(file).astype(np.float64)
            val, test, y = (X[self._val], self._y[self._val]), X[self._test], self._y[self._test]
            for k in shots:
                for repeat in range(repeats):
                    support = self._draws[k, repeat]
                    for method in methods:
                        scores = LOOPS[method](X[support], self._y[support], val, test)
                        found[method].append(measured(y, scores[len(val[1]) :], val[1], scores[: len(val[1])])["auroc"])
        return {method: float(np.mean(values)) for method, values in found.items()}


def _at_most(what: str, ours: Sequence[float], below: float, peer: Sequence[float], peer_name: str) -> Figure:
    ours_s, peer_s = float(np.median(ours)), float(np.median(peer))
    return Figure(what, ours_s, "s", peer_s, peer_name, peer_s / ours_s, wanted=f"< {below:g} s", met=ours_s < below)


def _ratio(what: str, ours: Sequence[float], peer: Sequence[float], peer_name: str, at_least: float) -> Figure:
    """A figure of seconds whose ratio is the peer's over ours, round by round."""
    ratios = [theirs / mine for mine, theirs in zip(ours, peer, strict=True)]
    ratio = float(np.median(ratios))
    times = float(np.median(ours)), "s", float(np.median(peer)), peer_name
    return Figure(what, *times, ratio, min(ratios), max(ratios), f"ratio >= {at_least:g}", ratio >= at_least)


HEADS_PARTS: dict[str, Callable[[Path, Sizes], list[Figure]]] = {
    "heads-table": table,
    "heads-sweep": sweep,
    "heads-full": full,
    "heads-bootstrap": bootstrap,
}
"""Run by themselves where they are named."""
