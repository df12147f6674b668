from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanbank.store.readers.content import content_of, content_of_frames

VOXELS = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
AFFINE = np.diag([0.5, 0.5, 5.0, 1.0])
POSITIONS = np.array([0.0, 5.0])
SPACING = (5.0, 0.5, 0.5)


def test_pixels_alone_are_hashed_as_documented() -> None:
    expected = hashlib.sha256(b"voxels:<i2:2,3,4" + VOXELS.astype("<i2").tobytes()).hexdigest()
    assert content_of(VOXELS, None, None, None) == expected


def test_geometry_follows_in_whole_microns() -> None:
    microns = np.array([500, 0, 0, 0, 0, 500, 0, 0, 0, 0, 5000, 0, 0, 0, 0, 1000], "<i8").tobytes()
    expected = hashlib.sha256(b"voxels:<i2:2,3,4" + VOXELS.tobytes() + b"affine:" + microns)
    expected.update(b"positions:" + np.array([0, 5000], "<i8").tobytes() + b"spacing:" + np.array([5000, 500, 500], "<i8").tobytes())
    assert content_of(VOXELS, AFFINE, POSITIONS, SPACING) == expected.hexdigest()


def test_memory_order_byte_order_and_signed_zero_do_not_count() -> None:
    plain = content_of(VOXELS, AFFINE, POSITIONS, SPACING)
    assert content_of(np.asfortranarray(VOXELS), AFFINE, POSITIONS, SPACING) == plain
    assert content_of(VOXELS.astype(">i2"), AFFINE, POSITIONS, SPACING) == plain
    assert content_of(VOXELS[::-1][::-1], AFFINE * np.where(AFFINE == 0, -1.0, 1.0), POSITIONS, SPACING) == plain
    zeros = np.zeros((1, 2, 2), np.float32)
    assert content_of(-zeros, None, None, None) == content_of(zeros, None, None, None)


@given(noise=st.floats(-4e-4, 4e-4))
def test_noise_under_half_a_micron_does_not_count(noise: float) -> None:
    assert content_of(VOXELS, AFFINE + noise, POSITIONS + noise, SPACING) == content_of(VOXELS, AFFINE, POSITIONS, SPACING)


@pytest.mark.parametrize(
    "change",
    [
        (VOXELS + 1, AFFINE, POSITIONS, SPACING),
        (VOXELS.astype(np.float32), AFFINE, POSITIONS, SPACING),
        (VOXELS.reshape(2, 4, 3), AFFINE, POSITIONS, SPACING),
        (VOXELS, AFFINE * 1.01, POSITIONS, SPACING),
        (VOXELS, AFFINE, POSITIONS + 1, SPACING),
        (VOXELS, AFFINE, POSITIONS, (5.0, 0.5, None)),
        (VOXELS, None, None, None),
    ],
)
def test_whatever_differs_changes_the_digest(change: tuple[Any, ...]) -> None:
    assert content_of(*change) != content_of(VOXELS, AFFINE, POSITIONS, SPACING)


def test_a_missing_number_is_not_a_zero() -> None:
    assert content_of(VOXELS, AFFINE, POSITIONS, (None, 0.5, 0.5)) != content_of(VOXELS, AFFINE, POSITIONS, (0.0, 0.5, 0.5))


def test_frames_are_kept_apart_by_their_length() -> None:
    assert content_of_frames([b"ab", b"c"], None, None, None) != content_of_frames([b"a", b"bc"], None, None, None)
    assert content_of_frames([b"ab"], AFFINE, POSITIONS, SPACING) != content_of_frames([b"ab"], None, None, None)
