"""Pictures of planes, and the contact sheet of a search."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scanbank.eval.contact import TILE, contact_sheet, hit_picture, works_of
from scanbank.eval.hits import Sentence
from scanbank.eval.pictures import PLANES, drawn
from scanbank.eval.search import search
from scanbank.store import Bank, Volume, Window
from search_banks import BRAIN, Brightness, bright_bank

WINDOW = Window(0, 100)


def volume(voxels: np.ndarray, spacing: tuple[float, float, float], slice_axis: int = 0, **more: Any) -> Volume:
    positions = np.arange(voxels.shape[slice_axis]) * spacing[slice_axis]
    return Volume(voxels, np.eye(4), spacing, slice_axis, positions, positions, **{"has_hu": True, **more})


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_planes_are_the_right_way_up_and_in_proportion(axis: int, smooth: bool) -> None:
    """A bright corner: head (last Z), front (first Y), right (first X)."""
    voxels = np.zeros((10, 20, 30), np.int16)
    voxels[5:, :10, :15] = 100
    picture = np.asarray(drawn(volume(voxels, (4.0, 1.0, 1.0), axis), axis, [7, 5, 5][axis], WINDOW, 120, smooth=smooth)).astype(int)
    # axial 20 x 30 mm; coronal 40 (up) x 30; sagittal 40 (up) x 20
    assert picture.shape == [(80, 120), (120, 90), (120, 60)][axis]
    height, width = picture.shape
    quarters = [picture[: height // 4, : width // 4], picture[: height // 4, -width // 4 :], picture[-height // 4 :, : width // 4]]
    assert [int(quarter.mean()) for quarter in quarters] == [255, 0, 0]


def test_grey_values_map_linearly_and_are_clipped() -> None:
    voxels = np.array([[[-50, 0, 50, 100, 150]]], np.int16)
    assert np.asarray(drawn(volume(voxels, (1, 1, 1)), 0, 0, WINDOW, 5, smooth=False)).tolist() == [[0, 0, 127, 255, 255]]
    image = volume(voxels, (1, 1, 1), has_hu=False, value_range=(-50.0, 150.0))
    assert np.asarray(drawn(image, 0, 0, WINDOW, 5, smooth=False)).tolist() == [[0, 63, 127, 191, 255]]


def test_letters_are_those_of_the_frame() -> None:
    assert [(plane.name, plane.axis, plane.letters) for plane in PLANES] == [
        ("axial", 0, "RLAP"),
        ("coronal", 1, "RLHF"),
        ("sagittal", 2, "APHF"),
    ]


@pytest.fixture
def bright(bank: Bank, tmp_path: Path) -> Bank:
    return bright_bank(bank, tmp_path / "scans", Brightness())


def test_the_tile_shows_the_best_slice(bright: Bank) -> None:
    result = search(bright, Brightness(), bright.features("brightness/brain/volume"), "bright")
    works = works_of(bright, result)
    for hit, z, index in zip(result.hits, (110, 105, 100), (2, 1, 0), strict=True):
        assert hit.ordinal is not None
        tile, where = hit_picture(bright, hit, *works[hit.ordinal], Window(0, 80))
        assert where == f"z {z} mm, slice {index}"
        grey = np.asarray(tile.convert("L"))
        assert grey.shape == (TILE, TILE)
        assert (grey[TILE // 2 - 20 : TILE // 2 + 20, TILE // 2 - 60 : TILE // 2 + 60] == 255).all()
        # where it lies by its height alone, the plane is the same
        (best, *_) = hit.places
        by_height = replace(hit, places=(replace(best, index=None),))
        assert np.array_equal(grey, np.asarray(hit_picture(bright, by_height, *works[hit.ordinal], Window(0, 80))[0].convert("L")))
    unplaced = replace(result.hits[0], places=())
    assert unplaced.ordinal is not None
    assert hit_picture(bright, unplaced, *works[unplaced.ordinal], Window(0, 80))[1] == "middle slice"


def test_the_sheet_has_a_tile_for_each_hit(bright: Bank) -> None:
    result = search(bright, Brightness(), bright.features("brightness/brain/volume"), "bright")
    done: list[int] = []

    class Listener:
        def start(self, stage: str, total: int | None = None) -> None:
            assert total == 3

        def advance(self, steps: int = 1, note: str = "") -> None:
            done.append(steps)

    sheet = contact_sheet(bright, result, BRAIN, progress=Listener())
    assert done == [1, 1, 1]
    assert sheet.width > 3 * TILE
    empty = contact_sheet(bright, replace(result, hits=()), BRAIN)
    assert empty.height < TILE


def test_a_scan_that_is_not_at_hand_gets_a_grey_tile(bright: Bank, tmp_path: Path) -> None:
    result = search(bright, Brightness(), bright.features("brightness/brain/volume"), "bright")
    before = contact_sheet(bright, result, BRAIN)
    shutil.rmtree(tmp_path / "scans" / "1")
    after = contact_sheet(bright, result, BRAIN)
    changed = [not np.array_equal(np.asarray(tile_of(before, i)), np.asarray(tile_of(after, i))) for i in range(3)]
    assert changed == [False, True, False]
    tile = np.asarray(tile_of(after, 1))
    assert (tile[:20] == tile[0, 0]).all()
    assert 100 < tile[0, 0, 0] < 200


def test_pictures_of_a_window_that_was_asked_for(bright: Bank) -> None:
    result = search(bright, Brightness(), bright.features("brightness/brain/volume"), "bright")
    above = np.asarray(tile_of(contact_sheet(bright, result, BRAIN, window=Window(200, 300)), 0).convert("L"))
    assert above[40:120, 60:230].max() == 0  # 80 HU are under it


def tile_of(sheet: Image.Image, place: int) -> Image.Image:
    left, top = 20 + place * (TILE + 12), 66
    return sheet.crop((left, top, left + TILE, top + TILE))


def test_sentences_stand_under_pictures_and_reports_without_a_scan_have_a_tile(bright: Bank) -> None:
    result = search(bright, Brightness(), bright.features("brightness/brain/volume"), "bright")
    plain = contact_sheet(bright, result, BRAIN)
    said = Sentence("A bright\nslice " + "and more of it " * 1000, "findings", "t0", 0.5, "cosine")
    first = replace(result.hits[0], sentence=said)
    captioned = contact_sheet(bright, replace(result, hits=(first, *result.hits[1:])), BRAIN)
    assert captioned.height == plain.height + 16
    line = (20 + 24, 66 + TILE + 5 + 35, 20 + TILE, 66 + TILE + 5 + 35 + 12)
    assert np.asarray(captioned.crop(line).convert("L")).min() < 100  # there is ink
    beyond = (20 + TILE, line[1], 20 + TILE + 11, line[3])
    assert np.asarray(captioned.crop(beyond).convert("L")).min() > 240  # and none between the tiles
    alone = replace(result, find="report", hits=(replace(first, volume=None, ordinal=None, places=()),))
    assert np.asarray(tile_of(contact_sheet(bright, alone, BRAIN), 0))[0, 0].tolist() == [150, 150, 150]
