"""What takes long to read or to work out, kept beside the bank as files that are only mapped into memory. Never the truth."""

from __future__ import annotations

import io
import mmap
import os
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast, final

import google_crc32c
import numpy as np
from filelock import FileLock, Timeout
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray

from .errors import UsageError

LIMIT_BYTES = 8_000_000_000
LEAST_BYTES = 8_000_000
"""Smaller sets are read from their chunks in no time."""
_VARIABLE = "SCANBANK_CACHE_BYTES"
_SHARE_OF_FREE = 10
_CRC_BYTES = 4
_WAIT_SECONDS = 60.0


@final
class VectorCache:
    """A folder of copies of feature sets and of counts of words, `NAME.npy` with a crc32c of the whole behind it; the least recently used
    goes first.

    Whatever goes wrong with it is silent: the bank is read instead. `$SCANBANK_CACHE_BYTES` limits its size, 0 turns it off, and it
    never takes more than a tenth of the free disk.
    """

    def __init__(self, folder: Path, alive: Callable[[], bool]) -> None:
        """`alive`: whether what was read may still be kept. Asked with the folder's lock held, so that nothing comes back after `wipe`."""
        self._folder = folder
        self._alive = alive
        self._open: dict[str, NDArray[Any]] = {}

    def opened(self, name: str) -> NDArray[Any] | None:
        """The copy of that name if this process has mapped it already."""
        return self._open.get(name)

    def get(self, name: str, dtype: DTypeLike, shape: tuple[int, ...]) -> NDArray[Any] | None:
        """The copy of that name, mapped and read-only; None where there is none, or one that is not what was written."""
        if name not in self._open and _limit():
            path = self._path(name)
            with suppress(OSError, ValueError):
                self._open[name] = _mapped(path, dtype, shape)
                os.utime(path)
        return self._open.get(name)

    def put(self, name: str, array: NDArray[Any]) -> None:
        """Keep a copy, where it is worth it and there is room."""
        if array.nbytes < LEAST_BYTES or array.nbytes > _limit():
            return
        with suppress(OSError, Timeout):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with self._lock(0):
                if self._alive() and self._make_room(array.nbytes):
                    self._write(self._path(name), array)

    def get_parts(self, kind: str, version: str, names: Sequence[str]) -> dict[str, NDArray[Any]] | None:
        """The arrays of that version, mapped and read-only; None where one of them is not there, or not what was written."""
        found: dict[str, NDArray[Any]] = {}
        with suppress(OSError, ValueError):
            for name in names if _limit() else ():
                path = self._path(f"{kind}-{version}.{name}")
                found[name] = _mapped(path, *_told(path))
                os.utime(path)
        return found if len(found) == len(names) else None

    def put_parts(self, kind: str, version: str, parts: Mapping[str, NDArray[Any]]) -> None:
        """Keep arrays that belong together, in the place of any other version of that kind, where there is room.

        What one version held may be what the next must not: a report that was taken back.
        """
        total = sum(array.nbytes for array in parts.values())
        if total > _limit():
            return
        with suppress(OSError, Timeout):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with self._lock(0):
                if not self._alive():
                    return
                for path in self._folder.glob(f"{kind}-*.npy"):
                    path.unlink()
                if self._make_room(total):
                    for name, array in parts.items():
                        self._write(self._path(f"{kind}-{version}.{name}"), array)

    def wipe(self) -> None:
        """Remove every copy. Call it when what must not be kept is no longer `alive`.

        Raises:
            OSError: a copy cannot be removed.
        """
        self._open.clear()
        if self._folder.exists():
            with self._lock(_WAIT_SECONDS):
                for path in self._folder.iterdir():
                    if path.suffix in (".npy", ".tmp"):
                        path.unlink(missing_ok=True)

    def _lock(self, seconds: float) -> FileLock:
        return FileLock(self._folder / ".lock", timeout=seconds, mode=0o600)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.npy"

    def _make_room(self, nbytes: int) -> bool:
        """Remove the copies that were not used for longest until there is room, if there can be."""
        there = [(path.stat(), path) for path in self._folder.iterdir() if path.suffix in (".npy", ".tmp")]
        held = sorted(there, key=lambda one: one[0].st_mtime)
        total = sum(stat.st_size for stat, _ in held)
        budget = min(_limit(), (shutil.disk_usage(self._folder).free + total) // _SHARE_OF_FREE)
        if nbytes > budget:
            return False
        for stat, path in held:
            # writers hold the lock, so what lies aside is of a process that was killed
            if path.suffix == ".tmp" or total + nbytes > budget:
                path.unlink()
                total -= stat.st_size
        return True

    def _write(self, path: Path, array: NDArray[Any]) -> None:
        aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
        header = _header(array.dtype, array.shape)
        data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        data.flags.writeable = False
        crc = google_crc32c.extend(google_crc32c.value(header), cast("Any", data))
        try:
            # not synced: what a power cut leaves of it does not fit its checksum
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(header)
                file.write(memoryview(cast("Any", data)))
                file.write(crc.to_bytes(_CRC_BYTES, "little"))
            aside.replace(path)
        except BaseException:
            with suppress(OSError):
                aside.unlink(missing_ok=True)
            raise


def _limit() -> int:
    text = os.environ.get(_VARIABLE, "").strip()
    if not text:
        return LIMIT_BYTES
    if not text.isdecimal():
        raise UsageError(f"{_VARIABLE}={text!r}: expected a number of bytes, 0 for no cache")
    return int(text)


def _header(dtype: DTypeLike, shape: tuple[int, ...]) -> bytes:
    text = io.BytesIO()
    npy.write_array_header_1_0(text, {"descr": npy.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape})
    return text.getvalue()


def _told(path: Path) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """What a copy says that it holds. Raises OSError or ValueError."""
    with path.open("rb") as file:
        if npy.read_magic(file) != (1, 0):
            raise ValueError("of another format")
        shape, _, dtype = npy.read_array_header_1_0(file)
    return dtype, shape


def _mapped(path: Path, dtype: DTypeLike, shape: tuple[int, ...]) -> NDArray[Any]:
    """Raises OSError or ValueError where the file is not there or not what was written."""
    header = _header(dtype, shape)
    count = int(np.prod(shape))
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size != len(header) + count * np.dtype(dtype).itemsize + _CRC_BYTES:
            raise ValueError("of another size")
        held = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE, prot=mmap.PROT_READ)
    whole = np.frombuffer(held, np.uint8)
    # once for each process that opens it: a copy must not be less safe than the chunks
    crc = google_crc32c.value(cast("Any", whole[:-_CRC_BYTES]))
    if bytes(whole[: len(header)]) != header or crc != int.from_bytes(whole[-_CRC_BYTES:].tobytes(), "little"):
        raise ValueError("of other bytes")
    return np.frombuffer(held, dtype, count, len(header)).reshape(shape)
