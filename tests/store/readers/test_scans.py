"""Finding scans with helper processes gives what one process finds."""

from __future__ import annotations

from pathlib import Path

from scanbank.scripts.bench_input import Series
from scanbank.store.progress import Silent
from scanbank.store.readers import Images, find_scans
from scanbank.store.readers.scans import HELPERS_FROM


def test_helpers_change_nothing(tmp_path: Path) -> None:
    scans = HELPERS_FROM // 25 + 1
    Series(25, 16).write(tmp_path, scans)
    for number in (3, 40):  # failures keep their order too
        (tmp_path / f"scan{number:04d}" / "IM00007.dcm").write_bytes(b"no DICOM")
    alone, helped = (find_scans([tmp_path], Images(), workers, Silent()) for workers in (1, 2))
    assert len(alone.scans) == scans
    assert sum(len(scan.slices) for scan in alone.scans) == 25 * scans - 2
    assert [rejected.path.parent.name for rejected in alone.rejected] == ["scan0003", "scan0040"]
    assert helped == alone
