"""What training keeps on this machine, never in the bank, and safe to delete: voxels as a view shows them, and how far a run has come."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import final

import numpy as np
import platformdirs
from numpy.typing import NDArray

from .files import private_folder

DEFAULT_BYTES = 50 * 2**30


def voxel_folder(bank_id: str) -> Path:
    """`$XDG_CACHE_HOME/scanbank/voxels/<bank>`, by default under ~/.cache: it holds patients' scans, readable by its owner alone."""
    return Path(platformdirs.user_cache_path("scanbank")) / "voxels" / bank_id


@final
class VoxelCache:
    """Arrays by view and volume, one file each, up to a size. What no longer fits is not kept; files of other views give way first."""

    def __init__(self, folder: Path, view: str, limit_bytes: int = DEFAULT_BYTES) -> None:
        """`view`: a digest of all that decides what the arrays hold."""
        self.folder = folder / view
        self._all = folder
        self._limit = limit_bytes
        self._held: int | None = None

    def get(self, name: str) -> NDArray[np.float16] | None:
        """A mapped array; None where it is not kept, or damaged."""
        try:  # not np.load, which takes archives for what they are
            found = np.lib.format.open_memmap(self._path(name), mode="r")
        except (OSError, ValueError, EOFError, OverflowError, MemoryError):
            return None
        return found if found.dtype == np.float16 else None

    def put(self, name: str, values: NDArray[np.float16]) -> None:
        """Keep an array where there is room; a full disk costs the copy only."""
        if not self._room(values.nbytes):
            return
        path = self._path(name)
        aside = path.with_name(f".{path.name}.{os.getpid()}.npy")
        try:
            private_folder(self.folder)
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                np.save(file, values, allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
        except OSError:
            with suppress(OSError):
                aside.unlink()
            return
        self._held = (self._held or 0) + values.nbytes

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.npy"

    def _room(self, size: int) -> bool:
        if self._held is None:
            self._sweep()
            self._held = sum(status.st_size for _, status in self._files())
        if self._held + size > self._limit:
            others = [(file, status) for file, status in self._files() if file.parent != self.folder]
            for file, status in sorted(others, key=lambda one: one[1].st_mtime):
                self._held -= status.st_size
                file.unlink(missing_ok=True)
                if self._held + size <= self._limit:
                    break
        return self._held + size <= self._limit

    def _files(self) -> list[tuple[Path, os.stat_result]]:
        """What is kept of any view; another process may take files away at any moment."""
        found: list[tuple[Path, os.stat_result]] = []
        for file in self._all.glob("*/[!.]*.npy"):
            with suppress(OSError):
                found.append((file, file.stat()))
        return found

    def _sweep(self) -> None:
        """Remove what processes that were killed left half written."""
        for file in self._all.glob("*/.*.npy"):
            with suppress(OSError, ValueError):
                if not _lives(int(file.name.split(".")[-2])):
                    file.unlink()


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def states_folder(bank_id: str) -> Path:
    """`$XDG_CACHE_HOME/scanbank/adapt/<bank>`: the state of adaptations that were begun, a folder for each."""
    return Path(platformdirs.user_cache_path("scanbank")) / "adapt" / bank_id


def forget_states(bank_id: str) -> None:
    """Remove them all: weights can hold more of who they learn from than anybody can tell. They begin anew."""
    shutil.rmtree(states_folder(bank_id), ignore_errors=True)


def forget_voxels(bank_id: str, volumes: Collection[str]) -> None:
    """Remove what is kept of these volumes, under any view."""
    for volume in volumes:
        for file in voxel_folder(bank_id).glob(f"*/*{volume}*"):
            file.unlink(missing_ok=True)
