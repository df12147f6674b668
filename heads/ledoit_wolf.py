"""Ledoit and Wolf's shrinkage of a covariance (Journal of Multivariate Analysis 2004, "A well-conditioned estimator for large-dimensional
covariance matrices").
"""

from __future__ import annotations

from .vectors import Floats

LEAST = 1e-2
"""Of the identity's weight, where there are no more rows than features. The estimate from two rows is 0 whatever they are, and the
covariance then has no inverse."""


def ledoit_wolf(X: Floats) -> tuple[float, float]:
    """The weight of the identity and its level, the mean variance, of centred rows X (n, D)."""
    n, width = X.shape
    if width == 1:
        return 0.0, float((X**2).mean())
    level = float((X**2).sum() / (n * width))
    gram = X @ X.T if n < width else X.T @ X
    squared = float((gram**2).sum()) / n**2  # of the entries of the covariance
    delta = squared / width - level**2
    beta = (float(((X**2).sum(axis=1) ** 2).sum()) / n - squared) / (width * n)
    beta = min(beta, delta)
    return (0.0 if beta <= 0 else beta / delta), level
