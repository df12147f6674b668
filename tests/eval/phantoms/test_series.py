"""Plans of reconstructions, over many seeds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from phantom_bodies import body, study
from scanbank.eval.phantoms.cohort import COHORTS
from scanbank.eval.phantoms.nifti_masks import is_even
from scanbank.eval.phantoms.series import BOTH_KERNELS, WIDER, plan_series

HEAD_B = COHORTS["head"].sources[1]
BODY = replace(body(0), spacing_mm=(3.0, 2.0, 2.0))  # 61 planes of 3 mm, -60 to 120


def plans(count: int = 300, **habits: float) -> list:
    return [plan_series(study(cohort="head", source=replace(HEAD_B, **habits), seed=seed), BODY) for seed in range(count)]


def test_shares() -> None:
    made = plans()
    assert np.mean([len(one) == 2 for one in made]) == pytest.approx(BOTH_KERNELS, abs=0.1)
    assert np.mean([one[0].tilt_deg != 0 for one in made]) == pytest.approx(HEAD_B.tilted, abs=0.1)
    assert np.mean([not is_even(one[0]) for one in made]) == pytest.approx(HEAD_B.nonuniform, abs=0.05)
    assert np.mean([np.diff(one[0].positions_mm)[0] > 0 for one in made]) == pytest.approx(0.4, abs=0.1)


def test_both_kernels_share_the_place() -> None:
    for one in plans(60):
        assert [s.number for s in one] == [2, 3][: len(one)]
        for planned in one:
            assert planned.kernel == HEAD_B.kernels[planned.sharp]
            assert planned.thickness_mm == HEAD_B.thickness_mm[planned.sharp]
            assert HEAD_B.fov_mm[0] <= planned.fov_mm <= HEAD_B.fov_mm[1]
            assert (planned.fov_mm, planned.centre_mm, planned.tilt_deg) == (one[0].fov_mm, one[0].centre_mm, one[0].tilt_deg)
        assert len({planned.uid for planned in one}) == len(one)


@pytest.mark.parametrize("tilted", [0.0, 1.0])
def test_slices_lie_in_the_body(tilted: float) -> None:
    for one in plans(60, tilted=tilted):
        for planned in one:
            z = np.asarray(planned.positions_mm) / np.cos(np.deg2rad(planned.tilt_deg))
            assert z.min() >= -60
            assert z.max() <= 120
            assert len(z) >= 10


def test_steps() -> None:
    for one in plans(60, nonuniform=1.0):
        for planned in one:
            steps = np.abs(np.diff(planned.positions_mm)) / planned.thickness_mm
            assert sorted({round(float(step), 2) for step in steps}) == [1.0, WIDER]
    for one in plans(60, nonuniform=0.0):
        for planned in one:
            assert np.abs(np.diff(planned.positions_mm)) == pytest.approx(planned.thickness_mm, abs=2e-3)


def test_same_seed_same_plan() -> None:
    assert plans(20) == plans(20)
