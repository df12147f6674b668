"""Whether voxels that should be HU are: data rescaled twice or never, and 8-bit pictures, are told by where air and soft tissue lie.

In HU air lies at -1000 and soft tissue between 0 and 80. Stored values that were never rescaled lie 1000 or 1024 higher, values that were
rescaled twice as much lower. Air alone tells nothing, as it may be missing, masked or padding, nor does one peak tell what it is a peak of.
What tells soft tissue, with fat and contrast medium, is that little lies below it: between lung and fat there are only their borders. Of
bone, which real HU have where stored values have soft tissue, as much lies below as within.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import Literal

import numpy as np
from numpy.typing import NDArray

_SAMPLE = 1 << 18
"""Voxels looked at, about: a plane of 512 x 512."""
_LOW, _HIGH = -4096, 4096
_INTERCEPTS = (-1000, -1024)
_INPUT_RANGE = 2.0
"""From -1 to 1, or less."""
_SHIFT = 1012
"""Between the two intercepts in use, -1000 and -1024; the bands are wide enough for either."""
_AIR, _LUNG = (-1088, -928), (-927, -700)
_BODY, _BELOW, _ABOVE = (-150, 300), (-424, -174), (301, 800)
"""HU of fat, water, muscle, organs and contrast medium; of what lies between lung and fat; of bone."""
_BELOW_AT_MOST, _ABOVE_AT_MOST = 0.4, 1.0
"""As parts of the voxels of a body."""
_SEEN = 0.01
"""The part of all voxels that a peak must hold to count."""
_PADDING_GAP = 100
"""Values that none takes next to a value that many take: that one is padding."""

Judgement = Literal["ok", "suspicious", "wrong"]


@dataclass(frozen=True)
class HuVerdict:
    """What voxels that should be HU look like."""

    judgement: Judgement
    """`wrong` where it is certain, `suspicious` where real data may look so."""
    reason: str = ""
    """Empty for ok."""
    numbers: str = ""
    """What was seen, and what was expected."""

    def __str__(self) -> str:
        return f"{self.reason}: {self.numbers}" if self.reason else self.judgement


OK = HuVerdict("ok")


def examine(voxels: NDArray[np.int16] | NDArray[np.float32]) -> HuVerdict:
    """Judge finite voxels (Z, Y, X) that should be HU by a sample of them, in a few milliseconds."""
    sample = _sampled(voxels)
    values = np.clip(sample, _LOW, _HIGH)
    whole = sample.dtype.kind == "i" or bool((values == np.rint(values)).all())
    counts = np.bincount((np.rint(values).astype(np.int32) - _LOW).ravel(), minlength=_HIGH - _LOW + 1)
    found = _normalized(voxels) or (_picture(counts) if whole else None) or _shifted(_Shares(_without_padding(counts)))
    if found is None:
        return OK
    return replace(found, numbers=f"{found.numbers} (values from {voxels.min():g} to {voxels.max():g})")


def _sampled(voxels: NDArray[np.int16] | NDArray[np.float32]) -> NDArray[np.int16] | NDArray[np.float32]:
    """Every so manieth voxel: few of the planes, as a plane has a bit of everything that its neighbour has."""
    planes = voxels[:: max(1, ceil(voxels.shape[0] / 16))] if voxels.size > _SAMPLE else voxels
    step = max(1, round((planes.size / _SAMPLE) ** 0.5))
    return planes[:, step // 2 :: step, step // 2 :: step] if min(planes.shape[1:]) > step else planes


def _without_padding(counts: NDArray[np.intp]) -> NDArray[np.intp]:
    """Less the lowest value, where much holds it and nothing holds those above it."""
    lowest = int(np.flatnonzero(counts)[0])
    if counts[lowest] > _SEEN * counts.sum() and not counts[lowest + 1 : lowest + _PADDING_GAP].any() and counts[lowest + 1 :].any():
        counts = counts.copy()
        counts[lowest] = 0
    return counts


def _normalized(voxels: NDArray[np.int16] | NDArray[np.float32]) -> HuVerdict | None:
    """Noise alone spreads HU over more than a network's input range."""
    span = float(voxels.max()) - float(voxels.min())
    if not 0 < span <= _INPUT_RANGE:
        return None
    return HuVerdict("wrong", "it should hold HU and holds values of a network's input range", f"all of it within {span:g}")


def _picture(counts: NDArray[np.intp]) -> HuVerdict | None:
    """Grey values of 8 bits, as they are or with an intercept that HU have."""
    return _grey(counts, 0) or next((found for at in _INTERCEPTS if (found := _grey(counts, at)) and found.judgement == "wrong"), None)


def _grey(counts: NDArray[np.intp], intercept: int) -> HuVerdict | None:
    """They go from 0 to 255, and those at both ends are many, as what a window cuts off is there."""
    grey = counts[intercept - _LOW : intercept - _LOW + 256]
    within = grey[1:255]
    if grey.sum() < counts.sum() or not grey[128:].any() or (within > 0).sum() < 64:
        return None
    middle = int(np.searchsorted(np.cumsum(within), within.sum() / 2)) + 1
    numbers = (
        f"whole numbers of {intercept}..{intercept + 255} and nothing else, half of those between at {middle + intercept} or less; "
        "air should be at -1000, tissue at 0..80"
    )
    if min(grey[0], grey[255]) > _SEEN / 20 * grey.sum() and middle > 80:  # brain cut to 0..255 HU would have its middle at 35
        return HuVerdict("wrong", "it should hold HU and holds 8-bit grey values", numbers)
    return HuVerdict("suspicious", "it may hold 8-bit grey values and no HU", numbers)


class _Shares:
    """What part of the voxels lies in bands of values."""

    def __init__(self, counts: NDArray[np.intp]) -> None:
        self.cumulated = np.concatenate([[0], np.cumsum(counts)])
        self.counts = counts

    def of(self, low: float, high: float) -> float:
        """Of values from `low` to `high`, both included."""
        first, last = int(max(low, _LOW)) - _LOW, int(min(high, _HIGH)) - _LOW + 1
        return float(self.cumulated[last] - self.cumulated[first]) / max(1.0, float(self.cumulated[-1]))

    def tissue(self, shift: int, least: float) -> bool:
        """Whether soft tissue lies `shift` above its place."""
        body = self.of(_BODY[0] + shift, _BODY[1] + shift)
        return body >= least and self.of(_BELOW[0] + shift, _BELOW[1] + shift) <= _BELOW_AT_MOST * body

    def peak(self, low: int, high: int) -> int:
        """The commonest value of a band, smoothed over 9."""
        smooth = np.convolve(self.counts[low - _LOW - 4 : high - _LOW + 5], np.ones(9), mode="valid")
        return low + int(smooth.argmax())


def _shifted(shares: _Shares) -> HuVerdict | None:
    beyond = shares.of(_HIGH, _HIGH)
    if beyond > 0.2:
        return HuVerdict("wrong", "it holds something else than HU", f"{beyond:.0%} of its values are {_HIGH} or more, which no tissue has")
    below = shares.of(_LOW, _LOW)  # padding, next to which there is nothing, was taken out
    if below > 0.2:
        return HuVerdict("wrong", "it holds something else than HU", f"{below:.0%} of its values are {_LOW} or less, which nothing has")
    return _never_rescaled(shares) or _twice_rescaled(shares)


def _never_rescaled(shares: _Shares) -> HuVerdict | None:
    if not shares.tissue(_SHIFT, _SEEN) or shares.of(-1200, -150) > 0.001:  # HU have air, lung or fat there
        return None
    body = shares.of(_BODY[0] + _SHIFT, _BODY[1] + _SHIFT)
    if shares.of(_ABOVE[0] + _SHIFT, _ABOVE[1] + _SHIFT) > _ABOVE_AT_MOST * body:
        return None  # bone and metal without what is around them
    if shares.of(_AIR[0] + _SHIFT, _LUNG[1] + _SHIFT) >= _SEEN:
        return HuVerdict("wrong", "it was never rescaled to HU", _peaks(shares, _SHIFT))
    return HuVerdict("suspicious", "it may never have been rescaled to HU", _tissue_peak(shares, _SHIFT))


def _twice_rescaled(shares: _Shares) -> HuVerdict | None:
    if not shares.tissue(-_SHIFT, _SEEN) or shares.tissue(0, 0.0002) or shares.of(_AIR[0] - _SHIFT, _AIR[1] - _SHIFT) < _SEEN / 2:
        return None
    # between padding and air there is nothing; between air and tissue there are skin, fat and lung
    return HuVerdict("wrong", "it was rescaled to HU twice", _peaks(shares, -_SHIFT)) if shares.of(-1900, -1150) >= 0.001 else None


def _peaks(shares: _Shares, shift: int) -> str:
    return f"air peaks at {shares.peak(_AIR[0] + shift, _AIR[1] + shift)}, expected -1000; {_tissue_peak(shares, shift)}"


def _tissue_peak(shares: _Shares, shift: int) -> str:
    return f"soft tissue peaks at {shares.peak(_BODY[0] + shift, _BODY[1] + shift)}, expected 0..80"
