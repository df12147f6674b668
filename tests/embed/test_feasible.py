"""What no scan of a bank can give is refused at once; what one of them can is left to each scan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dicom_files import write_series
from scanbank.embed import open_encoder
from scanbank.embed.pipeline import embed
from scanbank.store import Bank, ViewSpec, parse_window
from scanbank.store.errors import ViewError
from scanbank.store.ingest import ingest

BRAIN = ViewSpec((parse_window("brain"),))


@pytest.fixture
def scan(bank: Bank, tmp_path: Path) -> Bank:
    """A bank of one scan that has HU."""
    write_series(tmp_path / "scan", n=3)
    ingest(bank, [tmp_path / "scan"])
    return bank


def failures(bank: Bank) -> int:
    return bank.sql("SELECT count(*) FROM failures").column(0)[0].as_py()


def add_images(bank: Bank, folder: Path) -> None:
    folder.mkdir()
    for i in range(2):
        Image.fromarray(np.random.default_rng(i).integers(0, 255, (8, 8), np.uint8)).save(folder / f"{i}.png")
    ingest(bank, [folder], images="each")


def test_grey_values_as_they_are_of_scans_with_hu(scan: Bank, tmp_path: Path) -> None:
    with pytest.raises(ViewError, match="the scan has HU: give a window"):
        embed(scan, open_encoder("intensity"), [ViewSpec()])
    assert failures(scan) == 0
    add_images(scan, tmp_path / "images")
    report = embed(scan, open_encoder("intensity"), [ViewSpec()])
    assert (report.volumes, report.failed) == (2, 1)


def test_hu_of_images_without(bank: Bank, tmp_path: Path) -> None:
    add_images(bank, tmp_path / "images")
    with pytest.raises(ViewError, match="8-bit grey values and no HU"):
        embed(bank, open_encoder("intensity"), [BRAIN])
    assert failures(bank) == 0


def test_a_mask_that_no_scan_has(scan: Bank) -> None:
    with pytest.raises(ViewError, match="has a mask of 'lesion'; it has no masks: ingest some"):
        embed(scan, open_encoder("intensity"), [replace(BRAIN, mask="user:lesion")])
    assert failures(scan) == 0


def test_slices_in_another_order(scan: Bank) -> None:
    with pytest.raises(ViewError, match="orientation LSP"):
        embed(scan, open_encoder("intensity"), [replace(BRAIN, orientation="LSP")])
    assert embed(scan, open_encoder("intensity"), [replace(BRAIN, orientation="RAS")]).volumes == 1
