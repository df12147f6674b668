"""Finding scans with helper processes gives what one process finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanbank.scripts.bench_input import Series
from scanbank.store.progress import Silent
from scanbank.store.readers import Images, find_scans


def test_helpers_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanbank.store.readers.spread._PACE_SECONDS", 0.0)
    monkeypatch.setattr("scanbank.store.readers.spread.WORTH_SECONDS", 0.0)
    scans = 80
    Series(25, 16).write(tmp_path, scans)
    for number in (3, 40):  # failures keep their order too
        (tmp_path / f"scan{number:04d}" / "IM00007.dcm").write_bytes(b"no DICOM")
    alone, helped = (find_scans([tmp_path], Images(), workers, Silent()) for workers in (1, 2))
    assert len(alone.scans) == scans
    assert sum(len(scan.slices) for scan in alone.scans) == 25 * scans - 2
    assert [rejected.path.parent.name for rejected in alone.rejected] == ["scan0003", "scan0040"]
    assert helped == alone
