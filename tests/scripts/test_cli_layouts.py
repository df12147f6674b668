"""Collections from the command line to vectors: both releases of CT-RATE give the same, and the golden volume comes out as published."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
from safetensors import safe_open
from typer.testing import CliRunner

from scanbank.embed.ctclip.preprocess import preprocess
from scanbank.scripts.cli import app
from scanbank.store import Bank
from scanbank.store.layouts import open_layout
from scanbank.store.readers import nifti
from scanbank.store.scan import ScanHeader

COLUMNS = "VolumeName,XYSpacing,RescaleIntercept,RescaleSlope,ZSpacing\n"


def run(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def test_both_releases_give_the_same_vectors(tmp_path: Path) -> None:
    hu = np.random.default_rng(0).normal(-1000, 10, (16, 16, 12))
    hu[3:13, 3:13] = np.random.default_rng(1).normal(40, 20, (10, 10, 12))
    hu[4:8, 4:12] = np.random.default_rng(2).normal(-860, 30, (4, 8, 12))
    stored = np.rint(hu).astype(np.int16)
    root = tmp_path / "dataset"
    sound = np.diag([-0.8, -0.8, 2.0, 1.0])  # NIfTI's axes run to the right and the front
    for release, values, affine in (("train", stored + np.int16(8192), np.eye(4)), ("train_fixed", stored, sound)):
        path = root / release / "train_1" / "train_1_a" / "train_1_a_1.nii.gz"
        path.parent.mkdir(parents=True)
        nibabel.save(nibabel.Nifti1Image(values, affine, dtype=np.int16), path)
    (root / "metadata.csv").write_text(COLUMNS + 'train_1_a_1.nii.gz,"[0.8, 0.8]",-8192,1,2.0\n')
    (root / "labels.csv").write_text("VolumeName,Lung nodule\ntrain_1_a_1.nii.gz,1\ntrain_2_a_1.nii.gz,0\n")
    run("init", tmp_path / "bank")
    told = json.loads(run("ingest", tmp_path / "bank", root, "--layout", "ct-rate", "--json"))
    assert told["scans"]["volumes"] == 2
    assert [(one["source"], one["matched"], one["labels"]) for one in told["tables"]] == [("table", 1, 1)]
    assert told["remarks"] == ["labels.csv: rows of scans that are not in the bank: 1"]
    run("embed", tmp_path / "bank", "--encoder", "intensity", "--window", "lung")
    bank = Bank.open(tmp_path / "bank")
    assert bank.sql("SELECT count(*) AS n, count(DISTINCT content) AS contents FROM contents").to_pylist() == [{"n": 2, "contents": 1}]
    (features,) = bank.feature_sets
    vectors = features.vectors()
    assert len(vectors) == 24
    np.testing.assert_array_equal(vectors[:12], vectors[12:])


def test_the_published_preprocessing_is_met(goldens: Path, tmp_path: Path) -> None:
    with safe_open(goldens / "ctclip" / "preprocess.safetensors", "numpy") as file:
        raw, expected = file.get_tensor("raw_xyz"), file.get_tensor("expected")
    path = tmp_path / "valid_1_a_1.nii.gz"
    nibabel.save(nibabel.Nifti1Image(raw, np.eye(4), dtype=np.int16), path)
    (tmp_path / "metadata.csv").write_text(COLUMNS + 'valid_1_a_1.nii.gz,"[0.9, 0.9]",-1024.0,1.0,2.0\n')
    layout = open_layout("ct-rate", [tmp_path])
    declared = layout.declare(path)
    header = nifti.scan(path, declared)  # pyright: ignore[reportArgumentType]
    assert isinstance(header, ScanHeader)
    volume = nifti.load(header.sources, header.calibration)
    z, y, x = (float(mm) for mm in volume.spacing_mm if mm is not None)
    found = preprocess(volume.voxels.transpose(2, 1, 0), (x, y, z), shape=(24, 48, 48))
    np.testing.assert_allclose(found, expected, atol=2e-6)
