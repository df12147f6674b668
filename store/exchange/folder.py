"""Embeddings in a folder with one file an item, as eva and rate-evals write them: `.pt`, `.npz` or `.npy`.

eva writes `manifest.csv` beside its `.pt` files: the column `embeddings` names the file, `origin` the image it is of, which is then the
key. rate-evals writes `embeddings/SPLIT/ACCESSION.npz` with one array `embedding` (1, D). Without a manifest a file's name is its key.
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ExchangeError
from ..progress import Progress
from .columns import VECTOR_NAMES
from .embeddings import MAX_WIDTH, Embeddings, examples, in_blocks, reading
from .npz import columns_of, read_member, read_npy

SUFFIXES = (".pt", ".npz", ".npy")
MANIFEST = "manifest.csv"
ItemReader = Callable[[Path], NDArray[Any]]
"""Reads a file whose format is not NumPy's."""


def open_folder(path: Path, key: str, vector_column: str | None, other: ItemReader | None, progress: Progress) -> Embeddings:
    """Every item's file, read into memory as a whole.

    Args:
        path: the folder. Links to folders in it are not followed.
        key: `path` makes a key of a file's place below the folder, anything else of its name; both without the ending.
        vector_column: the array's name, where an `.npz` holds several.
        other: reads `.pt` files.
        progress: told of each file.

    Raises:
        ExchangeError: there is no such file, files of several formats, one that cannot be read, or vectors of several widths.
    """
    files = sorted(_files(path))
    if not files:
        raise ExchangeError(f"{path} holds no {', '.join(SUFFIXES)} file and is no Zarr group; expected one file an item")
    formats = sorted({file.suffix.lower() for file in files})
    if len(formats) > 1:
        raise ExchangeError(f"{path} holds files of several formats, {', '.join(formats)}; give a folder with one of them")
    manifest = path / MANIFEST
    if manifest.is_file():
        keys, files = _manifest(path, manifest)
    else:
        keys = tuple(_stem(file, path).as_posix() if key == "path" else file.stem for file in files)
    progress.start("reading vectors", len(files))
    read: list[NDArray[Any]] = []
    for file in files:
        read.append(_vector(file, vector_column, other))
        progress.advance()
    width = len(read[0])
    odd = [file.relative_to(path) for file, vector in zip(files, read, strict=True) if len(vector) != width]
    if odd:
        raise ExchangeError(
            f"{path}: {len(odd)} of {len(files)} files hold vectors of another width than the first, {width}: {examples(odd)}; "
            "expected one width"
        )
    vectors = np.stack(read)
    return Embeddings(path.name, path, keys, width, vectors.dtype, in_blocks(vectors), stems=not manifest.is_file())


def _files(folder: Path) -> Iterator[Path]:
    with reading(folder, "a folder"):
        entries = sorted(folder.iterdir())
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            if not entry.is_symlink():
                yield from _files(entry)
        elif entry.suffix.lower() in SUFFIXES:
            yield entry


def _stem(file: Path, folder: Path) -> Path:
    return file.relative_to(folder).with_suffix("")


def _manifest(folder: Path, manifest: Path) -> tuple[tuple[str, ...], list[Path]]:
    with reading(manifest, "a manifest"), manifest.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file, strict=True)
        if not {"origin", "embeddings"} <= set(table.fieldnames or ()):
            raise ExchangeError(
                f"{manifest} has columns {', '.join(table.fieldnames or ()) or 'none'}; expected origin and embeddings, as eva writes"
            )
        rows = [(row["origin"] or "", row["embeddings"] or "") for row in table]
    inside = folder.resolve()
    files: list[Path] = []
    for line, (origin, name) in enumerate(rows, 2):
        file = (folder / name).resolve()
        if not origin or not name or inside not in file.parents:
            raise ExchangeError(f"{manifest}: line {line} names no origin, or no file within the folder")
        if not file.is_file():
            raise ExchangeError(f"{manifest}: line {line} names {name!r}, which is not there")
        files.append(folder / name)
    if not files:
        raise ExchangeError(f"{manifest} has no rows; expected one for each item")
    return tuple(origin for origin, _ in rows), files


def _vector(file: Path, name: str | None, other: ItemReader | None) -> NDArray[Any]:
    """(D,) of one file; (1, D) is taken as one vector too."""
    suffix = file.suffix.lower()
    if suffix == ".pt":
        if other is None:
            raise ExchangeError(f"{file} is of PyTorch's format, and nothing was given to read it with")
        values = other(file)
    else:
        values = read_npy(file) if suffix == ".npy" else _of_archive(file, name)
    values = values[0] if values.ndim == 2 and len(values) == 1 else values
    if values.ndim != 1 or not 1 <= len(values) <= MAX_WIDTH or values.dtype.kind not in "fiu":
        shape = "x".join(map(str, values.shape)) or "a single value"
        raise ExchangeError(f"{file} holds {shape} of type {values.dtype}; expected one numeric vector, D or 1 x D")
    return values


def _of_archive(file: Path, name: str | None) -> NDArray[Any]:
    with reading(file, "npz"), zipfile.ZipFile(file) as archive:
        names = [column.name for column in columns_of(file, archive)]
        found: Sequence[str] = [name] if name in names else [n for n in VECTOR_NAMES if n in names and not name]
        found = found or (names if len(names) == 1 and not name else [])
        if not found:
            raise ExchangeError(
                f"{file} has no array {name or 'embedding'!r}; name the right one with --vector-column; there is {', '.join(names)}"
            )
        return read_member(file, archive, found[0])
