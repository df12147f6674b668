"""Which files below a folder hold scans, and in what format."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from ..errors import UsageError
from ..scan import Rejected

Format = Literal["dicom", "nifti", "hdf5", "image"]

_SUFFIXES: dict[str, Format] = {
    ".dcm": "dicom",
    ".dicom": "dicom",
    ".nii": "nifti",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".png": "image",
    ".jpg": "image",
    ".jpeg": "image",
    ".tif": "image",
    ".tiff": "image",
    ".bmp": "image",
}
_MAGIC: tuple[tuple[int, bytes, Format], ...] = (
    (344, b"n+1\0", "nifti"),
    (344, b"ni1\0", "nifti"),  # a pair of files: the reader says why not
    (4, b"n+2\0\r\n\x1a\n", "nifti"),
    (0, b"\x89HDF\r\n\x1a\n", "hdf5"),
    (0, b"\x89PNG\r\n\x1a\n", "image"),
    (0, b"\xff\xd8\xff", "image"),
)
"""(offset, bytes, format); NIfTI and HDF5 standards, RFC 2083, JPEG's start of image."""


def format_of(path: Path) -> Format | None:
    """The format by extension, else by the file's first bytes; None for hidden files and all others.

    A `.dcm` that is no DICOM is "dicom" all the same, so that it fails with a reason instead of being passed over.
    """
    if path.name.startswith("."):
        return None
    return _by_name(path) or _by_bytes(path)


def find(roots: Sequence[Path]) -> Iterator[tuple[Path, Format | Rejected | None]]:
    """Every file at or below the roots with its format, once, in an order that depends on names alone.

    Roots come in the order given; in a folder, its files by name and then its subfolders by name. A format of None means
    that the file is none of those read. Hidden files and folders are not looked at. A link to a file is followed; a link
    to a folder is followed only if it is itself a root, so that loops end and nothing outside is read by accident.
    What cannot be looked into has a `Rejected` in its format's place, and so has a link to a folder outside of the roots.

    Raises:
        UsageError: a root does not exist or is neither a file nor a folder; at once, not when the first item is taken.
    """
    for root in roots:
        if not root.exists():
            raise UsageError(f"path {str(root)!r} does not exist; expected a file or folder of scans")
        if not (root.is_dir() or root.is_file()):
            raise UsageError(f"path {str(root)!r} is neither a file nor a folder; expected scans")
    return _find(tuple(roots))


def _find(roots: tuple[Path, ...]) -> Iterator[tuple[Path, Format | Rejected | None]]:
    seen: set[str] = set()

    def once(path: Path, real: str) -> Iterator[tuple[Path, Format | Rejected | None]]:
        if real not in seen:
            seen.add(real)
            yield _known(path)

    inside = [os.path.realpath(root) for root in roots]
    for root in roots:
        if root.is_file():
            yield from once(root, os.path.realpath(root))
            continue
        folders = [(root, os.path.realpath(root))]
        while folders:
            folder, real_folder = folders.pop()
            if f"{real_folder}/" in seen:
                continue
            seen.add(f"{real_folder}/")
            try:
                with os.scandir(folder) as listing:
                    entries = sorted((e for e in listing if not e.name.startswith(".")), key=lambda e: e.name)
            except OSError as error:
                yield folder, Rejected(folder, f"folder cannot be opened: {error.strerror or type(error).__name__}")
                continue
            for entry in entries:
                kind = _kind(entry)
                if kind == "broken" and _by_name(Path(entry.path)):
                    yield folder / entry.name, Rejected(folder / entry.name, "link leads nowhere; expected a file: fetch its content first")
                elif kind == "link" and not _below(os.path.realpath(entry.path), inside):
                    why = "a link to a folder; name it on the command line to read it"
                    yield folder / entry.name, Rejected(folder / entry.name, why, left_out=True)
                elif kind == "file":
                    path = folder / entry.name
                    real = os.path.realpath(path) if entry.is_symlink() else f"{real_folder}/{entry.name}"
                    yield from once(path, real)
            below = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
            folders += [(folder / name, f"{real_folder}/{name}") for name in reversed(below)]


def _below(real: str, folders: Sequence[str]) -> bool:
    return any(real == folder or real.startswith(f"{folder.rstrip('/')}/") for folder in folders)


def _kind(entry: os.DirEntry[str]) -> Literal["file", "broken", "link", "other"]:
    try:
        if entry.is_file():
            return "file"
        if entry.is_symlink() and entry.is_dir():
            return "link"
        return "broken" if entry.is_symlink() and not Path(entry.path).exists() else "other"
    except OSError:  # a link to itself
        return "broken"


def _known(path: Path) -> tuple[Path, Format | Rejected | None]:
    try:
        return path, format_of(path)
    except OSError as error:
        return path, Rejected(path, f"file cannot be opened: {error.strerror or type(error).__name__}")


def _by_name(path: Path) -> Format | None:
    name = path.name.lower()
    return "nifti" if name.endswith(".nii.gz") else _SUFFIXES.get(Path(name).suffix)


def _by_bytes(path: Path) -> Format | None:
    from .dicom_elements import looks_like_dicom  # here, so that folders of images need no pydicom

    if not stat.S_ISREG(path.stat().st_mode):
        return None  # a pipe would wait for ever
    with path.open("rb", buffering=0) as file:
        head = file.read(352)
    for offset, magic, found in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return found
    return "dicom" if looks_like_dicom(head) else None
