"""The benchmark of retrieval: `scanbank retrieval` as a whole process, against numpy with the whole matrix of scores."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

from scanbank.store import Bank, FeatureKey, ViewSpec

from .bench_figures import PEAK, Figure, Sizes
from .bench_studies import with_study

FINDINGS = 18
_DENSE = """import sys
import numpy as np
images, texts, present = (np.load(sys.argv[1])[name] for name in ("images", "texts", "present"))
discount = 1 / np.log2(np.arange(2, len(images) + 2))
for queries, pool in ((texts, images), (images, texts)):
    order = np.argsort(-(queries @ pool.T), axis=1)
    rank = 1 + np.argmax(order == np.arange(len(order))[:, None], axis=1)
    found = [np.mean(rank <= cut) for cut in (1, 5, 10, 50, 100)], np.median(rank), np.mean(1 / rank)
    ap, ndcg = [], []
    for row in np.flatnonzero(present.any(axis=1)):
        gain = (present & present[row]).sum(axis=1) / (present | present[row]).sum(axis=1).clip(1)
        gained = gain[order[row]]
        relevant = gained > 0
        ap.append(np.mean(np.cumsum(relevant)[relevant] / (1 + np.flatnonzero(relevant))))
        ndcg.append(gained @ discount / (np.sort(gain)[::-1] @ discount))
    print(found, np.mean(ap), np.mean(ndcg))
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")), file=sys.stderr)"""
"""What people write: one matrix, one sort, one loop for what is graded; reports that are alike and intervals are left out."""


def retrieval(folder: Path, sizes: Sizes) -> list[Figure]:
    """Seconds and peak memory of both directions with all measures, near-identical reports and intervals."""
    scans, dim = sizes.retrieval
    bank, arrays = _reported(folder, scans, dim, sizes.seed)
    ours = (sys.executable, "-c", PEAK, "retrieval", str(bank.path), "--json")
    peer = (sys.executable, "-c", _DENSE, str(arrays))
    found: dict[str, list[tuple[float, float]]] = {"ours": [], "peer": []}
    for number in range(min(sizes.repeats, 3) + 1):
        for name, command in (("ours", ours), ("peer", peer)):
            told = _measured(*command)
            if number:
                found[name].append(told)
    (took, held), (its, theirs) = (np.median(found[name], axis=0).tolist() for name in ("ours", "peer"))
    ratio = median(other[0] / mine[0] for mine, other in zip(found["ours"], found["peer"], strict=True))
    what, by = f"retrieval of {scans} x {scans} x {dim}, both ways, whole process", "numpy, dense"
    return [
        Figure(what, took, "s", its, by, ratio, wanted="< 10 s", met=took < 10),
        Figure(f"{what}, peak memory", held, "MB", theirs, by, held / theirs, wanted="< 1000 MB", met=held < 1000),
    ]


def _reported(folder: Path, scans: int, dim: int, seed: int) -> tuple[Bank, Path]:
    """A bank of scans with a report each, and the same vectors for numpy."""
    bank = with_study(folder / "bank", scans, dim, FINDINGS, 1, seed)
    (features,) = bank.feature_sets
    random = np.random.default_rng(seed)
    images = features.vectors().astype(np.float32)
    texts = images + 3 * random.standard_normal(images.shape, dtype=np.float32)
    words = np.array([f"word{number}" for number in range(2000)])
    rows = [
        {"snippet": f"t{n}", "study": f"v{n:06d}", "patient": f"p{n:06d}", "section": "findings", "position": 0, "text": " ".join(said)}
        for n, said in enumerate(words[random.integers(0, len(words), size=(scans, 120))])
    ]
    with bank.commit("reports") as commit:
        first = commit.reserve(scans)
        commit.append("snippets", [row | {"ordinal": first + n} for n, row in enumerate(rows)])
        commit.append_features(FeatureKey("text", features.key.encoder, ViewSpec()), texts.astype(np.float16), first + np.arange(scans))
    bank.refresh()
    said = bank.sql("SELECT item, finding FROM labels WHERE status = 'present'").to_pylist()
    present = np.zeros((scans, FINDINGS), np.bool_)
    for row in said:
        present[int(row["item"][1:]), int(row["finding"].rpartition("-")[2])] = True
    pairs = {name: values / np.linalg.norm(values, axis=1, keepdims=True) for name, values in (("images", images), ("texts", texts))}
    np.savez(folder / "arrays.npz", present=present, **pairs)
    return bank, folder / "arrays.npz"


def _measured(*command: str) -> tuple[float, float]:
    """Seconds and MB of a process that tells its own peak last."""
    start = time.perf_counter()
    told = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
    return time.perf_counter() - start, int(told.stderr.split()[-1]) * 1024 / 1e6
