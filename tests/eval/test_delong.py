"""DeLong's intervals and Obuchowski's variance: from the definitions, by hand, and by drawing patients."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import t

from scanbank.eval import portions
from scanbank.eval.delong import auroc_variances, delong_intervals
from scanbank.eval.placements import clustered_variances, placements
from scanbank.eval.replicates import drawn, ranking_replicates
from scanbank.store.errors import UsageError


def by_definition(y: NDArray[np.int64], score: NDArray[np.float64], patient: NDArray[np.int64]) -> float:
    """Obuchowski's, patient by patient, as the paper writes it: S10 / M + S01 / N + 2 S11 / (M N)."""
    p, n = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    wins = (score[p][:, None] > score[n]) + 0.5 * (score[p][:, None] == score[n])
    area = wins.mean()
    of = dict([*zip(p, wins.mean(axis=1), strict=True), *zip(n, wins.mean(axis=0), strict=True)])
    s10 = s01 = s11 = 0.0
    for one in set(patient.tolist()):
        mine = np.flatnonzero(patient == one)
        positive = sum(of[i] - area for i in mine if y[i])
        negative = sum(of[i] - area for i in mine if not y[i])
        s10, s01, s11 = s10 + positive**2, s01 + negative**2, s11 + positive * negative
    i10, i01, every = len(set(patient[p].tolist())), len(set(patient[n].tolist())), len(set(patient.tolist()))
    s10, s01, s11 = s10 * i10 / ((i10 - 1) * len(p)), s01 * i01 / ((i01 - 1) * len(n)), s11 * every / (every - 1)
    return max(s10 / len(p) + s01 / len(n) + 2 * s11 / (len(p) * len(n)), 0)


def placements_variance(y: NDArray[np.int64], score: NDArray[np.float64]) -> float:
    """By the definition, pair by pair, where each item is a patient."""
    p, n = score[y == 1], score[y == 0]
    wins = (p[:, None] > n).astype(float) + 0.5 * (p[:, None] == n)
    return wins.mean(1).var(ddof=1) / len(p) + wins.mean(0).var(ddof=1) / len(n)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.integers(6, 40), st.integers(2, 8), st.sampled_from([0.0, 0.5, 2.0]))
def test_variances_are_obuchowskis(seed: int, items: int, patients: int, step: float) -> None:
    rng = np.random.default_rng(seed)
    y, patient = rng.integers(0, 2, items), rng.integers(0, patients, items)
    y[:4], patient[:4] = [0, 0, 1, 1], [0, 1, 0, 1]
    patient = np.unique(patient, return_inverse=True)[1]
    score = rng.normal(size=(3, items))
    if step:
        score = np.round(score / step) * step
    area, variance = auroc_variances(y, score, patient)
    assert variance == pytest.approx([by_definition(y, row, patient) for row in score], abs=1e-12)
    assert clustered_variances(y, placements(y, score), patient) == pytest.approx(variance, abs=1e-12)
    # one item a patient: DeLong's
    assert auroc_variances(y, score, np.arange(items))[1] == pytest.approx([placements_variance(y, row) for row in score], abs=1e-14)
    assert placements(y, score)[:, y == 1].mean(axis=1) == pytest.approx(area, abs=1e-12)
    assert placements(y, score)[:, y == 0].mean(axis=1) == pytest.approx(area, abs=1e-12)


def test_variances_by_hand() -> None:
    """Placements of positives 1 and 1/2, of negatives 1/2 and 1: variances 1/8, over 2 items each. Of one positive there is none."""
    y, scores = np.array([1, 0, 1, 0]), np.array([[4.0, 3.0, 2.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    area, variance = auroc_variances(y, scores, np.arange(4))
    assert (area.tolist(), variance.tolist()) == ([0.75, 0.5], [0.125, 0.0])
    assert np.isnan(auroc_variances(y[1:] * np.array([0, 1, 1]), scores[:, 1:], np.arange(3))[1]).all()


def test_the_interval_by_hand() -> None:
    """An AUROC of 3/4 of variance 1/8 (see test_ranked), 2 items of each class: 2 degrees of freedom; odds of 3."""
    reach = float(t.ppf(0.975, 2)) * np.sqrt(1 / 8) / (3 / 16)
    odds = 3 * np.exp([-reach, reach])
    found = delong_intervals([1, 0, 1, 0], [[4.0, 3.0, 2.0, 1.0], [1.0, 1.0, 1.0, 1.0], [4.0, 1.0, 3.0, 2.0]])
    assert found[0] == pytest.approx(odds / (1 + odds))
    assert found[1].tolist() == [0.5, 0.5]
    assert found[2, 1] == 1
    assert 0 < found[2, 0] < 1


def test_perfect_separation_has_newcombes_interval() -> None:
    """Its lower end A solves (1 - A)^2 = z^2 A (1 - A) / (m n) (1 + k ((1 - A) / (2 - A) + A / (1 + A))), k = (m + n) / 2 - 1."""
    y = np.repeat([1, 0], [5, 45])
    (low, high), mirrored = delong_intervals(y, [np.arange(50.0)[::-1], np.arange(50.0)])
    k = 24
    variance = low * (1 - low) / 225 * (1 + k * ((1 - low) / (2 - low) + low / (1 + low)))
    assert (1 - low) ** 2 == pytest.approx(1.959963984540054**2 * variance)
    assert high == 1
    assert mirrored == pytest.approx([0, 1 - low])


def test_patients_with_several_items_widen_the_interval_as_drawing_them_does() -> None:
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(300), 4)
    y = (np.arange(300) % 3 == 0).astype(int)[patient]
    score = (rng.normal(size=300)[patient] + 0.3 * rng.normal(size=1200) + y)[None]
    _, variance = auroc_variances(y, score, patient)
    replicates = ranking_replicates(y, score[0], patient, drawn(300, 2000, 0)).auroc
    assert np.sqrt(variance[0]) == pytest.approx(replicates.std(), rel=0.08)
    wide, narrow = (np.diff(delong_intervals(y, score, patients))[0, 0] for patients in (patient, None))
    assert wide > 1.6 * narrow


def test_portions_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    y, score, patient = rng.integers(0, 2, 60), rng.normal(size=(5, 60)), np.arange(60) // 2
    whole = delong_intervals(y, score), delong_intervals(y, score, patient)
    monkeypatch.setattr(portions, "SCORES", 120)
    np.testing.assert_array_equal(delong_intervals(y, score), whole[0])
    np.testing.assert_array_equal(delong_intervals(y, score, patient), whole[1])
    assert delong_intervals(y, np.empty((0, 60))).shape == (0, 2)


def test_too_few_have_no_interval() -> None:
    assert np.isnan(delong_intervals([0, 0, 1], [[1.0, 2.0, 3.0]])).all()
    assert np.isnan(delong_intervals([0, 1, 0, 1], [[1.0, 2.0, 3.0, 4.0]], [0, 1, 2, 1])).all()
    assert np.isnan(delong_intervals([1, 1], [[1.0, 2.0]])).all()
    with pytest.raises(UsageError, match="one for each item"):
        delong_intervals([0, 1], [[1.0, 2.0]], [0])
