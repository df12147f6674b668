"""Pictures of what the readers read: `python -m scanbank.scripts.contact_sheet OUT_DIR PATH...`

One PNG a scan: a row for each window, columns for the middle axial, coronal and sagittal plane as radiologists look at
them: the patient's left on the viewer's right, front up (axial), head up (coronal, sagittal), front to the left
(sagittal); in true proportion. Upside-down, mirrored or stretched anatomy is a bug in a reader.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from scanbank.store.errors import ReadError, ScanbankError
from scanbank.store.local_map import Located
from scanbank.store.progress import Silent
from scanbank.store.readers.load import load_volume
from scanbank.store.readers.scans import Images, find_scans
from scanbank.store.scan import ScanHeader, Volume
from scanbank.store.windows import Window, parse_window, parse_windows

CELL = 320
"""Pixels of the longest side of a plane."""
_TITLE = 24
_PLANES = (("axial", 0, "RLAP"), ("coronal", 1, "RLHF"), ("sagittal", 2, "APHF"))
"""Name, the axis of (Z, Y, X) it is a cut through, and the letters at its left, right, upper and lower edge."""


def sheet(volume: Volume, windows: Sequence[Window], title: str) -> Image.Image:
    """The contact sheet of a volume. Without HU there is one row, of the format's range of grey values."""
    lo, hi = volume.value_range or (float(volume.voxels.min()), float(volume.voxels.max()))
    rows = [(w.lo, w.hi, w.label) for w in windows] if volume.has_hu else [(lo, hi, "as it is")]
    planes = _PLANES if volume.voxels.shape[0] > 1 else [_PLANES[volume.slice_axis]]
    axes = [_places(volume, axis) for axis in range(3)]
    picture = Image.new("L", (CELL * len(planes), CELL * len(rows) + _TITLE))
    draw = ImageDraw.Draw(picture)
    draw.text((4, 4), title, fill=255, font=ImageFont.load_default(12))
    for column, (name, axis, letters) in enumerate(planes):
        cut = middle(volume.voxels, axis)
        down, across = (places for a, places in enumerate(axes) if a != axis)
        for row, (low, high, label) in enumerate(rows):
            grey = np.clip((cut.astype(np.float64) - low) * (255 / (high - low)), 0, 255)
            # Rows of the array go up the picture where they go towards the head.
            plane = in_proportion(grey, down, across, upwards=axis != 0)
            corner = column * CELL, row * CELL + _TITLE
            picture.paste(plane, (corner[0] + (CELL - plane.width) // 2, corner[1] + (CELL - plane.height) // 2))
            _letter(draw, corner, letters, f"{name}, {label}")
    return picture


def middle(voxels: NDArray[Any], axis: int) -> NDArray[Any]:
    """The middle plane across an axis of (Z, Y, X)."""
    return voxels.take(voxels.shape[axis] // 2, axis)


def in_proportion(grey: NDArray[np.float64], down: NDArray[np.float64], across: NDArray[np.float64], *, upwards: bool) -> Image.Image:
    """Draw a plane in true proportion, each point from the nearest voxel.

    Args:
        grey: (rows, columns), 0..255.
        down: (rows,) places of the rows in mm, increasing.
        across: (columns,) places of the columns in mm, increasing.
        upwards: the first row is drawn at the bottom.
    """
    mm_per_pixel = max(_width(down), _width(across)) / CELL
    rows, columns = (_nearest(places, mm_per_pixel) for places in (down, across))
    return Image.fromarray(grey[np.ix_(rows[::-1] if upwards else rows, columns)].astype(np.uint8))


def title_of(header: ScanHeader, volume: Volume) -> str:
    """Format and numbers, nothing that names anybody."""
    size = " x ".join(map(str, volume.voxels.shape))
    spacing = " x ".join("?" if s is None else f"{s:.3g}" for s in volume.spacing_mm)
    z = "depth unknown" if np.isnan(volume.z_mm).any() else f"z {volume.z_mm.min():.1f} to {volume.z_mm.max():.1f} mm"
    return f"{header.kind}, {header.plane}, {size}, {spacing} mm, {z} {' '.join(header.flags)}"


def _places(volume: Volume, axis: int) -> NDArray[np.float64]:
    """Where the planes across an axis are, in mm; without spacing, pixels, and a depth of 0.7 of the width."""
    count, spacing = volume.voxels.shape[axis], volume.spacing_mm[axis]
    places = volume.positions_mm if axis == volume.slice_axis else np.arange(count) * (spacing or 1.0)
    if axis == volume.slice_axis and spacing is None and count > 1:
        places = (places - places[0]) / (places[-1] - places[0]) * 0.7 * volume.voxels.shape[-1]
    return places


def _width(places: NDArray[np.float64]) -> float:
    return float(places[-1] - places[0]) + _step(places)


def _step(places: NDArray[np.float64]) -> float:
    return float(np.median(np.diff(places))) if len(places) > 1 else 1.0


def _nearest(places: NDArray[np.float64], mm_per_pixel: float) -> NDArray[np.intp]:
    pixels = max(round(_width(places) / mm_per_pixel), 1)
    wanted = places[0] - _step(places) / 2 + (np.arange(pixels) + 0.5) * mm_per_pixel
    return np.searchsorted((places[1:] + places[:-1]) / 2, wanted)


def _letter(draw: ImageDraw.ImageDraw, corner: tuple[int, int], letters: str, label: str) -> None:
    font, (x, y), half, end = ImageFont.load_default(14), corner, CELL // 2, CELL - 4
    for letter, place, anchor in zip(letters, ((4, half), (end, half), (half, 4), (half, end)), ("lm", "rm", "mt", "mb"), strict=True):
        draw.text((x + place[0], y + place[1]), letter, fill=255, font=font, anchor=anchor, stroke_width=2, stroke_fill=0)
    draw.text((x + 4, y + end), label, fill=255, font=ImageFont.load_default(11), anchor="lb", stroke_width=2, stroke_fill=0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 if every scan was drawn, 1 if some were not, 2 if the call is wrong."""
    parser = argparse.ArgumentParser(description="Draw contact sheets of scans, to see that they are read the right way up.")
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    parser.add_argument("paths", type=Path, nargs="+", metavar="PATH")
    parser.add_argument("--images", choices=("stack", "each"), help="what PNG and JPEG files are")
    parser.add_argument("--exported-window", type=parse_window, metavar="WINDOW", help="the window images were saved with")
    parser.add_argument("--windows", type=parse_windows, default="brain+mediastinum+lung", metavar="A+B+C")
    given = parser.parse_args(arguments)
    try:
        found = find_scans(given.paths, Images(given.images, given.exported_window), 1, Silent())
        given.out.mkdir(parents=True, exist_ok=True)
    except (ScanbankError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    failed = [rejected for rejected in found.rejected if not rejected.left_out]
    for rejected in found.rejected:
        print(f"{'left out' if rejected.left_out else 'failed'}: {rejected.path}: {rejected.reason}", file=sys.stderr)
    drawn = 0
    for number, header in enumerate(found.scans, 1):
        source = header.sources[0].path
        try:
            volume = load_volume(Located(header.kind, header.sources, header.exported_window))
        except ReadError as error:
            print(f"failed: {source}: {error}", file=sys.stderr)
            continue
        name = f"{number:04d}-{header.kind}.png"
        sheet(volume, given.windows, title_of(header, volume)).save(given.out / name)
        print(f"{name}: {source}")
        drawn += 1
    return 0 if drawn == len(found.scans) and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
