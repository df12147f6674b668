"""Banks for tests of protocols: volumes without files, their labels, and vectors that follow them."""

from __future__ import annotations

import functools
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanbank.store import Bank, EncoderSpec, FeatureKey, ViewSpec, Window

VOLUME = FeatureKey("volume", EncoderSpec("toy", "1", 8), ViewSpec((Window(0, 80),)))
SLICE = FeatureKey("slice", EncoderSpec("flat", "1", 4), ViewSpec((Window(0, 80),)))
_PARTS = ("features", "tables", "checksums")


def add_volumes(bank: Bank, patients: Sequence[str], *, slices: int = 3, studies: Sequence[str] = (), first: int = 0) -> NDArray[np.int64]:
    """One axial volume an entry, of its own study unless `studies` says otherwise; gives their ordinals. Volume i is `v<i>`."""
    with bank.commit("volumes") as commit:
        start = commit.reserve(len(patients) * (1 + slices))
        ordinals = start + np.arange(len(patients)) * (1 + slices)
        rows, planes = [], []
        for i, (patient, ordinal) in enumerate(zip(patients, ordinals.tolist(), strict=True), start=first):
            study = studies[i - first] if studies else f"s{i}"
            row = {"volume": f"v{i}", "ordinal": ordinal, "slice_ordinal": ordinal + 1, "slices": slices, "series": f"e{i}", "study": study}
            rows.append(row | {"patient": patient, "patient_key": patient, "plane": "axial", "original": True, "spacing_z_mm": 1.0 + i})
            planes += [{"slice": f"v{i}s{k}", "ordinal": ordinal + 1 + k, "volume": f"v{i}", "index": k} for k in range(slices)]
        commit.append("volumes", rows)
        commit.append("slices", planes)
    bank.refresh()
    return ordinals


def add_labels(bank: Bank, finding: str, statuses: Mapping[str, str | None], *, level: str = "volume", source: str = "table") -> None:
    """Labels by item; 0 and 1 may be written for absent and present, `=class` for a class."""
    words = {"0": "absent", "1": "present", "?": "uncertain", "-": "unmentioned"}
    rows: list[dict[str, Any]] = []
    for item, status in statuses.items():
        text = str(status)
        said = {"status": "present", "category": text[1:]} if text.startswith("=") else {"status": words[text]}
        rows.append({"item": item, "level": level, "finding": finding, "source": source} | said)
    with bank.commit("labels") as commit:
        commit.append("labels", rows)
    bank.refresh()


def add_vectors(bank: Bank, key: FeatureKey, ordinals: NDArray[np.int64], vectors: NDArray[Any]) -> None:
    with bank.commit("vectors") as commit:
        commit.append_features(key, vectors.astype(np.float32), ordinals)
    bank.refresh()


def toy_bank(bank: Bank, n: int = 60, *, finding: str = "bleed", gap: float = 1.5, seed: int = 0) -> NDArray[np.int64]:
    """`n` patients with a volume each, every third with the finding, and vectors of volumes and slices that tell it; gives labels (n,)."""
    if bank.place.folder is None or (bank.path / "tables").exists():
        return _fill(bank, n, finding, gap, seed)
    files, y = _toy_files(n, finding, gap, seed)
    for part in _PARTS:
        shutil.rmtree(bank.path / part, ignore_errors=True)
    for name, data in files.items():
        (bank.path / name).parent.mkdir(parents=True, exist_ok=True)
        (bank.path / name).write_bytes(data)
    bank.refresh()
    return y.copy()


@functools.cache
def _toy_files(n: int, finding: str, gap: float, seed: int) -> tuple[dict[str, bytes], NDArray[np.int64]]:
    """What the folders of an empty bank become, by their names in it: to copy them takes a tenth of the time of four commits."""
    with tempfile.TemporaryDirectory() as folder:
        bank = Bank.create(Path(folder) / "bank", key_file=Path(folder) / "key")
        y = _fill(bank, n, finding, gap, seed)
        paths = [path for part in _PARTS for path in (bank.path / part).rglob("*") if path.is_file()]
        return {str(path.relative_to(bank.path)): path.read_bytes() for path in paths}, y


def _fill(bank: Bank, n: int, finding: str, gap: float, seed: int) -> NDArray[np.int64]:
    rng = np.random.default_rng(seed)
    ordinals = add_volumes(bank, [f"p{i}" for i in range(n)])
    y = (np.arange(n) % 3 == 0).astype(np.int64)
    add_labels(bank, finding, {f"v{i}": str(label) for i, label in enumerate(y)})
    add_vectors(bank, VOLUME, ordinals, rng.normal(size=(n, 8)) + gap * y[:, None] * np.eye(8)[0])
    of_slices = (ordinals[:, None] + 1 + np.arange(3)).ravel()
    add_vectors(bank, SLICE, of_slices, rng.normal(size=(3 * n, 4)) + gap * np.repeat(y, 3)[:, None] * np.eye(4)[1])
    return y
