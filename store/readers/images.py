"""Slices saved as pictures, singly or a numbered stack in a folder. They hold grey values and no HU, and no millimetres.

Rows run down the picture and columns to the right, as radiologists look at axial slices: from front to back and from the
patient's right to the left, which is the canonical (Y, X).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import ReadError
from ..scan import Rejected, ScanHeader, SliceHeader, Source, Volume
from ..windows import Window
from .content import content_of
from .pictures import Picture, grey, look
from .sources import check_shape, source_of
from .voxels import rescaled

_NUMBER = re.compile(r"(\d{1,18})\D*$")


def scan_each(path: Path, exported_window: Window | None) -> ScanHeader | Rejected:
    """One image as a volume of one slice, named by the sha256 of its bytes."""
    try:
        picture = look(path)
        return _header([path], [picture], [_number(path)], exported_window, ("single_slice",), None)
    except ReadError as error:
        return Rejected(path, str(error))


def scan_stack(folder: Path, paths: Sequence[Path], exported_window: Window | None) -> ScanHeader | Rejected:
    """The numbered slices of one folder as one volume; the folder's name is its patient.

    The number is the last run of digits in the file's name; the lowest is the slice nearest the feet. The volume is
    named by the sha256 of each image's bytes, in order.
    """
    try:
        numbered = _in_order(paths)
        pictures = [look(path) for _, path in numbered]
        _check_alike(pictures)
        numbers = [number for number, _ in numbered]
        flags = ("single_slice",) if len(numbers) == 1 else ()
        if numbers[-1] - numbers[0] != len(numbers) - 1:
            flags += ("missing_slices",)
        return _header([path for _, path in numbered], pictures, numbers, exported_window, flags, folder.name)
    except ReadError as error:
        return Rejected(folder, str(error), files=len(paths))


def load(sources: Sequence[Source], exported_window: Window | None) -> Volume:
    """The grey values (slices, Y, X) of images in slice order, as int16 or (16-bit greys above 32767) float32.

    `positions_mm` are not millimetres but the numbers in the files' names, counted from the first: gaps are true. The
    affine is the identity, `z_mm` NaN, the spacing unknown.

    Raises:
        ReadError: an image cannot be read, or they differ in size or depth.
    """
    planes = [grey(source.path) for source in sources]
    check_shape((len(planes), *planes[0][0].shape))
    _check_sizes([(plane.shape[1], plane.shape[0]) for plane, _ in planes])
    highest = {top for _, top in planes}
    if len(highest) > 1:
        raise ReadError("slices differ in depth: 8 and 16 bits; expected one depth in a stack")
    numbers = [_number(source.path) for source in sources] if len(sources) > 1 else [0]
    positions = np.array([0 if n is None or numbers[0] is None else n - numbers[0] for n in numbers], dtype=np.float64)
    stacked = np.stack([plane for plane, _ in planes])
    # 16-bit greys stay apart from 8-bit ones of the same numbers, also in the content digest: they mean another brightness.
    voxels = rescaled(stacked) if highest == {255} else stacked.astype(np.float32)
    return Volume(
        voxels=voxels,
        affine=np.eye(4),
        spacing_mm=(None, None, None),
        slice_axis=0,
        z_mm=np.full(len(planes), np.nan),
        positions_mm=positions,
        has_hu=False,
        value_range=(0.0, float(highest.pop())),
        exported_window=exported_window,
        content=content_of(voxels, None, None, None),
    )


def _header(
    paths: Sequence[Path],
    pictures: Sequence[Picture],
    numbers: Sequence[int | None],
    exported_window: Window | None,
    flags: tuple[str, ...],
    patient_id: str | None,
) -> ScanHeader:
    columns, rows = pictures[0].size
    if any(picture.lossy for picture in pictures):
        flags += ("lossy",)
    return ScanHeader(
        kind="image",
        names=tuple(picture.digest for picture in pictures),
        sources=tuple(source_of(path) for path in paths),
        slices=tuple(SliceHeader(str(k), None, number) for k, number in enumerate(numbers)),
        rows=rows,
        columns=columns,
        plane="axial",
        spacing_mm=(None, None, None),
        extent_mm=None,
        has_hu=False,
        exported_window=exported_window,
        flags=flags,
        patient_id=patient_id,
    )


def _number(path: Path) -> int | None:
    match = _NUMBER.search(path.stem)
    return int(match[1]) if match else None


def _in_order(paths: Sequence[Path]) -> list[tuple[int, Path]]:
    if not paths:
        raise ReadError("a stack of no slices; expected a folder of numbered images")
    numbered = [(number, path) for path in paths if (number := _number(path)) is not None]
    if len(numbered) < len(paths):
        raise ReadError(
            f"{len(paths) - len(numbered)} of {len(paths)} images have no number in their names; expected numbered slices such as 001.jpg. "
            "Single images are read with --images each"
        )
    counts = Counter(number for number, _ in numbered)
    if twice := sum(count > 1 for count in counts.values()):
        # Which numbers is not said: they are parts of file names, and may be dates.
        raise ReadError(f"{twice} slice numbers occur more than once; expected one image a number: put masks and other series elsewhere")
    return sorted(numbered)


def _check_alike(pictures: Sequence[Picture]) -> None:
    _check_sizes([picture.size for picture in pictures])
    columns, rows = pictures[0].size
    check_shape((len(pictures), rows, columns))
    if len({picture.highest for picture in pictures}) > 1:
        raise ReadError("slices differ in depth: 8 and 16 bits; expected one depth in a stack")


def _check_sizes(sizes: Sequence[tuple[int, int]]) -> None:
    counts = Counter(sizes).most_common()
    if len(counts) > 1:
        listed = ", ".join(f"{columns}x{rows} ({n})" for (columns, rows), n in counts[:5]) + (", ..." if len(counts) > 5 else "")
        raise ReadError(f"slices differ in size: {listed}; expected one size in a stack. Single images are read with --images each")
