"""The page in a browser."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from browser import browser, look
from eval_banks import add_labels, toy_bank
from scanbank.eval.compare import compare_methods
from scanbank.eval.report import report
from scanbank.eval.retrieval.evaluate import COMMAND, DIRECTIONS, FINDING
from scanbank.eval.retrieval.measures import CUTS
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


@pytest.mark.skipif(PROGRAM is None, reason="no Chromium or Chrome is installed")
def test_ranks_with_all_their_intervals_fit_the_page(bank: Bank, tmp_path: Path) -> None:
    names = [f"{name}{ending}" for name in (*(f"recall_at_{k}" for k in CUTS), "median_rank", "mrr") for ending in ("", "_duplicates")]
    row = {"run": "retrieval-x", "finding": FINDING, "features": "encoder@1/ctclip,4x3x3mm,80x96x128/volume", "window": "ctclip"}
    row |= {"encoder": "encoder@1", "shots": 0, "repeat": 0, "value": 0.1234, "lo": 0.0123, "hi": 0.2345}
    settings = {"queries": "report", "pool": 9999, "distinct_reports": 9, "patients": 9, "near_identical": "", "findings": []}
    label = {"item": "v0", "level": "volume", "finding": "pulmonary_fibrotic_sequela", "status": "absent"}
    with bank.commit("retrieval") as commit:
        now = datetime.now(UTC)
        commit.append(
            "runs", [{"run": "retrieval-x", "command": COMMAND, "settings": json.dumps(settings), "started": now, "finished": now}]
        )
        commit.append("metrics", [row | {"head": head, "metric": name} for head in DIRECTIONS for name in names])
        commit.append(
            "labels", [label | {"source": "llm:openai/a-model-with-quite-a-long-name-of-70B@1a2b3c4d"}, label | {"source": "table"}]
        )
    bank.refresh()
    seen = look(str(PROGRAM), report(bank, queries=[]), tmp_path, width=1200, height=1000)
    assert seen.cut == 0
    assert seen.width <= seen.room
