"""Reads damaged files one after the other in a process of its own, with little memory and time: `python fuzz_worker.py FOLDER SEED...`.

For each it says `start SEED`, and when it is through `done SEED {json}`. What ends it in between is that file's doing: a signal of the
decoder, or the alarm that ends a hang.
"""

from __future__ import annotations

import json
import resource
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np

from fuzz_files import make
from scanbank.embed.hu_check import examine
from scanbank.store.errors import ReadError
from scanbank.store.local_map import Located
from scanbank.store.progress import Silent
from scanbank.store.readers import Images, find_scans, import_loaders, load_volume

SECONDS = 10
ROOM = 1 << 30
"""Bytes of address space beyond what imports took."""


def main() -> None:
    folder, seeds = Path(sys.argv[1]), sys.argv[2:]
    import_loaders(("dicom", "nifti", "hdf5", "image"))
    _limit()
    for seed in seeds:
        _say("start", seed)
        path = make(int(seed), folder / seed)
        _reset_peak()
        before, began = _peak(), time.process_time()
        signal.alarm(SECONDS)
        outcome = _read(folder / seed)
        signal.alarm(0)
        told = {"outcome": outcome, "kind": path.suffix, "grown": _peak() - before, "seconds": round(time.process_time() - began, 2)}
        _say("done", seed, json.dumps(told))
        shutil.rmtree(folder / seed)


def _say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


def _read(folder: Path) -> list[str]:
    """What became of the scans in a folder, as ingest and embed would have it."""
    found = find_scans([folder], Images("each"), 1, Silent())
    outcomes = [("left out: " if one.left_out else "failed: ") + one.reason for one in found.rejected] + ["ignored"] * found.ignored
    for scan in found.scans:
        try:
            volume = load_volume(Located(scan.kind, scan.sources, scan.exported_window))
            if not np.isfinite(volume.voxels).all():
                outcomes.append("failed: NaN")  # as the pipeline says of it
                continue
            if volume.has_hu:
                examine(volume.voxels)
            outcomes.append("read")
        except ReadError as error:
            outcomes.append(f"failed: {error}")
    return outcomes


def _limit() -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, used + ROOM))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
