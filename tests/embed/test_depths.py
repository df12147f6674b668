from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dicom_files import write_series
from scanbank.embed.depths import depth_rows
from scanbank.embed.encoder import Encoded, Encoder
from scanbank.embed.pipeline import Outputs, embed, keys_of
from scanbank.store import Bank, EncoderSpec, ViewSpec, Window
from scanbank.store.errors import EncoderError
from scanbank.store.ingest import ingest


class PlanePairs(Encoder):
    """A vector for each two planes: their mean and their greatest value."""

    def __init__(self) -> None:
        self.spec = EncoderSpec("plane-pairs", "1", 2)
        self.view = ViewSpec((Window(-1000, 1000),), spacing_mm=(2.0, 1.0, 1.0), shape=(8, 8, 8))
        self.offers = frozenset({"volume"})
        self.channels = frozenset({1})
        self.gives_depth = True
        self.calls = 0

    def _encode(self, side: Any, batch: Any) -> Encoded:
        self.calls += 1
        pairs = batch[:, 0].reshape(len(batch), 4, -1)
        depth = np.stack([pairs.mean(2), pairs.max(2)], axis=2)
        return Encoded(depth.mean(1), depth=depth, depth_mask=pairs.max(2) > 0)


@pytest.fixture
def scans(bank: Bank, tmp_path: Path) -> Bank:
    """Two series of 4 and 6 slices, 2 mm apart, the first slice at z = 100."""
    for i, n in enumerate((4, 6)):
        write_series(tmp_path / "scans" / str(i), n=n, patient_id=f"p{i}", series_uid=f"1.2.{i}", seed=i)
    ingest(bank, [tmp_path / "scans"])
    return bank


def test_steps_lie_in_the_middle_of_their_planes():
    encoded = Encoded(np.zeros((1, 2), np.float32), np.zeros((1, 3, 2), np.float32), np.array([[True, True, False]]))
    rows = depth_rows(encoded, np.array([10.0, 14.0, 18.0, np.nan, np.nan, np.nan]))
    assert rows.z_mm is not None
    np.testing.assert_array_equal(rows.z_mm, np.array([[12.0, 18.0, np.nan]], np.float32))
    assert rows.mask is encoded.depth_mask


def test_the_last_step_may_have_fewer_planes():
    encoded = Encoded(np.zeros((1, 2), np.float32), np.zeros((1, 3, 2), np.float32), np.ones((1, 3), bool))
    rows = depth_rows(encoded, np.array([0.0, 2.0, 4.0, 6.0, 8.0]))
    assert rows.z_mm is not None
    assert rows.z_mm.tolist() == [[1.0, 5.0, 8.0]]


def test_steps_that_do_not_fit_the_planes_are_refused():
    encoded = Encoded(np.zeros((1, 2), np.float32), np.zeros((1, 3, 2), np.float32), np.ones((1, 3), bool))
    with pytest.raises(EncoderError, match="3 steps along depth for 4 planes"):
        depth_rows(encoded, np.zeros(4))
    with pytest.raises(EncoderError, match="gave none"):
        depth_rows(Encoded(np.zeros((1, 2), np.float32)), np.zeros(4))


def test_an_encoder_that_gives_depth_fills_both_sets_by_one_pass(scans: Bank) -> None:
    encoder = PlanePairs()
    report = embed(scans, encoder)
    volume, depth = (f"plane-pairs/ctclip,2x1x1mm,8x8x8/{kind}" for kind in ("volume", "depth"))
    assert report.sets == {volume: 2, depth: 2}
    assert encoder.calls == 2
    rows = scans.sql("SELECT volume, ordinal FROM volumes ORDER BY slices").to_pylist()
    for row, heights in zip(rows, ([100, 102, 104, 106], [100, 102, 104, 106, 108, 110]), strict=True):
        held = scans.features(depth).rows_of(np.array([row["ordinal"]]))
        assert held.z_mm is not None
        before = (8 - len(heights)) // 2
        planes = np.full(8, np.nan)
        planes[before : before + len(heights)] = heights
        pairs = planes.reshape(4, 2)
        expected = [np.nanmean(pair) if np.isfinite(pair).any() else np.nan for pair in pairs]
        np.testing.assert_allclose(held.z_mm[0], np.array(expected))
        np.testing.assert_allclose(held.vector[0].mean(0), scans.features(volume).of(np.array([row["ordinal"]]))[0], atol=1e-6)


def test_depth_can_be_left_out_and_added_later(scans: Bank) -> None:
    encoder = PlanePairs()
    assert [key.kind for key in keys_of(encoder, [encoder.view], outputs=Outputs(depth=False))] == ["volume"]
    embed(scans, encoder, outputs=Outputs(depth=False))
    assert [found.key.kind for found in scans.feature_sets] == ["volume"]
    report = embed(scans, encoder)
    assert sorted(report.sets.values()) == [0, 2]
    assert embed(scans, encoder).skipped == 2


def test_a_scan_of_equal_content_gets_the_same_depths(scans: Bank, tmp_path: Path) -> None:
    encoder = PlanePairs()
    embed(scans, encoder)
    write_series(tmp_path / "copy", n=6, patient_id="other", series_uid="9.9", seed=1)
    ingest(scans, [tmp_path / "copy"])
    assert embed(scans, encoder).copied == 1
    depth = next(found for found in scans.feature_sets if found.key.kind == "depth")
    ordinals = np.array(scans.sql("SELECT ordinal FROM volumes WHERE slices = 6 ORDER BY 1").column(0).to_pylist())
    one, two = depth.rows_of(ordinals[:1]), depth.rows_of(ordinals[1:])
    np.testing.assert_array_equal(one.vector, two.vector)
    np.testing.assert_array_equal(one.z_mm, two.z_mm)
