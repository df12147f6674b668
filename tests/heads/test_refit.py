"""An estimator fitted as a study fits it gives the study's decision values, whatever the study tuned it on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from scanbank.heads import HEADS, LinearPathHead, Support, TipAdapterHead
from scanbank.heads.one_class import values_of
from scanbank.store.errors import UsageError

SLOW = ("clip_adapter", "clap", "tip_adapter_f", "lp++")
"""Trained step by step."""


def study(items: int, width: int) -> tuple[NDArray[np.float32], Support, NDArray[np.int64]]:
    """Features in a narrow cone, a support that is most of them, tuning rows, and queries."""
    random = np.random.default_rng(items)
    y = random.permutation(items) % 2
    X = (random.normal(size=(items, width)) + 4.0 + 0.4 * y[:, None]).astype(np.float32)
    rows, tuning, queries = np.split(random.permutation(items), [items // 2, items * 3 // 4])
    texts = random.normal(size=(2, width)) + 4.0 + 0.4 * np.arange(2)[:, None]
    return X, Support(rows, y[rows], Support(tuning, y[tuning]), rows // 2, texts, seed=7, logit_scale=37.0), queries


@pytest.mark.parametrize("tuned", [True, False])
@pytest.mark.parametrize(("items", "width"), [(40, 24), (160, 6)])
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in HEADS])
def test_is_what_a_study_fits(name: str, items: int, width: int, tuned: bool) -> None:
    X, support, queries = study(items, width)
    support = support if tuned else replace(support, tuning=None)
    head = HEADS[name].fitted(X, support)
    assert HEADS[name].scores(X, [support], queries)[0] == pytest.approx(values_of(head, X[queries]), abs=1e-9, rel=1e-9)


def test_tuning_reaches_the_estimator() -> None:
    X, support, _ = study(40, 24)
    linear, untuned, tip = (HEADS[name].fitted(X, support) for name in ("linear", "lowshot_lipro", "tip_adapter"))
    assert isinstance(linear, LinearPathHead)
    assert isinstance(untuned, LinearPathHead)
    assert isinstance(tip, TipAdapterHead)
    assert (linear.chosen_by_, untuned.chosen_by_) == ("tuning", "cross-validation")
    assert tip.scale == 37.0


def test_bad_supports_are_refused() -> None:
    X, support, _ = study(40, 24)
    with pytest.raises(UsageError, match="needs both classes"):
        HEADS["knn"].fitted(X, replace(support, y=np.zeros_like(support.y)))
    with pytest.raises(UsageError, match="support 0 has none"):
        HEADS["clap"].fitted(X, replace(support, texts=None))
