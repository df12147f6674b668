"""From decision values to probabilities that mean what they say: temperature, Platt's sigmoid, isotonic. Fitted on the validation side.

A calibrator is a few plain numbers, which `to_dict` gives for JSON.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from ..store.errors import UnknownNameError, UsageError
from .validation import Validation

Floats = NDArray[np.float64]

ISOTONIC_NEEDS = 1000
"""Items: with fewer it overfits, and a sigmoid does better (Niculescu-Mizil and Caruana, ICML 2005)."""
_LOG_SCALES = (-12.0, 12.0)
"""Of 1 / temperature, for scores of deviation 1: beyond, probabilities are 1/2, or 0 and 1, for all that anyone could tell."""
_VERSION = 1


@dataclass(frozen=True)
class Calibrator(ABC):
    """Turns decision values into probabilities of the positive class."""

    NAME: ClassVar[str]

    remarks: tuple[str, ...]
    """What a reader of the probabilities should know."""

    @abstractmethod
    def probabilities(self, score: ArrayLike) -> Floats:
        """Of decision values of any shape, in their order: never falling as scores rise."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return {"calibrator": self.NAME, "version": _VERSION, **plain}

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """From what `to_dict` gave, but name and version."""
        made = cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
        numbers = [value for name, value in asdict(made).items() if name != "remarks"]
        flat = np.array([number for value in numbers for number in (value if isinstance(value, tuple) else (value,))], dtype=np.float64)
        if not np.isfinite(flat).all():
            raise ValueError("a number is not finite")
        return made


@final
@dataclass(frozen=True)
class Temperature(Calibrator):
    """sigmoid(score / temperature): decision values as logits (Guo et al., ICML 2017)."""

    NAME = "temperature"

    temperature: float

    def probabilities(self, score: ArrayLike) -> Floats:
        return expit(np.asarray(score, dtype=np.float64) / self.temperature)


@final
@dataclass(frozen=True)
class Platt(Calibrator):
    """sigmoid(slope score + intercept) (Platt 1999)."""

    NAME = "platt"

    slope: float
    intercept: float

    def probabilities(self, score: ArrayLike) -> Floats:
        return expit(self.slope * np.asarray(score, dtype=np.float64) + self.intercept)


@final
@dataclass(frozen=True)
class Isotonic(Calibrator):
    """The best fit that does not fall, linear between its knots and level beyond them (Zadrozny and Elkan, KDD 2002)."""

    NAME = "isotonic"

    knots: tuple[float, ...]
    values: tuple[float, ...]

    def probabilities(self, score: ArrayLike) -> Floats:
        return np.interp(np.asarray(score, dtype=np.float64), self.knots, self.values)


def fit_temperature(validation: Validation) -> Temperature:
    """The temperature of least log loss."""
    from scipy.optimize import minimize_scalar

    margin = np.where(validation.y == 1, 1, -1) * validation.score
    if (margin >= 0).all() and margin.any():
        return Temperature(("temperature: the scores separate the classes of the validation side; none is best, and it is left at 1",), 1.0)
    spread = float(validation.score.std()) or 1.0

    def loss(log_scale: float) -> float:
        return float(np.logaddexp(0, -margin / spread * np.exp(log_scale)).sum())

    # the loss is convex in 1 / temperature, and rises from 0 on where the margins' sum is not positive
    if margin.sum() <= 0:
        remark = "temperature: the scores tell nothing of the validation side, or the contrary; all probabilities are 1/2 for that"
        return Temperature((remark,), float(spread * np.exp(-_LOG_SCALES[0])))
    found = minimize_scalar(loss, bounds=_LOG_SCALES, method="bounded", options={"xatol": 1e-10})
    return Temperature((), float(spread / np.exp(found.x)))


def fit_platt(validation: Validation) -> Platt:
    """Slope and intercept of least log loss against Platt's targets, (P + 1) / (P + 2) and 1 / (N + 2): finite even if scores separate.

    Newton's method with step halving (Lin, Lin and Weng, Machine Learning 2007), to a gradient of 0.
    """
    y = validation.y
    positives = int(y.sum())
    target = np.where(y == 1, (positives + 1) / (positives + 2), 1 / (len(y) - positives + 2))
    middle, spread = float(validation.score.mean()), float(validation.score.std())
    if spread == 0:
        remark = "platt: all scores of the validation side are equal, so that probabilities do not depend on them"
        return Platt((remark,), 0.0, float(logit(target.mean())))
    design = np.stack([(validation.score - middle) / spread, np.ones(len(y))], axis=1)

    def loss(weights: Floats) -> float:
        value = design @ weights
        return float((np.logaddexp(0, value) - target * value).sum())

    weights = np.array([0.0, float(logit(target.mean()))])
    for _ in range(100):
        chance = expit(design @ weights)
        gradient = design.T @ (chance - target)
        if np.abs(gradient).max() < 1e-10 * len(y):
            break
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design
        step = np.linalg.solve(curvature + 1e-12 * np.eye(2), gradient)
        before, scale = loss(weights), 1.0
        while loss(weights - scale * step) > before and scale > 1e-10:
            scale /= 2
        weights = weights - scale * step
    slope = float(weights[0] / spread)
    remarks = ("platt: the slope is negative: on the validation side scores fall as the finding gets likelier",) if slope < 0 else ()
    return Platt(remarks, slope, float(weights[1] - slope * middle))


def fit_isotonic(validation: Validation) -> Isotonic:
    """The fit of least squares that does not fall; a remark where there are too few items for it."""
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(validation.score, validation.y)
    items = len(validation.score)
    remark = f"isotonic: fitted on {items} items; below {ISOTONIC_NEEDS} it overfits, and platt or temperature do better"
    remarks = (remark,) if items < ISOTONIC_NEEDS else ()
    return Isotonic(remarks, tuple(fitted.X_thresholds_.tolist()), tuple(fitted.y_thresholds_.tolist()))


_FITS: Mapping[str, tuple[type[Calibrator], Callable[[Validation], Calibrator]]] = {
    "temperature": (Temperature, fit_temperature),
    "platt": (Platt, fit_platt),
    "isotonic": (Isotonic, fit_isotonic),
}
CALIBRATORS = tuple(_FITS)


def fit_calibrator(name: str, validation: Validation) -> Calibrator:
    """The calibrator of this name.

    Raises:
        UnknownNameError: there is none of this name.
    """
    if name not in _FITS:
        raise UnknownNameError("calibration", name, _FITS)
    return _FITS[name][1](validation)


def calibrator_from(data: Mapping[str, Any]) -> Calibrator:
    """The inverse of `Calibrator.to_dict`, after JSON.

    Raises:
        UnknownNameError: there is no such calibrator.
        UsageError: of another version, or its numbers are missing or not finite.
    """
    values = dict(data)
    name, version = values.pop("calibrator", None), values.pop("version", None)
    if name not in _FITS:
        raise UnknownNameError("calibration", str(name), _FITS)
    if version != _VERSION:
        raise UsageError(f"calibrator {name!r} is of format {version!r}; this version reads {_VERSION}")
    try:
        return _FITS[name][0].read(values)
    except (TypeError, ValueError) as error:
        raise UsageError(f"calibrator {name!r} cannot be read: {error}") from None
