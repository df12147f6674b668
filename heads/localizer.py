"""Localizer: the level of a scan that a text means, learned from texts whose level is known.

Both sides are projected, a softmax over the scan's own levels says how likely each is, and the cross-entropy with a Gaussian around the
known place teaches it: labels that have an order are learned as distributions around them (Gao et al., Deep Label Distribution Learning,
arXiv:1611.01731). The projections begin as identities, so as cosine, and are pulled back towards them as by a Gaussian prior: of few
examples little is learned beside the scale of logits.

Where texts like this one pointed to says something too, above all of what is too small to be seen in a level's vector. A Gaussian
process over texts (Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, section 2.2) tells the height above the middle of
the scan and how sure that is: of a text like no other it says next to nothing. It is a second opinion beside the first, and counts in part.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Self, final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ..store.errors import UsageError
from .bag_training import batches, one_thread
from .bags import Bags
from .vectors import Floats, Ints, softmax, unit

if TYPE_CHECKING:
    from torch import Tensor

BATCH_VECTORS = 16_384
"""Levels in a batch, each counted for every text that looks for one of them; more only where one scan has more."""
MOST_KNOWN = 1000
"""Texts that the process over texts rests on: its cost grows by the cube, so that of more every second, third, ... is taken."""
_SCALE = 10.0
_SCALE_RATE = 30.0
"""The scale of logits, one number, moves so much faster than the projections."""
_NEAR, _SPREAD_MM, _COMMON_MM = 15.0, 40.0, 30.0
"""The covariance of heights of texts whose cosine is c is `_SPREAD_MM`^2 exp(`_NEAR` (c - 1)) + `_COMMON_MM`^2."""
_STRAYS_MM = (20.0, 30.0, 45.0, 70.0)
"""By how much heights of equal texts may stray: the likeliest is taken."""


@final
class Localizer(BaseEstimator):
    """A distribution over the levels of a scan for a text.

    Args:
        sigma_mm: standard deviation of the target around the known place, in millimetres.
        pull: how strongly projections are held at identity: a precision, so that of many examples it counts for less.
        place: how much of the opinion on heights from texts alone counts, 0 to 1.
        steps: of the optimiser.
        learning_rate: at the start; it falls to 0 by a cosine.
        random_state: seed of batches, where examples do not fit into one.
    """

    LEARNED: ClassVar[tuple[str, ...]] = ("text_", "level_", "scale_", "known_", "weight_", "inverse_", "stray_")

    text_: Floats
    """(D, D): texts are projected by it."""
    level_: Floats
    """(D, D): levels are."""
    scale_: Floats
    """(1,) of the logits."""
    known_: Floats
    """(K, D): unit vectors of the texts that heights are known of, `MOST_KNOWN` at most."""
    weight_: Floats
    """(K,): the inverse times their heights above the middle of their scan, in mm."""
    inverse_: Floats
    """(K, K) of the covariance of these heights."""
    stray_: Floats
    """(1,) mm by which heights of equal texts stray."""

    def __init__(
        self,
        sigma_mm: float = 10.0,
        pull: float = 300.0,
        place: float = 0.3,
        steps: int = 60,
        learning_rate: float = 3e-3,
        random_state: int = 0,
    ) -> None:
        self.sigma_mm = sigma_mm
        self.pull = pull
        self.place = place
        self.steps = steps
        self.learning_rate = learning_rate
        self.random_state = random_state

    def fit(self, texts: NDArray[Any], scans: Bags, scan: Ints, z_mm: Floats, span_mm: Floats) -> Self:
        """Learn from N texts.

        Args:
            texts: (N, D).
            scans: V bags of S levels in all, none of them empty.
            scan: (N,) the bag that each text is of.
            z_mm: (S,) of the levels, all known.
            span_mm: (N, 2) where the text's slice is, or its slices are: the lowest and the highest z_mm.

        Raises:
            UsageError: shapes do not fit, there is no text, or a number is not finite.
            ValueError: a parameter is out of range.
        """
        if self.sigma_mm <= 0 or self.pull < 0 or self.steps < 1 or not 0 <= self.place <= 1:
            raise ValueError(
                f"sigma_mm {self.sigma_mm}, pull {self.pull}, steps {self.steps} and place {self.place}: "
                "above 0, 0 or more, 1 or more and 0 to 1 are wanted"
            )
        _check(texts, scans, scan, z_mm, span_mm)
        width = scans.width
        Q, X = unit(np.asarray(texts, np.float64)), unit(scans.X.astype(np.float64))
        targets = [
            _target(z_mm[scans.starts[of] : scans.starts[of + 1]], span, self.sigma_mm) for of, span in zip(scan, span_mm, strict=True)
        ]
        with one_thread():
            self.text_, self.level_, self.scale_ = self._descend(Q, X, scans, scan, targets, width)
        middles = np.array([_middle(z_mm[scans.starts[of] : scans.starts[of + 1]]) for of in scan])
        kept = np.arange(0, len(Q), -(-len(Q) // MOST_KNOWN))
        self.known_ = Q[kept]
        heights, common = (span_mm.mean(axis=1) - middles)[kept], _covariance(self.known_, self.known_)
        strays = [common + stray**2 * np.eye(len(kept)) for stray in _STRAYS_MM]
        likeliest = int(np.argmax([_log_likelihood(heights, one) for one in strays]))
        self.stray_, self.inverse_ = np.array([_STRAYS_MM[likeliest]], np.float64), np.linalg.inv(strays[likeliest]).astype(np.float64)
        self.weight_ = self.inverse_ @ heights
        self.n_features_in_ = width
        return self

    def height(self, text: NDArray[Any]) -> tuple[float, float]:
        """What the text (D,) alone says of the height in mm above the middle of a scan: mean and standard deviation.

        Raises:
            NotFittedError: `fit` was not called.
        """
        check_is_fitted(self)
        query = unit(np.asarray(text, np.float64))[None]
        near = _covariance(query, self.known_)[0]
        variance = _covariance(query, query)[0, 0] - near @ self.inverse_ @ near
        return float(near @ self.weight_), math.hypot(math.sqrt(max(float(variance), 0.0)), float(self.stray_[0]))

    def probabilities(self, text: NDArray[Any], levels: NDArray[Any], z_mm: Floats) -> Floats:
        """(L,) that sum to 1: how likely a text (D,) means each of a scan's levels (L, D) at z_mm (L,), L at least 1.

        Raises:
            NotFittedError: `fit` was not called.
        """
        check_is_fitted(self)
        query = unit(np.asarray(text, np.float64)) @ self.text_
        seen = float(self.scale_[0]) * (unit(np.asarray(levels, np.float64)) @ self.level_) @ query
        mean, deviation = self.height(text)
        return softmax((seen - self.place * ((z_mm - _middle(z_mm) - mean) / deviation) ** 2 / 2)[None])[0]

    def _descend(self, Q: Floats, X: Floats, scans: Bags, scan: Ints, targets: list[Floats], width: int) -> tuple[Floats, Floats, Floats]:
        import torch

        from .steps import AdamW

        eye = torch.eye(width, dtype=torch.float64)
        text, level, scale = eye.clone(), eye.clone(), torch.tensor([math.log(_SCALE)], dtype=torch.float64)
        moved, scaled = AdamW([text, level], 1e-8), AdamW([scale], 1e-8)
        for one in (text, level, scale):
            one.requires_grad_()
        in_turn = batches(scans.sizes[scan], np.random.default_rng(self.random_state), BATCH_VECTORS)
        for step in range(self.steps):
            rows = next(in_turn)
            part = scans.runs(scans.starts[:-1][scan[rows]], scans.sizes[scan[rows]])
            at = np.repeat(scans.starts[:-1][scan[rows]] - part.starts[:-1], part.sizes) + np.arange(len(part.X))
            owner = torch.from_numpy(part.owner)
            asked = (torch.from_numpy(Q[rows]) @ text)[owner]
            logits = scale.exp() * (asked * (torch.from_numpy(X[at]) @ level)).sum(1)
            wanted = torch.from_numpy(np.concatenate([targets[row] for row in rows]))
            loss = -(wanted * _log_softmax(logits, owner, len(rows))).sum() / len(rows)
            held = ((text - eye).square().sum() + (level - eye).square().sum()) / 2
            slopes = torch.autograd.grad(loss + self.pull / len(Q) * held, [text, level, scale])
            rate = self.learning_rate * (1 + math.cos(math.pi * step / self.steps)) / 2
            moved.step(slopes[:2], rate)
            scaled.step(slopes[2:], _SCALE_RATE * rate)
        return text.detach().numpy(), level.detach().numpy(), scale.detach().exp().numpy()


def _check(texts: NDArray[Any], scans: Bags, scan: Ints, z_mm: Floats, span_mm: Floats) -> None:
    n = len(texts)
    shapes = (texts.shape, scan.shape, z_mm.shape, span_mm.shape)
    if not n or shapes != ((n, scans.width), (n,), (len(scans.X),), (n, 2)) or not (scans.sizes > 0).all():
        raise UsageError(
            f"texts {texts.shape}, their scans {scan.shape}, z_mm {z_mm.shape} and spans {span_mm.shape} do not fit {len(scans)} scans of "
            f"{len(scans.X)} levels of width {scans.width}, each with one or more; (N, D), (N,), (S,) and (N, 2) are wanted, N at least 1"
        )
    if scans.bad() or not all(np.isfinite(one).all() for one in (texts, z_mm, span_mm)):
        raise UsageError("texts, levels, z_mm or spans hold NaN or infinity; leave such examples out")


def _covariance(some: Floats, others: Floats) -> Floats:
    """(A, B) in mm^2 between the heights of texts (A, D) and (B, D) of unit length."""
    return _SPREAD_MM**2 * np.exp(_NEAR * (some @ others.T - 1)) + _COMMON_MM**2


def _log_likelihood(heights: Floats, covariance: Floats) -> float:
    """Of heights (K,) that have this covariance (K, K), but for a constant (Rasmussen and Williams, equation 2.30)."""
    _, logdet = np.linalg.slogdet(covariance)
    return float(-heights @ np.linalg.solve(covariance, heights) - logdet) / 2


def _middle(z_mm: Floats) -> float:
    return float(z_mm.min() + z_mm.max()) / 2


def _target(z_mm: Floats, span: Floats, sigma_mm: float) -> Floats:
    """(L,) that sum to 1: a Gaussian of the distance from what was referred to, over the scan's own levels."""
    apart = np.maximum(np.maximum(span[0] - z_mm, z_mm - span[1]), 0.0)
    return softmax((-(apart**2) / (2 * sigma_mm**2))[None])[0]


def _log_softmax(logits: Tensor, owner: Tensor, bags: int) -> Tensor:
    """(S,) over the rows of each owner."""
    most = logits.new_full((bags,), float("-inf")).scatter_reduce(0, owner, logits.detach(), "amax")
    raised = logits - most[owner]
    return raised - logits.new_zeros(bags).index_add(0, owner, raised.exp()).log()[owner]
