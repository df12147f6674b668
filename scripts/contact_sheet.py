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

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from scanbank.eval.pictures import PLANES, drawn, letter
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


def sheet(volume: Volume, windows: Sequence[Window], title: str) -> Image.Image:
    """The contact sheet of a volume. Without HU there is one row, of the format's range of grey values."""
    rows = [(w, w.label) for w in windows] if volume.has_hu else [(None, "as it is")]
    planes = PLANES if volume.voxels.shape[0] > 1 else [PLANES[volume.slice_axis]]
    picture = Image.new("L", (CELL * len(planes), CELL * len(rows) + _TITLE))
    draw = ImageDraw.Draw(picture)
    draw.text((4, 4), title, fill=255, font=ImageFont.load_default(12))
    for column, plane in enumerate(planes):
        for row, (window, label) in enumerate(rows):
            corner = column * CELL, row * CELL + _TITLE
            cut = drawn(volume, plane.axis, volume.voxels.shape[plane.axis] // 2, window, CELL, smooth=False)
            picture.paste(cut, (corner[0] + (CELL - cut.width) // 2, corner[1] + (CELL - cut.height) // 2))
            letter(draw, corner, CELL, plane.letters, f"{plane.name}, {label}")
    return picture


def title_of(header: ScanHeader, volume: Volume) -> str:
    """Format and numbers, nothing that names anybody."""
    size = " x ".join(map(str, volume.voxels.shape))
    spacing = " x ".join("?" if s is None else f"{s:.3g}" for s in volume.spacing_mm)
    z = "depth unknown" if np.isnan(volume.z_mm).any() else f"z {volume.z_mm.min():.1f} to {volume.z_mm.max():.1f} mm"
    return f"{header.kind}, {header.plane}, {size}, {spacing} mm, {z} {' '.join(header.flags)}"


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
