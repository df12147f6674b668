"""The demo: the main job, from files to vectors to an answer, on the CT files that pydicom ships. `bash scripts/demo.sh` runs it."""

from __future__ import annotations

import shlex
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

WINDOWS = ("brain", "lung", "mediastinum")
QUESTION = """SELECT v.slices, v.spacing_z_mm, round(min(s.z_mm), 1) AS z_from_mm, round(max(s.z_mm), 1) AS z_to_mm, v.flags
FROM volumes v JOIN slices s USING (volume) WHERE v.is_primary GROUP BY ALL ORDER BY v.slices DESC"""


def ct_files() -> Iterator[Path]:
    """The files among pydicom's test data whose header says CT and which hold an image."""
    import pydicom
    from pydicom.data.data_manager import DATA_ROOT
    from pydicom.errors import InvalidDicomError

    for path in (Path(DATA_ROOT) / "test_files").rglob("*"):
        if not path.is_file():
            continue
        try:
            with warnings.catch_warnings(action="ignore"):  # some of these files are wrong on purpose
                header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["Modality", "Rows"])
        except (InvalidDicomError, OSError, EOFError, ValueError, AttributeError):
            continue
        if header.get("Modality") == "CT" and header.get("Rows"):
            yield path


def scanbank(*words: str) -> None:
    """Run a command as a user would, and show it."""
    shown = shlex.join(words)
    print(f"\n$ scanbank {shown if len(shown) < 160 else shown[:150] + ' ...'}", flush=True)
    done = subprocess.run([sys.executable, "-m", "scanbank.scripts.cli", *words], check=False)
    if done.returncode not in (0, 1):  # 1: some files failed, which the demo shows
        raise SystemExit(done.returncode)


def main() -> None:
    """`python -m scanbank.scripts.demo OUT`."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m scanbank.scripts.demo OUT")
    out = Path(sys.argv[1])
    bank, key = out / "bank", out / "bank.key"
    out.mkdir(parents=True, exist_ok=True)
    files = sorted(ct_files())
    print(f"pydicom ships {len(files)} CT files: single slices, short series, compressed and damaged ones.")
    if not (bank / "bank.json").exists():
        scanbank("init", str(bank), "--key-file", str(key))
    print("\nIngest reads headers only: series are put together, places in mm and pseudonyms go into the bank.")
    scanbank("ingest", str(bank), *map(str, files), "--key-file", str(key))
    print("\nEmbed decodes each scan once and encodes its slices under every window. `intensity` needs no weights.")
    scanbank("embed", str(bank), "--encoder", "intensity", *(word for window in WINDOWS for word in ("--window", window)))
    print("\nA torch network in the same place; with random weights, for trying out (its name says so).")
    scanbank("embed", str(bank), "--encoder", "timm:resnet10t", "--random-weights", "0", "--window", "mediastinum")
    print("\nEverything is a table.")
    scanbank("sql", str(bank), QUESTION)
    scanbank("status", str(bank))
    print(f"\nbank      {bank}\nkey       {key}\nnext      .venv/bin/scanbank --help, README.md, docs/architecture.md")


if __name__ == "__main__":
    main()
