"""The published preprocessing: against its own outcome, and against torch written out in its order."""

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch.nn import functional

from scanbank.embed.ctclip.preprocess import preprocess
from scanbank.store.errors import ViewError


def test_the_published_outcome(goldens):
    golden = load_file(goldens / "ctclip" / "preprocess.safetensors")
    found = preprocess(golden["raw_xyz"], (0.9, 0.9, 2.0), slope=1, intercept=-1024, shape=(24, 48, 48))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, golden["expected"], atol=1e-6)


@pytest.mark.parametrize(
    ("xy_mm", "z_mm", "shape"),
    [(0.3, 0.7, (24, 48, 48)), (0.9, 2.0, (24, 48, 48)), (0.66, 1.0, (30, 30, 51)), (0.75, 1.5, (33, 41, 37)), (1.1, 3.0, (100, 20, 90))],
)
def test_torch_in_the_published_order(xy_mm, z_mm, shape):
    raw = np.random.default_rng(0).integers(-1000, 3000, (37, 41, 33)).astype(np.int16)
    clipped = np.clip(2.0 * raw - 500, -1000, 1000).transpose(2, 0, 1)  # many values lie outside: clipping comes before interpolation
    size = [int(n * (own / wanted)) for n, own, wanted in zip(clipped.shape, (z_mm, xy_mm, xy_mm), (1.5, 0.75, 0.75), strict=True)]
    resized = functional.interpolate(torch.from_numpy(clipped)[None, None], size=size, mode="trilinear", align_corners=False)[0, 0] / 1000
    expected, taken, put = np.full(shape, -1.0), [], []
    for have, want in zip(resized.shape, shape, strict=True):
        start, kept, before = max((have - want) // 2, 0), min(have, want), max((want - have) // 2, 0)
        taken.append(slice(start, start + kept))
        put.append(slice(before, before + kept))
    expected[tuple(put)] = resized[tuple(taken)]
    found = preprocess(raw, (xy_mm, xy_mm, z_mm), slope=2, intercept=-500, shape=shape)
    np.testing.assert_allclose(found, expected[None], atol=1e-6)


def test_sizes_are_cut_to_whole_numbers_as_published():
    # 55 * 0.3 / 0.75 is 22; published is 55 * (0.3 / 0.75), which in floating point falls short of it
    found = preprocess(np.full((55, 5, 4), 1000, np.int16), (0.3, 0.75, 1.5), shape=(4, 30, 5))
    assert (found[0, 0, :, 0] == 1).sum() == 21
    assert np.flatnonzero(found[0, 0, :, 0] == 1)[[0, -1]].tolist() == [4, 24]


def test_rows_run_along_x():
    raw = np.full((4, 6, 2), -1000, np.int16)
    raw[3, 0, 1] = 1000
    found = preprocess(raw, (0.75, 0.75, 1.5), shape=(2, 4, 6))
    assert np.argwhere(found == 1).tolist() == [[0, 1, 3, 0]]


@pytest.mark.parametrize(
    ("shape", "spacing", "message"),
    [
        ((3, 4), (1, 1, 1), "takes an array"),
        ((3, 0, 4), (1, 1, 1), "takes an array"),
        ((3, 3, 3), (1, 0, 1), "takes a spacing"),
        ((3, 3, 3), (1, 1, float("nan")), "takes a spacing"),
        ((2, 9, 9), (0.3, 1, 1), "along x the array has 2 of 0.3 mm, less than one"),
        ((9, 9, 1), (1, 1, 1), "along z the array has 1 of 1 mm, less than one"),
    ],
)
def test_what_cannot_be_is_told(shape, spacing, message):
    with pytest.raises(ViewError, match=message):
        preprocess(np.zeros(shape, np.int16), spacing)


def test_values_that_are_not_finite_are_told():
    raw = np.zeros((3, 3, 3), np.float32)
    raw[1, 1, 1] = np.nan
    with pytest.raises(ViewError, match="takes values that are finite"):
        preprocess(raw, (1, 1, 2))
