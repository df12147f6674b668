"""The picture of a study: the same for the same study, as large as what it compares, with gaps where nothing could be measured."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from scanbank.eval.adapt_found import Examined, Found, Row
from scanbank.eval.report.charts_study import study_png


def found(backbones: int, windows: int, mean: float | None = 0.7) -> Found:
    full, few = list[Row](), list[Row]()
    for backbone in map("net{}".format, range(backbones)):
        for window in map("window{}".format, range(windows)):
            full += [Row(backbone, window, method, None, "auroc", mean, None, 0.5, 0.8, "") for method in ("zero-shot", "LoRA")]
            few += [Row(backbone, window, head, k, "auroc", mean, 0.1, None, None, "") for head in ("knn", "linear") for k in (1, 5)]
    return Found("bleed", tuple(full), tuple(few), (), Examined(10, 4, 8))


def picture(found: Found) -> Image.Image:
    return Image.open(io.BytesIO(study_png(found)))


def test_a_window_is_a_column_and_a_backbone_a_row() -> None:
    one, wide, tall = picture(found(1, 2)), picture(found(1, 3)), picture(found(2, 2))
    assert wide.width == pytest.approx(1.5 * one.width, abs=2)
    assert wide.height == one.height
    assert tall.height > one.height + 200
    assert tall.width == one.width


def test_the_same_study_is_the_same_picture_and_another_is_another() -> None:
    assert study_png(found(1, 1)) == study_png(found(1, 1))
    assert not np.array_equal(np.asarray(picture(found(1, 1))), np.asarray(picture(found(1, 1, 0.9))))


def test_what_could_not_be_measured_leaves_its_place_empty() -> None:
    nothing = picture(found(1, 1, None))
    assert nothing.size == picture(found(1, 1)).size
