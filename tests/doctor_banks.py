"""A small bank with something of everything, and all that can be read of it, for tests of the doctor."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from eval_banks import SLICE, VOLUME, add_labels, add_volumes
from scanbank.store import Bank, EncoderSpec, FeatureKey, ViewSpec, Window
from scanbank.store.compact import compact
from scanbank.store.doctor import Finding, diagnose
from scanbank.store.feature_rows import FeatureRows
from scanbank.store.index_folder import FORMAT as INDEX_FORMAT
from scanbank.store.index_folder import card_text
from scanbank.store.places import place_of
from scanbank.store.repository import kept_snapshots
from scanbank.store.schema import TABLES

DEPTH = FeatureKey("depth", EncoderSpec("deep", "1", 4), ViewSpec((Window(0, 80),)))


def full_bank(bank: Bank, *, compacted: bool = False) -> Bank:
    """Volumes, labels, sets of three kinds, a run with metrics and predictions, tags, an alias, an index and a copy of a set."""
    rng = np.random.default_rng(0)
    ordinals = add_volumes(bank, [f"p{i}" for i in range(8)])
    with bank.commit("vectors") as commit:
        commit.append("labels", [_label(f"v{i}", ("absent", "present")[i % 2]) for i in range(8)])
        commit.append_features(VOLUME, rng.normal(size=(8, 8)).astype(np.float32), ordinals)
        slices = (ordinals[:, None] + 1 + np.arange(3)).ravel()
        commit.append_features(SLICE, rng.normal(size=(24, 4)).astype(np.float32), slices)
        depth = FeatureRows(
            rng.normal(size=(8, 3, 4)).astype(np.float32), np.arange(24, dtype=np.float32).reshape(8, 3), np.ones((8, 3), bool)
        )
        commit.append_features(DEPTH, depth, ordinals)
    bank.tag("early")
    later = add_volumes(bank, ["p8", "p9"], first=8)
    with bank.commit("more vectors") as commit:
        commit.append_features(VOLUME, rng.normal(size=(2, 8)).astype(np.float32), later)
        commit.append_features(SLICE, rng.normal(size=(6, 4)).astype(np.float32), (later[:, None] + 1 + np.arange(3)).ravel())
    with bank.commit("run") as commit:
        commit.append("labels", [_label("v0", "present")])
        commit.append("runs", [{"run": "r", "command": "sweep", "settings": "{}"}])
        row = {"run": "r", "finding": "bleed", "features": VOLUME.name, "head": "knn", "shots": 1, "repeat": 0}
        commit.append("metrics", [row | {"metric": "auroc", "value": 0.5}])
        commit.append("predictions", [row | {"item": f"v{i}", "y": float(i % 2), "score": i / 8} for i in range(8)])
    bank.refresh()
    bank.alias("current", VOLUME.name)
    if compacted:
        compact(bank, keep=2, grace=timedelta(0))
        add_labels(bank, "nodule", {"v1": "1"})
        bank.refresh()
    bank.tag("late")
    _index(bank)
    _copy(bank)
    return bank


def _label(item: str, status: str) -> dict[str, str]:
    return {"item": item, "level": "volume", "finding": "bleed", "status": status, "source": "table"}


def _index(bank: Bank) -> None:
    """As search keeps it; what is in it does not matter to the doctor."""
    folder = bank.path / "indexes"
    folder.mkdir(exist_ok=True)
    import google_crc32c

    data, rows = bytes(range(200)), bytes(range(96))
    (folder / "i.faiss").write_bytes(data)
    (folder / "i.vectors").write_bytes(bytes(64) + rows)
    card = {"format": INDEX_FORMAT, "set": VOLUME.digest, "version": bank.features(VOLUME.name).version, "dim": 4}
    card |= {"files": {"faiss": "i.faiss", "vectors": "i.vectors"}, "sha256": {"faiss": hashlib.sha256(data).hexdigest()}}
    card |= {"parts": [{"rows": 4, "crc32c": google_crc32c.value(rows[:64])}, {"rows": 2, "crc32c": google_crc32c.value(rows[64:])}]}
    (folder / "i.json").write_text(card_text(card))


def _copy(bank: Bank) -> None:
    import google_crc32c

    (bank.path / "cache").mkdir(exist_ok=True)
    data = bytes(range(250))
    (bank.path / "cache" / "copy.npy").write_bytes(data + google_crc32c.value(data).to_bytes(4, "little"))


def contents(path: Path) -> dict[str, Any]:
    """Everything that can be read, at every snapshot that is kept. Raises whatever reading raises."""
    bank = Bank.open(path)
    found: dict[str, Any] = {"log": [(e.snapshot, e.message, e.tags) for e in bank.log()], "tags": bank.tags, "card": bank.card}
    read: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for name in kept_snapshots(bank.repository):
        found[name] = snapshot_contents(Bank.open(path, at=name), read)
    found["head"] = snapshot_contents(bank, read)
    return found


def snapshot_contents(bank: Bank, read: dict[tuple[str, ...], list[dict[str, Any]]] | None = None) -> dict[str, Any]:
    """`read`: rows by table and files, as other snapshots that list the same files gave them."""
    read = {} if read is None else read
    found: dict[str, Any] = {}
    for table in TABLES:
        of = (table, *(file.name for file in bank.snapshot.files(table)))
        if of not in read:
            read[of] = bank.snapshot.table(table).to_table().to_pylist()
        found[table] = read[of]
    found["aliases"] = bank.aliases
    for one in bank.feature_sets:
        beside = [one.z_mm().tobytes(), one.mask().tobytes()] if one.key.kind == "depth" else []
        found[one.digest] = (one.name, one.vectors().tobytes(), one.items().tobytes(), one.of(one.items()).tobytes(), *beside)
    return found


def findings(path: Path) -> list[Finding]:
    return diagnose(place_of(path))


def said(path: Path) -> list[tuple[str, str, str]]:
    """Severity, what and problem of all findings."""
    return [(finding.severity, finding.what, finding.problem) for finding in findings(path)]


def files(path: Path) -> list[Path]:
    """Every file of a bank that has bytes."""
    return sorted(file for file in path.rglob("*") if file.is_file() and file.stat().st_size)
