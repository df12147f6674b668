"""Counts of resampled voxels: what rounding in files must not change, and what is more than any scan has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from safetensors.numpy import load_file

from scanbank.embed.ctclip import PUBLISHED
from scanbank.embed.encoders.ctclip_models import view_of
from scanbank.embed.gridded import MOST_VOXELS, gridded
from scanbank.embed.views import volume_voxels
from scanbank.store.errors import ViewError
from scanbank.store.readers import nifti
from scanbank.store.scan import Source, Volume
from scanbank.store.specs import ViewSpec


def written(path: Path, xyz: np.ndarray, spacing: tuple[float, float, float]) -> Volume:
    """Through a NIfTI file, whose spacings are float32; axes run to the left, back and head."""
    x, y, z = spacing
    nib.save(nib.Nifti1Image(xyz, np.diag([-x, -y, z, 1.0])), path)
    return nifti.load([Source(path)])


@pytest.mark.parametrize("step", [0.7, 0.9, 0.75, 1.1, 1 / 3])
def test_a_scan_of_the_spacing_asked_for_stays_as_it_is(tmp_path: Path, step: float) -> None:
    voxels = np.random.default_rng(0).integers(-1000, 1000, (512, 300, 3)).astype(np.int16)
    scan = written(tmp_path / "scan.nii", voxels, (step, step, 2 * step))
    found = gridded(scan, ViewSpec(spacing_mm=(2 * step, step, step))).values
    np.testing.assert_allclose(found, voxels.transpose(2, 1, 0), atol=0.5)


def test_a_number_of_voxels_that_is_whole_is_not_cut_by_rounding(tmp_path: Path) -> None:
    scan = written(tmp_path / "scan.nii", np.zeros((40, 40, 18), np.int16), (0.9, 0.9, 2.0))
    assert gridded(scan, ViewSpec(spacing_mm=(1.5, 0.75, 0.75))).values.shape == (24, 48, 48)
    # what is not whole is cut, as floor does
    assert gridded(scan, ViewSpec(spacing_mm=(1.51, 0.76, 0.76))).values.shape == (23, 47, 47)


def test_the_published_preprocessing_through_a_file(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data.parent / "goldens" / "ctclip" / "preprocess.safetensors"
    if not path.exists():
        pytest.skip("the published preprocessing's outcome is not here")
    golden = load_file(path)
    scan = written(tmp_path / "scan.nii.gz", (golden["raw_xyz"].astype(np.int32) - 1024).astype(np.int16), (0.9, 0.9, 2.0))
    view = view_of(replace(PUBLISHED, image_size=(48, 48), patch_size=(8, 8), frames=24, temporal_patch_size=4))
    found, _ = volume_voxels(scan, view, (-1, 1))
    np.testing.assert_allclose(found, golden["expected"], atol=1e-5)


def test_more_voxels_than_there_is_room_for_are_refused_before_they_are_made(tmp_path: Path) -> None:
    scan = written(tmp_path / "scan.nii", np.zeros((64, 56, 40), np.int16), (20.0, 20.0, 20.0))
    with pytest.raises(ViewError, match=r"would have 800 x 1120 x 1280 voxels \(z, y, x\) of 1 x 1 x 1 mm") as told:
        gridded(scan, ViewSpec(spacing_mm=(1.0, 1.0, 1.0)))
    assert str(MOST_VOXELS) in str(told.value)
    assert gridded(scan, ViewSpec(spacing_mm=(1.0, 1.0, 1.0), shape=(8, 8, 8))).values.shape == (8, 8, 8)
    metres = written(tmp_path / "metres.nii", np.zeros((64, 56, 40), np.int16), (20_000.0, 20_000.0, 20_000.0))
    with pytest.raises(ViewError, match="the spacing that the scan says it has is wrong"):
        gridded(metres, ViewSpec(spacing_mm=(1.0, 1.0, 1.0), shape=(8, 8, 8)))
