"""Replicates by products of counts: what the metric gives on items that are written out as often as they were drawn."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from scanbank.eval.replicates import drawn, drawn_in_blocks, ranking_replicates

DRAWS = 5


def test_as_many_are_drawn_as_there_are_and_the_seed_decides() -> None:
    times = drawn(50, 400, 0)
    assert times.shape == (400, 50)
    assert (times.sum(axis=1) == 50).all()
    np.testing.assert_array_equal(times, drawn(50, 400, 0))
    assert (times != drawn(50, 400, 1)).any()
    # of n items drawn n times, (1 - 1/n)^n are in none
    assert abs((times == 0).mean() - (1 - 1 / 50) ** 50) < 0.01


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 60), st.integers(1, 12), st.sampled_from([0.0, 0.5, 2.0]))
def test_each_draw_is_measured_as_its_items_written_out(seed: int, items: int, patients: int, step: float) -> None:
    rng = np.random.default_rng(seed)
    y, score, patient = rng.integers(0, 2, items), rng.normal(size=items), rng.integers(0, patients, items)
    if step:
        score = np.round(score / step) * step
    times = drawn(patients, DRAWS, seed)
    found = ranking_replicates(y, score, patient, times)
    for draw in range(DRAWS):
        often = times[draw, patient].astype(int)
        labels, scores = np.repeat(y, often), np.repeat(score, often)
        if len(set(labels.tolist())) < 2:
            assert np.isnan([found.auroc[draw], found.ap[draw]]).all()
            continue
        np.testing.assert_allclose(found.auroc[draw], roc_auc_score(labels, scores), atol=1e-12)
        np.testing.assert_allclose(found.ap[draw], average_precision_score(labels, scores), atol=1e-12)


def test_draws_in_blocks_are_the_same_draws() -> None:
    blocks = list(drawn_in_blocks(7, 10, 3, 4))
    assert [len(block) for block in blocks] == [4, 4, 2]
    assert np.array_equal(np.concatenate(blocks), drawn(7, 10, 3))
    assert (drawn(7, 10, 3).sum(axis=1) == 7).all()
    assert drawn(7, 0, 3).shape == (0, 7)
