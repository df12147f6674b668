"""Vectors that somebody else's network made of public images: imported by path, swept, and checked against scikit-learn."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import normalize
from typer.testing import CliRunner

from scanbank.eval.sweep import Protocol, sweep, sweep_all
from scanbank.heads.linear_path import PATH
from scanbank.scripts.cli import app
from scanbank.scripts.real_study import slice_table
from scanbank.store import Bank
from scanbank.store.errors import UsageError
from scanbank.store.key import SecretKey, default_key_file

NAME = "mobilenet_v1/unknown/slice"


def run(*words: str | Path) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    """An empty bank of a known key: splits follow from ids, and of the few copies in 50 images none may lie between two sides by chance."""
    key = SecretKey(bytes(range(32)))
    path = default_key_file(key.id)
    key.write(path)
    return Bank.create(tmp_path / "bank", key_file=path)


def taken(
    bank: Bank, data: Path, name: str, images: str, labels: Path | None = None, *, scans: bool = True
) -> tuple[list[str], np.ndarray]:
    """The collection's scans, labels and vectors in a bank; gives the paths and vectors of the npz file."""
    folder = data / name
    table = labels or folder / "labels.csv"
    file = data / "embeddings" / f"mobilenet_v1_{name}.npz"
    command = ("import", bank.path, file, "--encoder", "mobilenet_v1", "--kind", "slice", "--key", "path", "--root", folder)
    if scans:
        run("ingest", bank.path, folder, "--images", images, "--labels", table)
        run(*command)
    else:
        run(*command, "--create-items")
        run("ingest", bank.path, "--labels", table)
    bank.refresh()
    with np.load(file) as stored:
        return stored["path"].tolist(), stored["vector"]


@pytest.mark.parametrize(
    ("name", "rows", "images"), [("ct_ich", 355, "stack"), ("head_ct", 50, "each"), ("covid_ct", 40, "each"), ("brain_mri", 222, "each")]
)
def test_every_image_gets_its_own_vector(bank: Bank, shared_data: Path, name: str, rows: int, images: str) -> None:
    paths, X = taken(bank, shared_data, name, images)
    held, folder = bank.features(NAME), (shared_data / name).resolve()
    assert (held.rows, held.dim, held.declared) == (rows, 1024, True)
    by_ordinal = dict(zip(held.items().tolist(), held.vectors(), strict=True))
    for row in bank.sql("SELECT s.volume, s.index, s.ordinal FROM slices s").to_pylist():
        located = bank.local_map.locate(row["volume"])
        assert located is not None
        place = paths.index(located.sources[row["index"]].path.relative_to(folder).as_posix())
        np.testing.assert_array_equal(by_ordinal[row["ordinal"]], X[place])


@pytest.mark.parametrize("scans", [True, False])
@pytest.mark.parametrize(("name", "finding"), [("head_ct", "hemorrhage"), ("brain_mri", "tumor")])
def test_a_sweep_is_scikit_learns(bank: Bank, shared_data: Path, name: str, finding: str, scans: bool) -> None:
    paths, X = taken(bank, shared_data, name, "each", scans=scans)
    with pytest.raises(UsageError, match=r"near duplicates of another patient's.*--allow-leak"):
        sweep(bank, finding, ["linear"], [None], 1)
    (result,) = sweep_all(bank, [finding], ["linear"], [None], 1, protocol=Protocol(allow_leak=True))
    leaks = {leak["kind"]: leak["count"] for leak in result.settings["allowed_leaks"]}
    assert leaks["near_duplicate"] > 0
    assert ("content" in leaks) <= scans  # without scans only vectors tell
    assert any(remark.startswith("allowed: ") and "near duplicates" in remark for remark in result.remarks)
    (measured,) = (row.mean for row in result.summary() if row.metric == "auroc")
    bank.refresh()
    sides = {row["item"]: row["side"] for row in bank.sql("SELECT item, side FROM splits").to_pylist()}
    with (shared_data / name / "labels.csv").open(encoding="utf-8") as file:
        label = {row["path"]: int(row[finding]) for row in csv.DictReader(file)}
    side = []
    for path in paths:
        ((volume, _, _),) = bank.local_map.at_path((shared_data / name / path).resolve())
        side.append(sides[volume])
    y, where = np.array([label[path] for path in paths]), np.array(side)
    Z = normalize(X.astype(np.float64))
    called = {side: (Z[where == side], y[where == side]) for side in ("train", "val", "test")}
    heads = [LogisticRegression(C=C, solver="newton-cg", tol=1e-10, max_iter=1000).fit(*called["train"]) for C in PATH]
    ranked = [roc_auc_score(called["val"][1], head.decision_function(called["val"][0])) for head in heads]
    exact = heads[int(np.argmax(np.round(ranked, 12)))]
    expected = roc_auc_score(called["test"][1], exact.decision_function(called["test"][0]))
    assert measured == pytest.approx(expected, abs=1e-9)
    assert expected > 0.7


def test_slices_of_patients_are_swept_beside_intensity(bank: Bank, shared_data: Path, tmp_path: Path) -> None:
    table = slice_table(shared_data / "ct_ich", tmp_path / "labels.csv", "hemorrhage")
    taken(bank, shared_data, "ct_ich", "each", table)
    run("embed", bank.path, "--encoder", "intensity", "--window", "as-is")
    told = run("sweep", bank.path, "--finding", "hemorrhage", "--shots", "5", "--repeats", "2", "--heads", "prototype")
    assert "mobilenet_v1/unknown/slice/mean" in told
    assert "intensity/as-is/slice/mean" in told
    bank.refresh()
    rows = bank.sql("SELECT features, value FROM metrics WHERE metric = 'auroc'").to_pylist()
    assert all(0 <= row["value"] <= 1 for row in rows), rows
    assert np.mean([row["value"] for row in rows]) > 0.4  # draws follow from ids, and ids from the key of the bank
