"""Where an encoder's steps along depth lie in the patient."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from ..store.errors import EncoderError
from ..store.feature_rows import FeatureRows
from .encoder import Encoded


def depth_rows(encoded: Encoded, z_mm: NDArray[np.float64]) -> FeatureRows:
    """The depth vectors of a batch of one, with z_mm (1, Z').

    Args:
        encoded: with `depth` (1, Z', D) and `depth_mask` (1, Z').
        z_mm: (Z,) of the view's planes, NaN in padding; each step is made of Z / Z' (rounded up) neighbouring planes, the last one of
            what is left, and lies in their middle.

    Raises:
        EncoderError: the encoder gave no depths, or their number does not fit the number of planes.
    """
    if encoded.depth is None or encoded.depth_mask is None:
        raise EncoderError("the encoder says that it gives vectors along depth, and gave none")
    steps = encoded.depth.shape[1]
    planes = -(-len(z_mm) // steps) if steps else 0
    if not planes or -(-len(z_mm) // planes) != steps:
        raise EncoderError(f"the encoder gave {steps} steps along depth for {len(z_mm)} planes; expected one for every so many planes")
    z_mm = np.pad(z_mm, (0, steps * planes - len(z_mm)), constant_values=np.nan)
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # the mean of nothing but padding is NaN, which is meant
        middles = np.nanmean(z_mm.reshape(steps, -1), axis=1)
    return FeatureRows(encoded.depth, middles[None].astype(np.float32), encoded.depth_mask)
