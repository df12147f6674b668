"""Banks for the benchmarks of studies: scans without files, labels that vectors follow, the same each time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scanbank.store import Bank, EncoderSpec, FeatureKey, ViewSpec, Window

SHARES = (0.6, 0.2, 0.2)
"""Of train, val and test."""
PATIENTS = 5 / 6
"""For each scan: some patients have two, as in CT-RATE."""


def with_study(path: Path, scans: int, dim: int, findings: int, backbones: int, seed: int) -> Bank:
    """A bank of volumes with a label of each finding, 3% to 40% of them present, and a set of float16 vectors of each backbone."""
    random, bank = np.random.default_rng(seed), Bank.create(path)
    patient = (np.arange(scans) * PATIENTS).astype(np.int64)
    names = np.array([f"p{number:06d}" for number in range(scans)])
    items, patients = pa.array([f"v{number:06d}" for number in range(scans)]), pa.array(names[patient].tolist())
    with bank.commit("scans") as commit:
        ordinals = commit.reserve(2 * scans) + 2 * np.arange(scans, dtype=np.int64)
        told: dict[str, Any] = {"volume": items, "ordinal": ordinals, "slice_ordinal": ordinals + 1, "slices": 1, "study": items}
        told |= {"series": items, "patient": patients, "patient_key": patients}
        commit.append_columns("volumes", told | {"plane": "axial", "original": True, "spacing_z_mm": 1.0}, scans)
        y = _labels(random, scans, findings)
        for number, present in enumerate(y):
            status = pa.array(np.where(present, "present", "absent").tolist())
            commit.append_columns(
                "labels", {"item": items, "level": "volume", "finding": f"finding-{number}", "source": "table", "status": status}, scans
            )
        sides = np.repeat(("train", "val", "test"), np.diff(np.round(np.cumsum((0, *SHARES)) * (patient[-1] + 1)).astype(int)))
        rows = {"split": "user", "item": pa.array(names[: len(sides)].tolist()), "level": "patient"}
        commit.append_columns("splits", rows | {"side": pa.array(random.permutation(sides).tolist())}, len(sides))
    for backbone in range(backbones):
        key = FeatureKey("volume", EncoderSpec(f"backbone{backbone}", "1", dim, precision="float16"), ViewSpec((Window(40, 80),)))
        X = random.standard_normal((scans, dim), dtype=np.float32)
        X += y.T.astype(np.float32) @ (1.5 * random.standard_normal((findings, dim), dtype=np.float32) * dim**-0.25)
        with bank.commit("vectors") as commit:
            commit.append_features(key, X.astype(np.float16), ordinals)
    bank.refresh()
    return bank


def _labels(random: np.random.Generator, scans: int, findings: int) -> NDArray[np.bool_]:
    """(findings, scans)."""
    shares = np.geomspace(0.4, 0.03, findings) if findings > 1 else np.array([0.4])
    return random.random((findings, scans)) < shares[:, None]
