"""Whether values are HU already: on numbers worked out by hand, and on whatever scans are at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanbank.store.declared import Calibration
from scanbank.store.errors import ReadError
from scanbank.store.local_map import Located
from scanbank.store.progress import Silent
from scanbank.store.readers import Images, find_scans, load_volume
from scanbank.store.readers.calibrating import scaling_of

HU = np.repeat([-1003.0, -998.0, -870.0, -90.0, 40.0, 900.0], 50).reshape(2, 10, 15)
"""Air, lung, fat, muscle and bone."""


@pytest.mark.parametrize("intercept", [-1000.0, -1024.0, -8192.0])
@pytest.mark.parametrize("slope", [1.0, 0.5])
def test_a_rescale_is_applied_where_it_is_due(slope: float, intercept: float) -> None:
    declared = Calibration(slope, intercept)
    stored = (HU - intercept) / slope
    assert scaling_of(stored, 1.0, 0.0, declared) == (slope, intercept)
    assert scaling_of(HU, 1.0, 0.0, declared) == (1.0, 0.0)
    # Of a header that scales, only what it gives counts: HU = slope * (2 * value + 6) + intercept.
    assert scaling_of((stored - 6) / 2, 2.0, 6.0, declared) == (2 * slope, 6 * slope + intercept)
    assert scaling_of((HU - 6) / 2, 2.0, 6.0, declared) == (2.0, 6.0)


def test_corners_that_are_filled_are_no_air() -> None:
    """Stored values of which a third is the filling -976 (HU -2000): neither reading of them is beyond doubt."""
    filled = np.concatenate([np.full((1, 10, 15), -976.0), HU + 1024])
    with pytest.raises(ReadError, match="cannot be told"):
        scaling_of(filled, 1.0, 0.0, Calibration(1.0, -1024.0))
    assert scaling_of(filled, 1.0, 0.0, Calibration(1.0, -1024.0, corrected=True)) == (1.0, 0.0)
    assert scaling_of(np.concatenate([np.full((1, 10, 15), -3024.0), HU]), 1.0, 0.0, Calibration(1.0, -1024.0)) == (1.0, 0.0)
    assert scaling_of(np.concatenate([np.full((1, 10, 15), -2000.0), HU + 1024]), 1.0, 0.0, Calibration(1.0, -1024.0)) == (1.0, -1024.0)


@given(st.lists(st.floats(-5000, 5000) | st.just(np.nan) | st.just(np.inf), min_size=1, max_size=20), st.floats(-9000, 9000))
def test_any_values_are_judged_or_refused(values: list[float], intercept: float) -> None:
    declared = Calibration(1.0, intercept)
    try:
        found = scaling_of(np.array(values, np.float32).reshape(1, 1, -1), 1.0, 0.0, declared)
    except ReadError:
        return
    assert found in {(1.0, 0.0), (1.0, intercept)}


def test_texts_are_read_back() -> None:
    for one in (Calibration(), Calibration(0.1, -8192.0, ((0.1, 0, 0, 1e-300), (0, 1 / 3, 0, 2), (0, 0, 1, 3)), corrected=True)):
        assert Calibration.from_text(one.text()) == one


@pytest.mark.parametrize("folder", ["totalseg", "dcm_qa_ct", "wado_testimages"])
def test_real_scans_are_told_from_their_stored_values(shared_data: Path, folder: str) -> None:
    found = find_scans([shared_data / folder], Images(), 1, Silent())
    for header in found.scans[:4]:
        hu = load_volume(Located(header.kind, header.sources, None)).voxels.astype(np.float32)
        for intercept in (-1000.0, -1024.0, -8192.0):
            assert scaling_of(hu, 1.0, 0.0, Calibration(1.0, intercept)) == (1.0, 0.0)
            assert scaling_of(hu - intercept, 1.0, 0.0, Calibration(1.0, intercept)) == (1.0, intercept)
