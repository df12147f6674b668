"""Planes of a scan as radiologists look at them: the patient's left on the viewer's right, in true proportion.

Front up (axial), head up (coronal, sagittal), front to the left (sagittal).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..store.scan import Volume
from ..store.windows import Window


@final
@dataclass(frozen=True)
class Plane:
    """A way to cut a volume."""

    name: str
    axis: int
    """Of (Z, Y, X), the one that the plane lies across."""
    letters: str
    """What lies towards its left, right, upper and lower edge."""


PLANES = (Plane("axial", 0, "RLAP"), Plane("coronal", 1, "RLHF"), Plane("sagittal", 2, "APHF"))
"""By axis."""


def drawn(volume: Volume, axis: int, index: int, window: Window | None, longest: int, *, smooth: bool) -> Image.Image:
    """One plane of a volume, grey.

    Args:
        volume: the scan.
        axis: of (Z, Y, X), the one that the plane lies across.
        index: of the plane along that axis.
        window: in HU; a volume without HU has the format's range of grey values instead, as for None.
        longest: pixels of its longer side, for the plane that is widest in mm; others are smaller.
        smooth: resample for looking at, else each point is the nearest voxel.
    """
    lo, hi = (window.lo, window.hi) if window and volume.has_hu else grey_range(volume)
    cut: NDArray[Any] = np.moveaxis(volume.voxels, axis, 0)[index]
    grey: NDArray[np.float64] = np.clip((cut.astype(np.float64) - lo) / max(hi - lo, 1e-6), 0, 1) * 255
    down, across = (_places(volume, a) for a in range(3) if a != axis)
    # Rows of the array go up the picture where they go towards the head.
    upwards = axis != 0
    # Planes that were not acquired as such have source slices for rows, which need not lie evenly.
    if not smooth or axis != volume.slice_axis:
        return in_proportion(grey, down, across, longest, upwards=upwards)
    width, height = _width(across), _width(down)
    size = max(round(width * longest / max(width, height)), 1), max(round(height * longest / max(width, height)), 1)
    return Image.fromarray((grey[::-1] if upwards else grey).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)


def grey_range(volume: Volume) -> tuple[float, float]:
    """The range of grey values of the volume's format, or that its voxels take."""
    return volume.value_range or (float(volume.voxels.min()), float(volume.voxels.max()))


def in_proportion(
    grey: NDArray[np.float64], down: NDArray[np.float64], across: NDArray[np.float64], longest: int, *, upwards: bool
) -> Image.Image:
    """Draw a plane in true proportion, each point from the nearest voxel.

    Args:
        grey: (rows, columns), 0..255.
        down: (rows,) places of the rows in mm, increasing.
        across: (columns,) places of the columns in mm, increasing.
        longest: pixels of the longer side.
        upwards: the first row is drawn at the bottom.
    """
    mm_per_pixel = max(_width(down), _width(across)) / longest
    rows, columns = (_nearest(places, mm_per_pixel) for places in (down, across))
    return Image.fromarray(grey[np.ix_(rows[::-1] if upwards else rows, columns)].astype(np.uint8))


def letter(draw: ImageDraw.ImageDraw, corner: tuple[int, int], side: int, letters: str, label: str = "") -> None:
    """Write the letters at the edges of a square of `side` pixels, and a label at its foot."""
    (x, y), half, end = corner, side // 2, side - 4
    font = ImageFont.load_default(14)
    for one, place, anchor in zip(letters, ((4, half), (end, half), (half, 4), (half, end)), ("lm", "rm", "mt", "mb"), strict=False):
        draw.text((x + place[0], y + place[1]), one, fill="white", font=font, anchor=anchor, stroke_width=2, stroke_fill="black")
    draw.text((x + 4, y + end), label, fill="white", font=ImageFont.load_default(11), anchor="lb", stroke_width=2, stroke_fill="black")


def _places(volume: Volume, axis: int) -> NDArray[np.float64]:
    """Where the planes across an axis are, in mm; without spacing, pixels, and a depth of 0.7 of the width."""
    count, spacing = volume.voxels.shape[axis], volume.spacing_mm[axis]
    places = volume.positions_mm if axis == volume.slice_axis else np.arange(count) * (spacing or 1.0)
    if axis == volume.slice_axis and spacing is None and count > 1:
        places = (places - places[0]) / (places[-1] - places[0]) * 0.7 * volume.voxels.shape[-1]
    return places


def _width(places: NDArray[Any]) -> float:
    return float(places[-1] - places[0]) + _step(places)


def _step(places: NDArray[Any]) -> float:
    return float(np.median(np.diff(places))) if len(places) > 1 else 1.0


def _nearest(places: NDArray[np.float64], mm_per_pixel: float) -> NDArray[np.intp]:
    pixels = max(round(_width(places) / mm_per_pixel), 1)
    wanted = places[0] - _step(places) / 2 + (np.arange(pixels) + 0.5) * mm_per_pixel
    return np.searchsorted((places[1:] + places[:-1]) / 2, wanted)
