"""The two ways to score without an example: presence against absence, and presence alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from ..heads import Support
from ..heads.products import decision_values
from ..heads.vectors import Floats, Ints, sigmoid, unit
from ..store.errors import UsageError


def no_probabilities(scores: Floats) -> Floats:
    """NaN: a cosine with one text says nothing of how likely a finding is."""
    return np.full_like(scores, np.nan)


@final
@dataclass(frozen=True)
class ZeroShotKind:
    """What stands in a study for a head that learns from nothing but `Support.texts`."""

    name: str
    texts: int
    """Of each finding: 2, absence before presence, or 1, of presence."""
    probabilities: Callable[[Floats], Floats]
    """As in `HeadKind`."""
    needs_texts: bool = True
    version: int = 1
    """As in `HeadKind`."""

    @property
    def spec(self) -> dict[str, Any]:
        """Everything of it that its scores depend on."""
        return {"head": self.name, "version": self.version}

    def scores(self, X: NDArray[np.floating], supports: Sequence[Support], queries: Ints, device: str = "cpu") -> Floats:  # noqa: ARG002
        """(fits, queries): scaled cosines with presence, less those with absence where that is told of.

        Args:
            X: (N, D) vectors.
            supports: of which only `texts` and `logit_scale` are looked at.
            queries: (M,) rows to score.
            device: as `HeadKind.scores` takes it; this computes on the CPU.

        Raises:
            UsageError: a support has other texts, or a row is not finite.
        """
        directions = np.empty((len(supports), X.shape[1]))
        for number, support in enumerate(supports):
            if support.texts is None or support.texts.shape != (self.texts, X.shape[1]):
                raise UsageError(f"{self.name} needs vectors of {self.texts} texts, {X.shape[1]} wide; support {number} has others")
            texts = unit(support.texts)
            directions[number] = support.logit_scale * (texts[-1] - texts[0] if self.texts == 2 else texts[0])
        rows = X[queries].astype(np.float64)
        if bad := int((~np.isfinite(rows).all(axis=1)).sum()):
            raise UsageError(f"{bad} of {len(rows)} feature vectors hold NaN or infinity; embed those items again")
        return decision_values(directions, np.zeros(len(supports)), unit(rows))


# The sigmoid of a difference of two scores is their softmax.
PAIR = ZeroShotKind("zeroshot", 2, sigmoid)
SINGLE = ZeroShotKind("zeroshot_single", 1, no_probabilities)
ZERO_SHOT = {kind.name: kind for kind in (PAIR, SINGLE)}
"""By name."""
