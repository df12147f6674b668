"""The whole path, from files that others made to vectors: those that pydicom ships, and public scans where they are present."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pydicom
import pytest

from scanbank.embed import open_encoder
from scanbank.embed.pipeline import embed
from scanbank.store import Bank, ViewSpec, parse_window
from scanbank.store.ingest import ingest

PYDICOM = Path(pydicom.__file__).parent / "data" / "test_files"


def test_the_files_that_pydicom_ships(bank: Bank) -> None:
    report = ingest(bank, [PYDICOM])
    assert (report.volumes, report.slices) == (5, 12)
    assert any("modality MR" in reason for reason in report.left_out)
    encoded = embed(bank, open_encoder("intensity"), [ViewSpec((parse_window("brain"),)), ViewSpec((parse_window("lung"),))])
    assert encoded.sets == {"intensity/brain/slice": 12, "intensity/lung/slice": 12}
    assert encoded.failed == 0
    # CT_small.dcm alone is 128 x 128; its rows lie level, so its centre is as high as its first voxel
    small = pydicom.dcmread(PYDICOM / "CT_small.dcm")
    (row,) = bank.sql("SELECT z_mm FROM slices JOIN volumes USING (volume) WHERE rows_px = 128").to_pylist()
    assert row["z_mm"] == pytest.approx(float(small.ImagePositionPatient[2]))


@pytest.mark.parametrize(
    ("name", "images", "window", "volumes", "slices"),
    [
        ("dcm_qa_ct", None, "brain", 1, 28),
        ("totalseg", None, "mediastinum", 4, 326),
        ("dicom2nifti", None, "brain", 2, 8),
        ("wado_testimages", None, "lung", 8, 8),
        ("ct_ich", "stack", "brain", 12, 355),
        ("head_ct", "each", "brain", 50, 50),
        ("covid_ct", "each", "brain", 40, 40),
    ],
)
def test_public_scans(
    bank: Bank, shared_data: Path, name: str, images: Literal["stack", "each"] | None, window: str, volumes: int, slices: int
) -> None:
    shown = parse_window(window)
    report = ingest(bank, [shared_data / name], images=images, exported_window=shown if images else None)
    assert (report.volumes, report.slices, report.failed) == (volumes, slices, 0)
    encoded = embed(bank, open_encoder("intensity"), [ViewSpec((shown,))])
    assert (encoded.sets, encoded.failed) == ({f"intensity/{window}/slice": slices}, 0)
    held = bank.features(f"intensity/{window}/slice")
    assert sorted(held.items()) == bank.sql("SELECT ordinal FROM slices ORDER BY 1").column(0).to_pylist()
    assert np.isfinite(held.vectors()).all()
