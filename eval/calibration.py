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
from scipy.special import expit

from ..store.errors import UnknownNameError, UsageError
from .calibration_fits import scales, sigmoids
from .validation import Validation, Validations

Floats = NDArray[np.float64]

ISOTONIC = "isotonic"
ISOTONIC_NEEDS = 1000
"""Items: with fewer it overfits, and a sigmoid does better (Niculescu-Mizil and Caruana, ICML 2005)."""
_SEPARATE = ("temperature: the scores separate the classes of the validation side; none is best, and it is left at 1",)
_NOTHING = ("temperature: the scores tell nothing of the validation side, or the contrary; all probabilities are 1/2 for that",)
_FLAT = ("platt: all scores of the validation side are equal, so that probabilities do not depend on them",)
_FALLING = ("platt: the slope is negative: on the validation side scores fall as the finding gets likelier",)
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

    NAME = ISOTONIC

    knots: tuple[float, ...]
    values: tuple[float, ...]

    def probabilities(self, score: ArrayLike) -> Floats:
        return np.interp(np.asarray(score, dtype=np.float64), self.knots, self.values)


def fit_temperatures(side: Validations) -> tuple[Temperature, ...]:
    """The temperature of least log loss for each fit."""
    margin = np.where(side.y == 1, 1, -1) * side.scores
    apart = (margin >= 0).all(axis=1) & (margin > 0).any(axis=1)
    remarks = [_SEPARATE if apart_ else () if tells else _NOTHING for apart_, tells in zip(apart, margin.sum(axis=1) > 0, strict=True)]
    found = (1 / scales(side.y, side.scores)).tolist()
    return tuple(Temperature(remark, temperature) for remark, temperature in zip(remarks, found, strict=True))


def fit_platts(side: Validations) -> tuple[Platt, ...]:
    """Slope and intercept of least log loss against Platt's targets, for each fit: finite even if scores separate."""
    flat = (side.scores.std(axis=1) == 0).tolist()
    slopes, intercepts = (numbers.tolist() for numbers in sigmoids(side.y, side.scores))
    remarks = [_FLAT if equal else _FALLING if slope < 0 else () for equal, slope in zip(flat, slopes, strict=True)]
    return tuple(map(Platt, remarks, slopes, intercepts))


def fit_isotonics(side: Validations) -> tuple[Isotonic, ...]:
    """The fit of least squares that does not fall, for each fit; a remark where there are too few items for it."""
    from sklearn.isotonic import IsotonicRegression

    remarks = (remark,) if (remark := isotonic_remark(len(side.y))) else ()
    fitted = (IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(row, side.y) for row in side.scores)
    return tuple(Isotonic(remarks, tuple(one.X_thresholds_.tolist()), tuple(one.y_thresholds_.tolist())) for one in fitted)


def isotonic_remark(items: int) -> str:
    """A warning where a validation side is too small; empty where it is not."""
    if items >= ISOTONIC_NEEDS:
        return ""
    return f"isotonic: fitted on {items} items; below {ISOTONIC_NEEDS} it overfits, and platt or temperature do better"


_FITS: Mapping[str, tuple[type[Calibrator], Callable[[Validations], tuple[Calibrator, ...]]]] = {
    "temperature": (Temperature, fit_temperatures),
    "platt": (Platt, fit_platts),
    ISOTONIC: (Isotonic, fit_isotonics),
}
CALIBRATORS = tuple(_FITS)


def fit_calibrators(name: str, side: Validations) -> tuple[Calibrator, ...]:
    """The calibrator of this name for each fit, of whom none depends on those beside it.

    Raises:
        UnknownNameError: there is none of this name.
    """
    if name not in _FITS:
        raise UnknownNameError("calibration", name, _FITS)
    return _FITS[name][1](side)


def fit_calibrator(name: str, validation: Validation) -> Calibrator:
    """The calibrator of this name. Raises as `fit_calibrators`."""
    return fit_calibrators(name, validation.alone)[0]


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
