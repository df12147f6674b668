from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel

from scanbank.heads.bags import Bags
from scanbank.heads.localizer import Localizer, _target
from scanbank.store.errors import UsageError

Told = tuple[NDArray[np.float64], Bags, NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]


def turned(n: int, seed: int = 0) -> Told:
    """Scans of 10 to 14 levels 10 mm apart; a text is the next axis of what its level shows, so that cosine leads astray."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(10, 15, size=n)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    kinds = np.concatenate([rng.permutation(14)[:size] for size in sizes])
    levels = np.eye(14)[kinds] + 0.05 * rng.normal(size=(len(kinds), 14))
    z = np.concatenate([10.0 * np.arange(size) for size in sizes])
    chosen = np.array([rng.integers(size) for size in sizes])
    texts = np.eye(14)[(kinds[starts[:-1] + chosen] + 1) % 14]
    spans = np.repeat(z[starts[:-1] + chosen][:, None], 2, axis=1)
    return texts, Bags(levels, starts), np.arange(n), z, spans


def error(head: Localizer, told: Told) -> float:
    texts, bags, scan, z, spans = told
    apart = []
    for text, of, span in zip(texts, scan.tolist(), spans, strict=True):
        rows = slice(bags.starts[of], bags.starts[of + 1])
        apart.append(abs(z[rows][np.argmax(head.probabilities(text, bags.X[rows], z[rows]))] - span[0]))
    return float(np.mean(apart))


def test_it_learns_what_cosine_cannot_tell() -> None:
    head = Localizer(pull=0.01, steps=120, learning_rate=2e-2, place=0.0).fit(*turned(120))
    start = Localizer(pull=1e9, steps=1).fit(*turned(150))
    fresh = turned(50, seed=1)
    assert error(head, fresh) < 10
    assert error(start, fresh) > 25


def test_held_at_identity_it_is_cosine() -> None:
    texts, bags, scan, z, spans = turned(20)
    head = Localizer(pull=1e12, steps=30, place=0.0).fit(texts, bags, scan, z, spans)
    np.testing.assert_allclose(head.text_, np.eye(14), atol=1e-2)
    levels = bags.X[:10]
    cosine = (levels / np.linalg.norm(levels, axis=1, keepdims=True)) @ texts[0]
    assert np.argmax(head.probabilities(texts[0], levels, z[:10])) == np.argmax(cosine)


def test_the_first_step_follows_the_slope_of_the_loss_by_torch() -> None:
    texts, bags, scan, z, spans = turned(7)
    head = Localizer(pull=0.0, steps=1, learning_rate=1e-3).fit(texts, bags, scan, z, spans)
    one = torch.eye(14, dtype=torch.float64, requires_grad=True)
    X = torch.from_numpy(bags.X / np.linalg.norm(bags.X, axis=1, keepdims=True))
    loss = torch.zeros((), dtype=torch.float64)
    for n in range(7):
        rows = slice(bags.starts[n], bags.starts[n + 1])
        wanted = torch.from_numpy(_target(z[rows], spans[n], 10.0))
        loss = loss + torch.nn.functional.cross_entropy(10 * X[rows] @ (torch.from_numpy(texts[n]) @ one), wanted) / 7
    (slope,) = torch.autograd.grad(loss, one)
    # Adam's first step is the rate against the sign of the slope
    moved = head.text_ - np.eye(14)
    clear = np.abs(slope.numpy()) > 1e-6
    np.testing.assert_allclose(moved[clear], -1e-3 * np.sign(slope.numpy()[clear]), rtol=1e-2)


def test_targets_by_hand() -> None:
    z = np.array([0.0, 10.0, 20.0, 30.0])
    weights = np.exp(-(np.array([10.0, 0.0, 0.0, 10.0]) ** 2) / (2 * 10.0**2))
    np.testing.assert_allclose(_target(z, np.array([8.0, 20.0]), 10.0), np.exp([-0.32, 0, 0, -0.5]) / np.exp([-0.32, 0, 0, -0.5]).sum())
    np.testing.assert_allclose(_target(z, np.array([10.0, 20.0]), 10.0), weights / weights.sum())
    far = _target(z, np.array([9000.0, 9000.0]), 1.0)  # beyond the scan: its end, not nothing
    np.testing.assert_allclose(far, [0, 0, 0, 1], atol=1e-12)


def test_batches_and_copies() -> None:
    texts, bags, scan, z, spans = turned(30)
    whole = Localizer().fit(texts, bags, scan, z, spans)
    again: Any = clone(whole)
    np.testing.assert_array_equal(again.fit(texts, bags, scan, z, spans).text_, whole.text_)
    # several texts of one scan, in any order, are the same examples
    order = np.random.default_rng(0).permutation(30)
    other = Localizer().fit(texts[order], bags, scan[order], z, spans[order])
    np.testing.assert_allclose(other.text_, whole.text_, atol=1e-6)
    probabilities = whole.probabilities(texts[0], bags.X[:12].astype(np.float16), np.arange(12.0))
    assert probabilities.sum() == pytest.approx(1)


def test_more_levels_than_a_batch_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    from scanbank.heads import localizer

    monkeypatch.setattr(localizer, "BATCH_VECTORS", 100)
    head = Localizer(pull=0.01, steps=200, learning_rate=2e-2).fit(*turned(40))
    assert error(head, turned(50, seed=1)) < 20


def test_what_cannot_be_learned_from_is_refused() -> None:
    texts, bags, scan, z, spans = turned(5)
    with pytest.raises(NotFittedError):
        Localizer().probabilities(texts[0], bags.X[:3], z[:3])
    with pytest.raises(UsageError, match="do not fit"):
        Localizer().fit(texts[:4], bags, scan, z, spans)
    with pytest.raises(UsageError, match="do not fit"):
        Localizer().fit(texts[:0], bags, scan[:0], z, spans[:0])
    with pytest.raises(UsageError, match="NaN"):
        Localizer().fit(texts, bags, scan, np.where(z == 0, np.nan, z), spans)
    with pytest.raises(ValueError, match="sigma_mm 0"):
        Localizer(sigma_mm=0).fit(texts, bags, scan, z, spans)
    with pytest.raises(ValueError, match="place 2"):
        Localizer(place=2.0).fit(texts, bags, scan, z, spans)


def blind(n: int, seed: int = 0) -> Told:
    """Scans whose levels tell nothing; a text of kind 0 to 4 means a height of its own above the middle of a scan of any length."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(20, 30, size=n)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    z = np.concatenate([10.0 * np.arange(size) + shift for size, shift in zip(sizes, rng.normal(0, 500, n), strict=True)])
    kinds = rng.integers(5, size=n)
    texts = np.eye(8)[kinds] + 0.05 * rng.normal(size=(n, 8))
    middles = np.array([z[a:b].mean() for a, b in pairwise(starts)])
    at = middles + 40.0 * (kinds - 2) + rng.normal(0, 5, n)
    return texts, Bags(np.ones((len(z), 8)), starts), np.arange(n), z, np.stack([at, at], axis=1)


def test_where_levels_show_nothing_texts_tell_the_height() -> None:
    fresh = blind(40, seed=1)
    assert error(Localizer().fit(*blind(60)), fresh) < 15
    assert error(Localizer(place=0.0).fit(*blind(60)), fresh) > 40


def test_heights_are_those_of_a_gaussian_process_by_scikit_learn() -> None:
    texts, bags, scan, z, spans = blind(30)
    head = Localizer().fit(texts, bags, scan, z, spans)
    kernel = ConstantKernel(40.0**2, "fixed") * RBF(15**-0.5, "fixed") + ConstantKernel(30.0**2, "fixed")
    fixed: Any = {"optimizer": None}
    process = GaussianProcessRegressor(kernel, alpha=float(head.stray_[0]) ** 2, **fixed)
    middles = np.array([z[a:b].mean() for a, b in pairwise(bags.starts)])
    X = texts / np.linalg.norm(texts, axis=1, keepdims=True)
    process.fit(X, spans[:, 0] - middles)
    fresh = np.random.default_rng(9).normal(size=(5, 8))
    unlike = fresh / np.linalg.norm(fresh, axis=1, keepdims=True)
    means, deviations = process.predict(unlike, return_std=True)
    likelihoods = [
        GaussianProcessRegressor(kernel, alpha=stray**2, **fixed).fit(X, spans[:, 0] - middles).log_marginal_likelihood_value_
        for stray in (20.0, 30.0, 45.0, 70.0)
    ]
    assert head.stray_[0] == (20.0, 30.0, 45.0, 70.0)[int(np.argmax(likelihoods))]
    found = np.array([head.height(text) for text in fresh])
    np.testing.assert_allclose(found[:, 0], means, atol=1e-6)
    np.testing.assert_allclose(found[:, 1], np.hypot(deviations, head.stray_[0]), atol=1e-6)


def test_of_many_texts_some_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    from scanbank.heads import localizer

    monkeypatch.setattr(localizer, "MOST_KNOWN", 25)
    head = Localizer().fit(*blind(60))
    assert head.known_.shape == (20, 8)
    assert error(head, blind(40, seed=1)) < 20
