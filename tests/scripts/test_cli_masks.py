"""Masks on the command line: ingested, and used by a view."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from scanbank.scripts.cli import app
from scanbank.store import Bank


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def nifti(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values.transpose(2, 1, 0).astype(np.int16), np.diag([-2.0, -2.0, 5.0, 1.0])), path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A scan with a mask beside it, and an empty bank."""
    hu = np.full((8, 60, 60), -1000)
    hu[:, 15:45, 10:50] = np.random.default_rng(0).integers(20, 60, (8, 30, 40))
    mask = np.zeros(hu.shape)
    mask[2:5, 20:30, 20:30] = 1
    nifti(tmp_path / "in" / "scan.nii.gz", hu)
    nifti(tmp_path / "in" / "scan_seg_liver.nii.gz", mask)
    assert run("init", tmp_path / "bank").exit_code == 0
    return tmp_path


def test_scans_and_masks_in_one_go(folder: Path) -> None:
    done = run("ingest", folder / "bank", folder / "in", "--masks", folder / "in", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["scans"]["volumes"], told["masks"]["masks"], told["masks"]["findings"]) == (1, 1, {"liver": 1})
    again = run("ingest", folder / "bank", "--masks", folder / "in" / "scan_seg_liver.nii.gz")
    assert "0 new masks on 1 volumes; 1 were there already" in again.output
    for mask, name in (("body", "body"), ("user:liver:crop", "user:liver:crop")):
        made = run("embed", folder / "bank", "--encoder", "intensity", "--window", "40/400", "--mask", mask)
        assert made.exit_code == 0, made.output
        assert f"8 vectors into intensity/mediastinum,{name}/slice" in made.output
    lung = run("embed", folder / "bank", "--encoder", "intensity", "--window", "40/400", "--mask", "lung")
    assert lung.exit_code == 1
    assert "no lung is found; the largest plane of aerated tissue in the body has 0.0 cm2" in lung.output
    assert {one.key.view.mask for one in Bank.open(folder / "bank").feature_sets} == {"body", "user:liver:crop"}


def test_mistakes_are_one_line(folder: Path) -> None:
    for words, text in (
        (("ingest", folder / "bank", "--masks", folder / "none"), "does not exist"),
        (("ingest", folder / "bank", "--masks", folder / "in", "--mask-finding", "="), "expected NAME or THEIRS=OURS"),
        (("embed", folder / "bank", "--encoder", "intensity", "--mask", "spleen"), "mask 'spleen' is unknown"),
        (("embed", folder / "bank", "--encoder", "intensity", "--align", folder / "x.nii"), "no such file"),
    ):
        done = run(*words)
        assert done.exit_code != 0
        assert text in f"{done.output}{done.exception}"


def test_scans_are_aligned_to_a_reference(folder: Path) -> None:
    run("ingest", folder / "bank", folder / "in" / "scan.nii.gz")
    reference = folder / "in" / "scan.nii.gz"
    words = ("embed", folder / "bank", "--encoder", "intensity", "--window", "40/400", "--spacing", "5x4x4", "--align", reference)
    done = run(*words)
    assert done.exit_code == 0, done.output
    (found,) = Bank.open(folder / "bank").feature_sets
    assert len(found.key.view.align) == 64
    assert f"aligned-{found.key.view.align[:8]}" in found.name
    assert str(folder) not in json.dumps(found.key.view.to_dict())
    assert "1 volumes had theirs already" in run(*words).output
