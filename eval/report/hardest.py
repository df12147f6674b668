"""The test items that methods get most wrong, and pictures of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from PIL import Image, ImageDraw

from ...embed.plan import Work
from ...store.errors import ScanbankError
from ...store.specs import ViewSpec
from ..contact import NAME_DIGITS, decoded_scan
from ..pictures import PLANES, drawn, letter
from ..quoting import listed
from ..window_words import picture_window
from .images import data_uri
from .scores import Scores
from .studies import FoundStudy

if TYPE_CHECKING:
    from ...store.bank import Bank

HARDEST = 5
_SIDE = 288


@final
@dataclass(frozen=True)
class Hard:
    """An item of the test side."""

    item: str
    y: int
    error: float
    """Mean over methods of |probability - label|."""
    wrong: int
    """Methods with an error above one half."""
    methods: int


@final
@dataclass(frozen=True)
class Picture:
    """An image of a hard item, with what stands beneath it."""

    image: str
    """A data URI."""
    caption: str


def hardest(scores: Sequence[Scores], most: int = HARDEST) -> list[Hard]:
    """Those that most methods get wrong by more than one half, then by the mean error; each method at its largest number of shots, its
    probabilities averaged over repeats. Items that no method gets wrong are not among them, nor does a method without probabilities count.
    """
    scores = [one for one in scores if one.probable]
    if not scores:
        return []
    items, y = scores[0].items, scores[0].y
    errors = np.array([np.abs(one.chance.mean(axis=0) - y) for one in scores if one.items == items])
    wrong, mean = (errors > 0.5).sum(axis=0), errors.mean(axis=0)
    order = sorted(range(len(items)), key=lambda i: (-wrong[i], -mean[i], items[i]))
    return [Hard(items[i], int(y[i]), float(mean[i]), int(wrong[i]), len(errors)) for i in order[:most] if wrong[i]]


def hard_caption(one: Hard) -> str:
    """Its pseudonym, its label and how wrong it is."""
    said = "present" if one.y else "absent"
    return f"{one.item[:NAME_DIGITS]}: {said}; error {one.error:.2f}, wrong by {one.wrong} of {one.methods} methods"


def pictures(bank: Bank, study: FoundStudy, hard: Sequence[Hard]) -> tuple[list[Picture], str]:
    """A picture of each that can be drawn, and why others cannot, of the first of them."""
    works = _works(bank, study.unit, hard)
    found, reason = [], ""
    for one in hard:
        work, content, index = works[one.item]
        try:
            volume = decoded_scan(bank, work, content)
        except ScanbankError as error:
            reason = reason or str(error)
            continue
        axis = volume.slice_axis
        at = volume.voxels.shape[axis] // 2 if index is None else index
        tile = Image.new("RGB", (_SIDE, _SIDE), "black")
        plane = drawn(volume, axis, at, picture_window(study.finding, ViewSpec()), _SIDE, smooth=True)
        tile.paste(plane, ((_SIDE - plane.width) // 2, (_SIDE - plane.height) // 2))
        letter(ImageDraw.Draw(tile), (0, 0), _SIDE, PLANES[axis].letters[:2])
        found.append(Picture(data_uri(tile), hard_caption(one)))
    return found, reason


def _works(bank: Bank, unit: str, hard: Sequence[Hard]) -> dict[str, tuple[Work, str | None, int | None]]:
    """Of each item: its volume, the digest of what that held, and which slice it is."""
    names = listed(one.item for one in hard)
    of_items = f"SELECT volume AS item, volume, NULL AS index FROM volumes WHERE volume IN {names}"
    if unit == "slice":
        of_items = f"SELECT slice AS item, volume, index FROM slices WHERE slice IN {names}"
    rows: list[dict[str, Any]] = bank.sql(f"""SELECT i.item, i.index, v.volume, v.ordinal, v.slices, v.slice_ordinal, c.content
        FROM ({of_items}) i JOIN volumes v ON v.volume = i.volume LEFT JOIN contents c ON c.volume = v.volume""").to_pylist()
    return {
        row["item"]: (Work(row["volume"], row["ordinal"], row["slices"], row["slice_ordinal"]), row["content"], row["index"])
        for row in rows
    }
