"""The trivial baseline: histogram, moments and percentiles of each slice's grey values. Numpy only, no weights.

The features of a slice, 43 in all, on its values x in 0..1 (0 and 1 are the ends of the window):

| columns | feature |
|---|---|
| 0..31  | histogram: the fraction of pixels in each of 32 bins of equal width; sums to 1 |
| 32     | mean |
| 33     | standard deviation (population) |
| 34, 35 | skewness and excess kurtosis, each as sign(v) * log(1 + abs(v)), which float16 can hold; 0 for a constant slice |
| 36..42 | percentiles 1, 5, 25, 50, 75, 95, 99: the lowest value that at least so many per cent of pixels do not exceed |

Values are first rounded to 1/2000 of the window, which is 1 HU for the window that this encoder was made for, so
that all of it comes from one count. Moments are those of Joanes and Gill 1998 (g1, g2).
"""

from __future__ import annotations

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from ...store.errors import UsageError
from ...store.specs import EncoderSpec, ViewSpec
from ...store.windows import PRESETS
from ..encoder import Encoded, Encoder, Side

BINS = 32
PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
_STEPS = 2000
_VALUES: NDArray[np.float64] = np.arange(_STEPS + 1) / _STEPS
_BIN_OF: NDArray[np.int64] = np.minimum(np.arange(_STEPS + 1) * BINS // _STEPS, BINS - 1)
_CONSTANT_BELOW = 1e-12
"""A variance under this is rounding: the slice is constant."""


@final
class IntensityEncoder(Encoder):
    """See the module's text for the features; one window at a time."""

    spec = EncoderSpec(name="intensity", version="1", dim=BINS + 4 + len(PERCENTILES))
    view = ViewSpec(windows=(PRESETS["ctclip"],))
    offers = frozenset[Side]({"slice"})
    channels = frozenset({1})

    def _encode(self, side: Side, batch: Any) -> Encoded:
        del side
        room = _Room(batch.shape[2:])
        return Encoded(np.stack([_features(room.counts(pixels[0])) for pixels in batch]))


def slice_features(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The (43,) features of one slice (Y, X) with values in 0..1; values beyond are taken as the nearer end."""
    return _features(_Room(pixels.shape).counts(pixels))


@final
class _Room:
    """Memory that the slices of a batch use in turn: asking for it anew takes several times as long as counting."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._values, self._steps = np.empty(shape, np.float32), np.empty(shape, np.intp)

    def counts(self, pixels: NDArray[np.float32]) -> NDArray[np.intp]:
        """How many pixels lie at each step."""
        np.clip(pixels, 0, 1, out=self._values)
        np.multiply(self._values, _STEPS, out=self._values)
        np.rint(self._values, out=self._values)
        np.copyto(self._steps, self._values, casting="unsafe")
        return np.bincount(self._steps.ravel(), minlength=_STEPS + 1)


def _features(counts: NDArray[np.intp]) -> NDArray[np.float32]:
    share = counts / counts.sum()
    mean = float(share @ _VALUES)
    centred = _VALUES - mean
    squared = centred * centred
    variance = float(share @ squared)
    skewness = kurtosis = 0.0
    if variance > _CONSTANT_BELOW:
        skewness = float(share @ (squared * centred)) / variance**1.5
        kurtosis = float(share @ (squared * squared)) / variance**2 - 3
    # in whole pixels, rounded up: a sum of shares may miss a percentile by a rounding error
    ranks = -(-np.array(PERCENTILES) * counts.sum() // 100)
    percentiles = _VALUES[np.searchsorted(np.cumsum(counts), ranks)]
    return np.concatenate(
        [
            np.bincount(_BIN_OF, weights=share, minlength=BINS),
            [mean, variance**0.5, _squashed(skewness), _squashed(kurtosis)],
            percentiles,
        ]
    ).astype(np.float32)


def open_encoder(name: str, *, random_weights: int | None, device: str) -> Encoder:
    """The encoder `intensity`.

    Raises:
        UsageError: something is asked of it that has no meaning here: a model name, weights, an accelerator.
    """
    if name:
        raise UsageError(f"encoder 'intensity' takes no model name; found {name!r}: write intensity")
    if random_weights is not None:
        raise UsageError("encoder 'intensity' has no weights; leave --random-weights out")
    if device not in ("auto", "cpu"):
        raise UsageError(f"encoder 'intensity' runs on the CPU; found device {device!r}: leave --device out")
    return IntensityEncoder()


def _squashed(value: float) -> float:
    return float(np.sign(value) * np.log1p(abs(value)))
