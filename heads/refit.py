"""One fit of a study through its estimator, with what the support brings: what a saved head is, and what all fits at once must equal."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Head
from .clip_adapter import RATIOS, CLIPAdapterHead
from .linear_path import LinearPathHead
from .support import Support
from .tip_adapter import TipAdapterHead, tuned_cache
from .tip_adapter_f import TipAdapterFHead
from .tuning import best_setting
from .vectors import Floats, unit


def plain(head: Head, X: Floats, support: Support) -> Head:
    """Fitted on the support's rows of X (N, D) and nothing else."""
    return head.fit(X[support.rows], support.y)


def tuned_path(head: LinearPathHead, X: Floats, support: Support) -> Head:
    """Its penalty chosen on tuning rows, or by cross-validation that keeps patients together."""
    tuning = None if support.tuning is None else (X[support.tuning.rows], support.tuning.y)
    return head.fit_tuned(X[support.rows], support.y, tuning=tuning, patients=support.patients)


def untuned_path(head: LinearPathHead, X: Floats, support: Support) -> Head:
    """Its penalty chosen by cross-validation alone."""
    return head.fit_tuned(X[support.rows], support.y, patients=support.patients)


def tuned_tip(head: TipAdapterHead, X: Floats, support: Support) -> Head:
    """Alpha and beta chosen on tuning rows, where there are such."""
    return plain(_with_cache(head, unit(X[support.rows]), X, support), X, support)


def tuned_tip_f(head: TipAdapterFHead, X: Floats, support: Support) -> Head:
    """The same, by the trained keys: alpha and beta of scoring have no part in training."""
    return _with_cache(plain(head, X, support), head.keys_, X, support)


def tuned_ratio(head: CLIPAdapterHead, X: Floats, support: Support) -> Head:
    """The ratio chosen on tuning rows among adapters that were trained at each."""
    tuning = support.tuning
    if tuning is None:
        return plain(head, X, support)
    params = head.get_params()
    trained = [plain(CLIPAdapterHead(**params | {"ratio": ratio}), X, support) for ratio in RATIOS]
    return trained[best_setting(np.stack([one.decision_function(X[tuning.rows]) for one in trained]), tuning)]


def told(head: Head, support: Support) -> dict[str, Any]:
    """Those of the support's class texts, logit scale and seed that the head has a parameter for."""
    has = head.get_params()
    beside = {"prompts": support.texts, "scale": support.logit_scale} if "prompts" in has else {}
    return {name: value for name, value in {**beside, "random_state": support.seed}.items() if name in has}


def _with_cache(head: Any, keys: Floats, X: Floats, support: Support) -> Any:
    if support.tuning is None:
        return head
    alpha, beta = tuned_cache(keys, support, unit(X[support.tuning.rows]))
    return head.set_params(alpha=alpha, beta=beta)
