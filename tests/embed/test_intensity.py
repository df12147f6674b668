"""The features of `intensity`, against scipy and numpy."""

import numpy as np
import pytest
from scipy import stats

from scanbank.embed.encoders.intensity import IntensityEncoder, slice_features


def whole_steps(shape, seed=0) -> np.ndarray:
    """Values that the encoder need not round."""
    return (np.random.default_rng(seed).beta(1, 4, shape) * 2000).round().astype(np.float32) / 2000


def test_by_hand():
    found = slice_features(np.array([[0, 0], [0, 1]], np.float32))
    assert found.shape == (IntensityEncoder.spec.dim,) == (43,)
    np.testing.assert_allclose(found[:32], [0.75, *[0] * 30, 0.25])
    # p = 1/4: variance p(1 - p), skewness (1 - 2p) / sqrt(p(1 - p)), excess kurtosis (1 - 6p(1 - p)) / (p(1 - p))
    np.testing.assert_allclose(found[32:36], [0.25, np.sqrt(3) / 4, np.log1p(2 / np.sqrt(3)), -np.log1p(2 / 3)], rtol=1e-6)
    np.testing.assert_array_equal(found[36:], [0, 0, 0, 0, 0, 1, 1])


def test_is_what_numpy_and_scipy_compute():
    pixels = whole_steps((60, 70))
    found, flat = slice_features(pixels), pixels.ravel().astype(float)
    np.testing.assert_allclose(found[:32].sum(), 1, rtol=1e-6)
    np.testing.assert_allclose(found[32:34], [flat.mean(), flat.std()], rtol=1e-5)
    np.testing.assert_allclose(np.expm1(found[34:36]), [stats.skew(flat), stats.kurtosis(flat)], rtol=1e-4)
    np.testing.assert_allclose(found[36:], np.percentile(flat, [1, 5, 25, 50, 75, 95, 99], method="inverted_cdf"), atol=1e-6)


@pytest.mark.parametrize("value", [0, 0.3, 1])
def test_a_constant_slice_has_no_shape(value):
    found = slice_features(np.full((9, 9), value, np.float32))
    np.testing.assert_allclose(found[32:], [value, 0, 0, 0, *[value] * 7], atol=1e-6)


def test_fits_float16_even_for_a_single_bright_pixel():
    pixels = np.zeros((512, 512), np.float32)
    pixels[0, 0] = 1
    assert np.isfinite(slice_features(pixels).astype(np.float16)).all()


def test_rotation_does_not_matter():
    pixels = whole_steps((30, 40))
    np.testing.assert_array_equal(slice_features(pixels), slice_features(np.rot90(pixels)))
