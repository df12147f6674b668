"""Voxels as a view shows them, kept on this machine so that training decodes each scan once. Never in the bank, and safe to delete."""

from __future__ import annotations

import os
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
        try:
            return np.load(self._path(name), mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None

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
            self._held = sum(file.stat().st_size for file in self._files())
        if self._held + size > self._limit:
            for file in sorted((file for file in self._files() if file.parent != self.folder), key=lambda file: file.stat().st_mtime):
                self._held -= file.stat().st_size
                file.unlink(missing_ok=True)
                if self._held + size <= self._limit:
                    break
        return self._held + size <= self._limit

    def _files(self) -> list[Path]:
        return [file for file in self._all.glob("*/*.npy") if file.is_file()]


def forget_voxels(bank_id: str, volumes: Collection[str]) -> None:
    """Remove what is kept of these volumes, under any view."""
    for volume in volumes:
        for file in voxel_folder(bank_id).glob(f"*/*{volume}*"):
            file.unlink(missing_ok=True)
