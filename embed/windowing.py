"""From HU, or an image's grey values, to an encoder's input range."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..store.errors import ViewError
from ..store.scan import ScanHeader, Volume
from ..store.specs import ViewSpec
from ..store.windows import Window

BELOW_ALL = -np.inf
"""A value that every window maps onto the lower end of the input range: what padding holds before windows are applied."""


def check_windows(view: ViewSpec, scan: Volume | ScanHeader) -> None:
    """Say whether a scan has the values that a view's windows are about.

    Raises:
        ViewError: as `check_values`.
    """
    check_values(view, has_hu=scan.has_hu, exported=scan.exported_window)


def check_values(view: ViewSpec, *, has_hu: bool, exported: Window | None) -> None:
    """Say whether scans with HU, or images that were saved with a window or an unknown one, have what a view's windows are about.

    Raises:
        ViewError: HU are asked of an image that has none, or grey values as they are of a scan that has HU.
    """
    if has_hu:
        if not view.windows:
            raise ViewError(
                "view takes grey values as they are (as-is), which needs an image; the scan has HU: give a window such as brain"
            )
        return
    if not view.windows:
        return
    asked = view.window_label
    if exported is None:
        raise ViewError(
            f"the image has 8-bit grey values and no HU; view asks window {asked}; "
            f"ingest with --exported-window {asked} if it was saved with that window, or embed with --window as-is"
        )
    if view.windows != (exported,):
        raise ViewError(
            f"the image was saved with window {exported.label} and has no other HU; view asks window {asked}: "
            f"embed with --window {exported.label} or --window as-is"
        )


def value_windows(view: ViewSpec, volume: Volume) -> tuple[Window, ...]:
    """The view's windows in the units of the voxels: HU, or the grey values of an image whose whole range is the window."""
    check_windows(view, volume)
    if volume.has_hu:
        return view.windows
    if volume.value_range is None:
        raise ViewError("the image does not say which range of grey values it can hold; ingest it again")
    return (Window(*volume.value_range),)


def apply_windows(values: Any, windows: Sequence[Window], input_range: tuple[float, float]) -> Any:
    """Map each window linearly onto the input range, clipped.

    Args:
        values: (n, Y, X), any real dtype, in the windows' units: a numpy array, or a torch tensor.
        windows: C of them.
        input_range: What the lower and the upper end of a window map onto.

    Returns:
        (n, C, Y, X) float32, of the same kind and on the same device.
    """
    low, high = input_range
    if not isinstance(values, np.ndarray):
        floats = values.float()
        found = floats.new_empty((len(values), len(windows), *values.shape[1:]))
        for channel, window in enumerate(windows):
            found[:, channel] = ((floats - window.lo) * ((high - low) / (window.hi - window.lo)) + low).clip(low, high)
        return found
    out = np.empty((values.shape[0], len(windows), *values.shape[1:]), np.float32)
    scales = [np.float32((high - low) / (window.hi - window.lo)) for window in windows]
    # plane by plane, so that a plane stays in the processor's cache through the steps and the windows
    for plane, channels in zip(values, out, strict=True):
        for part, window, scale in zip(channels, windows, scales, strict=True):
            # the subtraction first: HU are whole numbers, so it is exact in float32
            np.subtract(plane, np.float32(window.lo), out=part, casting="same_kind")
            part *= scale
            if low:
                part += np.float32(low)
            np.clip(part, low, high, out=part)
    return out


def require_finite(values: NDArray[np.number]) -> None:
    """Refuse voxels that are NaN or infinite.

    Raises:
        ViewError: there are some.
    """
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        count = int(values.size - np.isfinite(values).sum())
        raise ViewError(f"the scan holds values that are not finite numbers (NaN or infinite): {count} of {values.size} looked at")
