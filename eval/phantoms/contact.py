"""A contact sheet of a cohort: how its first studies look, with what is on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ...store.windows import PRESETS
from .cases import Case
from .model import Acquired

SIDE = 176
"""Pixels of an image's side."""
_CAPTION = 30
_COLUMNS = 2

_VIEWS: dict[str, tuple[tuple[str, float | None], ...]] = {
    "chest": (("lung", 0.72), ("mediastinum", 0.45), ("lung", None), ("mediastinum", None)),
    "head": (("brain", 0.35), ("brain", 0.6), ("brain", None), ("bone", None)),
}
"""Window, and the level as a share of the stack from the feet; None: where the most severe lesion is seen best."""
_WITHOUT_LESION = 0.5


@dataclass(frozen=True)
class Tile:
    """The images of a study side by side."""

    grey: NDArray[np.uint8]
    """(SIDE, SIDE x views)."""
    caption: str


def tile_of(case: Case) -> Tile:
    """A study's primary series at a few levels, as radiologists look at it: the patient's left on the viewer's right."""
    study, primary = case.study, case.series[0]
    shown = [_image(primary, PRESETS[window].lo, PRESETS[window].hi, _index(case, level)) for window, level in _VIEWS[study.patient.cohort]]
    found = ", ".join(sorted(name.replace("_", " ") for name in study.findings)) or "no finding"
    who = f"{study.patient.number}: {study.age} {study.patient.sex}, source {study.source.name}"
    return Tile(np.concatenate(shown, axis=1), f"{who}. {found}")


def _index(case: Case, level: float | None) -> int:
    """Which image shows a level."""
    lesions = case.study.lesions
    if level is None and lesions:
        most = max(range(len(lesions)), key=lambda index: lesions[index].severity)
        return case.pointers[most].image - 1
    upwards = np.argsort(case.series[0].z_mm)
    return int(upwards[round((len(upwards) - 1) * (_WITHOUT_LESION if level is None else level))])


def _image(acquired: Acquired, low: float, high: float, index: int) -> NDArray[np.uint8]:
    grey = np.clip((acquired.hu[index].astype(np.float32) - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
    return np.asarray(Image.fromarray(grey).resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def sheet_of(tiles: Sequence[Tile]) -> Image.Image:
    """The tiles in two columns, each under its caption."""
    width, height = max(tile.grey.shape[1] for tile in tiles), SIDE + _CAPTION
    picture = Image.new("L", (_COLUMNS * width, -(-len(tiles) // _COLUMNS) * height))
    draw = ImageDraw.Draw(picture)
    for place, tile in enumerate(tiles):
        x, y = place % _COLUMNS * width, place // _COLUMNS * height
        draw.text((x + 4, y + 8), tile.caption, fill=255, font=ImageFont.load_default(13))
        picture.paste(Image.fromarray(tile.grey), (x, y + _CAPTION))
    return picture
