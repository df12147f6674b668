"""Resampling weights against hand-computed values, numpy and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from scanbank.eval.phantoms.grids import along, smooth_noise, weights
from scanbank.eval.phantoms.seeds import generator

SOURCE = np.linspace(-7.0, 31.0, 20, dtype=np.float64)  # mm, 2 apart


@pytest.mark.parametrize("how", [{}, {"fwhm_mm": 5.0}, {"width_mm": 5.0}, {"fwhm_mm": 0.1}])
def test_rows_add_up_to_one(how: dict[str, float]) -> None:
    target = np.array([-40.0, -7.0, -6.2, 0.0, 13.37, 31.0, 90.0])  # also far beyond the grid
    assert weights(SOURCE, target, **how).sum(axis=1) == pytest.approx(1, abs=1e-6)


def test_linear_interpolation_is_numpys() -> None:
    values = np.random.default_rng(0).normal(size=20)
    target = np.array([-30.0, -7.0, -6.5, 0.0, 11.9, 31.0, 40.0])
    assert weights(SOURCE, target) @ values == pytest.approx(np.interp(target, SOURCE, values), abs=1e-5)


@pytest.mark.parametrize("how", [{"fwhm_mm": 6.0}, {"width_mm": 6.0}, {"width_mm": 3.0}])
def test_symmetric_kernels_keep_linear_functions(how: dict[str, float]) -> None:
    on_voxels: NDArray[np.float64] = SOURCE[5:-5]
    assert weights(SOURCE, on_voxels, **how) @ (3 * SOURCE + 1) == pytest.approx(3 * on_voxels + 1, abs=1e-4)


def test_thickness_averages_a_step_by_hand() -> None:
    # Voxels of 2 mm at -7, -5, ...; a slab of 3 mm about 0 covers -1.5..1.5: voxel at -1 (-2..0) by 1.5 mm, at 1 (0..2) by 1.5 mm.
    step = np.where(SOURCE < 0, 0.0, 100.0)
    assert (weights(SOURCE, np.array([0.0]), width_mm=3.0) @ step).tolist() == pytest.approx([50.0])
    # About 1: -0.5..2.5, so 0.5 mm of the voxel at -1 and 2.5 mm of 100.
    assert (weights(SOURCE, np.array([1.0]), width_mm=3.0) @ step).tolist() == pytest.approx([250 / 3])


def test_blur_is_scipys_gaussian() -> None:
    fine = np.linspace(0.0, 40.0, 81, dtype=np.float64)
    values = np.zeros(81)
    values[40] = 1.0
    blurred = weights(fine, fine, fwhm_mm=6.0) @ values
    assert blurred == pytest.approx(
        gaussian_filter1d(values, 6.0 / 2.354820045 / 0.5, truncate=2.5, mode="nearest"), abs=4e-3
    )  # of the cut tail
    above = fine[blurred >= blurred.max() / 2]
    assert above[-1] - above[0] == pytest.approx(6.0, abs=0.5)  # full width at half maximum


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_along_an_axis_is_matmul_on_it(axis: int) -> None:
    values = np.random.default_rng(1).normal(size=(20, 20, 20)).astype(np.float32)
    matrix = weights(SOURCE, np.array([-3.3, 0.1, 9.0]), fwhm_mm=4.0)
    expected = np.moveaxis(np.tensordot(matrix.toarray(), values, axes=(1, axis)), 0, axis)
    done = along(values, matrix, axis)
    assert done.dtype == np.float32
    assert done == pytest.approx(expected, abs=1e-5)


def test_smooth_noise() -> None:
    field = smooth_noise(generator("a"), (40, 60, 60), (3.0, 2.0, 2.0), 12.0)
    assert field.shape == (40, 60, 60)
    assert float(field.std()) == pytest.approx(1, abs=1e-3)
    assert abs(float(field.mean())) < 0.3
    flat = field.reshape(-1, 60)
    near, far = (float((flat[:, lag:] * flat[:, :-lag]).mean()) for lag in (1, 20))  # 2 mm and 40 mm apart
    assert near > 0.9
    assert abs(far) < 0.3
    assert np.array_equal(field, smooth_noise(generator("a"), (40, 60, 60), (3.0, 2.0, 2.0), 12.0))
