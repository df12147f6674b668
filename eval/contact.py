"""The contact sheet of a search: each hit's best slice, with where it is, in a window that shows what was asked for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from ..embed.decoding import decode
from ..embed.grid import source_z
from ..embed.plan import Work
from ..store.errors import ReadError, ScanbankError
from ..store.progress import Progress, Silent
from ..store.scan import Volume
from ..store.specs import ViewSpec
from ..store.windows import Window
from .hits import Hit, SearchResult
from .lettering import lettering
from .pictures import PLANES, drawn, letter
from .window_words import picture_window

if TYPE_CHECKING:
    from ..store.bank import Bank

TILE = 288
"""Pixels of a picture's side."""
_COLUMNS = 5
_GAP, _MARGIN, _CAPTION, _HEAD = 12, 20, 42, 66
_LINE = 16
"""Of a caption, more where hits have a sentence."""
_PAPER, _INK, _FAINT, _MISSING = (250, 250, 248), (25, 30, 40), (105, 112, 125), (150, 150, 150)
NAME_DIGITS = 8
"""Of a pseudonym, in captions."""


def contact_sheet(
    bank: Bank, result: SearchResult, view: ViewSpec, *, window: Window | None = None, progress: Progress | None = None
) -> Image.Image:
    """Decode each hit's scan and draw its best slice. A scan whose files are not at hand gets a grey tile that says why. Under it, what of
    the report is nearest to the query, where the bank has reports, cut to fit.

    Args:
        bank: that was searched.
        result: the hits.
        view: of the feature set that was searched.
        window: in HU; None chooses it by what the query names, see `window_words`.
        progress: told of each scan.
    """
    shown, progress = window or picture_window(result.query, view), progress or Silent()
    works = works_of(bank, result)
    columns = max(1, min(_COLUMNS, len(result.hits)))
    rows = math.ceil(len(result.hits) / columns)
    width = max(2 * _MARGIN + columns * (TILE + _GAP) - _GAP, 2 * TILE)
    caption = _CAPTION + (_LINE if any(hit.sentence for hit in result.hits) else 0)
    sheet = Image.new("RGB", (width, _HEAD + rows * (TILE + caption + _GAP) + _MARGIN), _PAPER)
    draw = ImageDraw.Draw(sheet)
    what = "scan" if result.find in ("volume", "slice") else "text" if result.find == "snippet" else "report"
    scans = f"{result.searched} {what}{'s' * (result.searched != 1)}"
    _write(draw, (_MARGIN, 14), f"“{result.query}”", 20, _INK, width - 2 * _MARGIN)
    _write(draw, (_MARGIN, 42), f"{result.features}, {scans}; shown in {shown.label}", 13, _FAINT, width - 2 * _MARGIN)
    progress.start("drawing hits", len(result.hits))
    for place, hit in enumerate(result.hits):
        corner = _MARGIN + place % columns * (TILE + _GAP), _HEAD + place // columns * (TILE + caption + _GAP)
        tile, where = (without_scan(), "") if hit.ordinal is None else hit_picture(bank, hit, *works[hit.ordinal], shown)
        sheet.paste(tile, corner)
        foot = corner[0], corner[1] + TILE + 5
        _write(draw, foot, f"{hit.rank}", 15, _INK, TILE)
        _write(draw, (foot[0] + 24, foot[1] + 1), f"{hit.score:.3f}   {where}", 13, _INK, TILE - 24)
        scan = f"  scan {hit.volume[:NAME_DIGITS]}" if hit.volume else ""
        _write(draw, (foot[0] + 24, foot[1] + 19), f"patient {hit.patient[:NAME_DIGITS]}{scan}", 11, _FAINT, TILE - 24)
        if hit.sentence:
            _write(draw, (foot[0] + 24, foot[1] + 19 + _LINE), " ".join(hit.sentence.text.split()), 11, _INK, TILE - 24)
        progress.advance()
    return sheet


def hit_picture(bank: Bank, hit: Hit, work: Work, content: str | None, window: Window, side: int = TILE) -> tuple[Image.Image, str]:
    """A square picture of a hit's best slice, and where that is: "z -123 mm, slice 45"."""
    tile = Image.new("RGB", (side, side), "black")
    draw = ImageDraw.Draw(tile)
    try:
        volume = decoded_scan(bank, work, content)
    except ScanbankError as error:
        tile.paste(_MISSING, (0, 0, side, side))
        _paragraph(draw, f"no picture: {error}", side)
        return tile, _where(hit, middle=False)
    axis, index = _plane(volume, hit)
    plane = drawn(volume, axis, index, window, side, smooth=True)
    tile.paste(plane, ((side - plane.width) // 2, (side - plane.height) // 2))
    letter(draw, (0, 0), side, PLANES[axis].letters[:2])
    return tile, _where(hit, middle=True)


def without_scan(side: int = TILE) -> Image.Image:
    """The tile of a study that is a report alone."""
    tile = Image.new("RGB", (side, side), _MISSING)
    _paragraph(ImageDraw.Draw(tile), "the study has a report and no scan", side)
    return tile


def works_of(bank: Bank, result: SearchResult) -> dict[int, tuple[Work, str | None]]:
    """Of each hit, by ordinal, what decoding needs: the volume and the digest of what it held when it was embedded."""
    listed = ", ".join(str(hit.ordinal) for hit in result.hits if hit.ordinal is not None)
    if not listed:
        return {}
    rows = bank.sql(f"""SELECT v.volume, v.ordinal, v.slices, v.slice_ordinal, c.content
        FROM volumes v LEFT JOIN contents c USING (volume) WHERE v.ordinal IN ({listed})""").to_pylist()
    return {row["ordinal"]: (Work(row["volume"], row["ordinal"], row["slices"], row["slice_ordinal"]), row["content"]) for row in rows}


def decoded_scan(bank: Bank, work: Work, content: str | None) -> Volume:
    """The scan of a volume, for a picture. Raises ScanbankError whatever goes wrong: its bytes must cost this picture only."""
    try:
        return decode(bank, work, content)
    except ScanbankError:
        raise
    except MemoryError as error:
        raise ReadError("not enough memory to decode it") from error
    except Exception as error:  # a decoder may raise anything on hostile bytes, and must cost this scan only
        raise ReadError(f"decoding ended with {type(error).__name__}") from error


def _plane(volume: Volume, hit: Hit) -> tuple[int, int]:
    """The axis and the index of the plane to show: the source slice, else the axial plane at the height, else the middle."""
    if hit.places and (index := hit.places[0].index) is not None:
        return volume.slice_axis, index
    if hit.places and (z := hit.places[0].z_mm) is not None and not np.isnan(heights := source_z(volume)).any():
        return 0, int(np.abs(heights - z).argmin())
    return volume.slice_axis, volume.voxels.shape[volume.slice_axis] // 2


def _where(hit: Hit, *, middle: bool) -> str:
    if not hit.places:
        return "middle slice" if middle else ""
    best = hit.places[0]
    parts = [f"z {best.z_mm:.0f} mm" if best.z_mm is not None else "z unknown", f"slice {best.index}" if best.index is not None else ""]
    return ", ".join(filter(None, parts))


def _write(draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size: int, ink: Any, width: int) -> None:
    """One line, cut where it would leave its place."""
    font = lettering(0.85 * size)  # wider than most
    text = text if len(text) <= width else f"{text[:width]}…"  # a letter takes a pixel at least
    if draw.textlength(text, font) > width:
        low, high = 0, len(text)  # halving: a sentence may be long
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if draw.textlength(f"{text[:middle]}…", font) <= width else (low, middle - 1)
        text = f"{text[:low]}…"
    draw.text(at, text, fill=ink, font=font)


def _paragraph(draw: ImageDraw.ImageDraw, text: str, side: int) -> None:
    """Lines around the middle of a square."""
    font, lines = lettering(11), [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if draw.textlength(longer, font) > side - 40 and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    draw.multiline_text((side / 2, side / 2), "\n".join(lines), fill="black", font=font, anchor="mm", align="center")
