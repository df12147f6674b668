"""Intervals of a value at the edge of its range, 0 or 1, where no variance can be seen."""

from __future__ import annotations

from scipy.special import ndtri

COVERAGE = 0.95
"""Of all intervals."""


def wilson_edge(value: float, observations: int) -> tuple[float, float]:
    """Wilson's score interval (JASA 1927) of a share that is 0 or 1 in so many observations."""
    z = float(ndtri((1 + COVERAGE) / 2))
    reach = z**2 / (observations + z**2)
    return (1 - reach, 1.0) if value == 1 else (0.0, reach)


def newcombe_edge(value: float, positives: int, negatives: int) -> tuple[float, float]:
    """Newcombe's interval of an AUROC of 0 or 1 (method 5 of Statistics in Medicine 25, 2006, p. 559).

    The other end is where the value lies 1.96 standard errors away, with Hanley and McNeil's variance as of that end.
    """
    from scipy.optimize import root_scalar  # which takes half a second to import

    z = float(ndtri((1 + COVERAGE) / 2))
    mean = (positives + negatives) / 2 - 1

    def beyond(area: float) -> float:
        """(1 - area)^2 - z^2 variance(area), over (1 - area) / (positives negatives)."""
        return (1 - area) * positives * negatives - z**2 * area * (1 + mean * ((1 - area) / (2 - area) + area / (1 + area)))

    end = float(root_scalar(beyond, bracket=(0.0, 1.0), xtol=1e-12).root)
    return (end, 1.0) if value == 1 else (0.0, 1 - end)
