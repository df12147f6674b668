"""The page in a browser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from browser import browser, look
from eval_banks import add_labels, toy_bank
from scanbank.eval.compare import compare_methods
from scanbank.eval.report import report
from scanbank.eval.sweep import sweep_all
from scanbank.store import Bank

PROGRAM = browser()


@pytest.mark.skipif(PROGRAM is None, reason="no Chromium or Chrome is installed")
def test_the_page_is_drawn_fits_and_complains_of_nothing(bank: Bank, tmp_path: Path) -> None:
    toy_bank(bank)
    add_labels(bank, "a_lump_with_a_long_name", {f"v{i}": str(int(i % 4 == 1)) for i in range(60)})
    findings = ["bleed", "a_lump_with_a_long_name"]
    sweep_all(bank, findings, ["linear", "knn", "prototype"], [1, 2, 5], 3)
    sweep_all(bank, findings, ["linear", "knn"], [None], 1, command="probe")
    compare_methods(bank, "linear:toy/brain/volume", "knn:toy/brain/volume")
    page = report(bank, queries=[])
    for width in (1200, 600):
        seen = look(str(PROGRAM), page, tmp_path, width=width, height=5000)
        assert seen.complaints == ()
        assert seen.width <= seen.room, "the page is wider than the window"
        assert seen.height > 2000
        colours = np.unique(seen.picture.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.int32))
        assert len(colours) > 50
        blue = (np.abs(seen.picture.astype(np.int16) - (0x00, 0x72, 0xB2)) < 8).all(axis=2)  # the first method's curves
        assert blue.sum() > 200
        dark = seen.picture.mean(axis=2) < 128
        assert 0.002 < dark.mean() < 0.3
