"""Files whose own header does not tell HU or geometry, and a table that does: whether its numbers are to be applied, and which.

A collection may be distributed twice, first as the scanner's stored values with a default header, then as HU with a sound one, while the
tables beside it stay (CT-RATE: ibrahimethemhamamci/CT-CLIP, issues 28 and 50). So the values say which of the two they are: HU have air and
lung where no stored values lie, and a rescale that is due brings them there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..declared import Calibration, Declared
from ..errors import ReadError
from ..scan import ScanHeader

CALIBRATED = "calibrated"
"""The flag of volumes whose values or geometry a table speaks for."""
_AIR, _BODY = (-1100.0, -500.0), (-150.0, 300.0)
"""HU of air and lung, and of fat to soft tissue with contrast medium."""
_SEEN = 0.005
"""The part of all voxels that must lie in a range to count."""
_SHIFT = 400.0
"""HU that a rescale must move air by to be told apart from none."""
_SAMPLE = 1 << 18
_SAME = 0.01
"""Relative difference up to which two spacings are one, rounded."""


def calibration_of(declared: Declared, affine: NDArray[np.float64], oriented: bool) -> Calibration:
    """What is kept of a declaration beside a header with this affine (i, j, k to LPS mm).

    A header whose spacing is the declared one is taken at its word, also for orientation and place. Else it is a default one, and
    geometry is what is declared.
    """
    rows = None
    if declared.spacing_mm is not None:
        same = oriented and np.allclose(np.linalg.norm(affine[:3, :3], axis=0), declared.spacing_mm, rtol=_SAME, atol=0)
        rows = None if same else _affine(declared.spacing_mm, declared.axes)
    return Calibration(declared.slope, declared.intercept, rows, declared.corrected)


def _affine(spacing_mm: tuple[float, float, float], axes: tuple[tuple[float, ...], ...] | None) -> tuple[tuple[float, ...], ...]:
    *steps, origin = axes or ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.0, 0.0, 0.0))
    columns = [np.multiply(step, mm) for step, mm in zip(steps, spacing_mm, strict=True)]
    return tuple(tuple(float(x) for x in row) for row in np.stack([*columns, origin], axis=1))


def affine_of(calibration: Calibration, header: NDArray[np.float64]) -> NDArray[np.float64]:
    """(4, 4), i, j, k to LPS mm: the calibration's, or the header's own."""
    return header if calibration.affine is None else np.array([*calibration.affine, (0.0, 0.0, 0.0, 1.0)])


def declared_header(header: ScanHeader, declared: Declared, calibration: Calibration) -> ScanHeader:
    """The header with what is declared. What changes voxels or says whose they are is part of what names the volume."""
    named = "\0".join((declared.patient_id, declared.study_uid, declared.series_uid or "", calibration.text()))
    spoken_for = (CALIBRATED,) if calibration.affine or (calibration.slope, calibration.intercept) != (1.0, 0.0) else ()
    return replace(
        header,
        names=(*header.names, named),
        flags=header.flags + spoken_for,
        patient_id=declared.patient_id,
        study_uid=declared.study_uid,
        series_uid=declared.series_uid,
        attributes=declared.attributes,
        calibration=calibration,
    )


def scaling_of(stored: NDArray[Any], slope: float, inter: float, calibration: Calibration) -> tuple[float, float]:
    """(slope, intercept) from stored values to HU: the header's, and the calibration's on top of it where values are no HU yet.

    Args:
        stored: (k, j, i) as in the file.
        slope: of the header.
        inter: of the header.
        calibration: declared for the file.

    Raises:
        ReadError: the values may be HU or not, for all that can be seen.
    """
    once = calibration.slope * slope, calibration.slope * inter + calibration.intercept
    if (calibration.slope, calibration.intercept) == (1.0, 0.0):
        return slope, inter
    sample = _sampled(stored)
    as_it_is, applied = sample * slope + inter, sample * once[0] + once[1]
    moved = abs((calibration.slope - 1.0) * -1000.0 + calibration.intercept)
    due = _part(applied, _AIR) >= _SEEN and _part(applied, _BODY) >= _SEEN
    air = _part(as_it_is, _AIR) >= _SEEN
    if due and not air:
        return once
    # The lowest value may be what fills the corners of stored values, and then is no air.
    beside = not due or _part(as_it_is[as_it_is > as_it_is.min()], _AIR) >= _SEEN
    if (air and beside and (moved >= _SHIFT or _part(applied, _AIR) < _SEEN)) or calibration.corrected:
        return slope, inter
    raise ReadError(
        f"it cannot be told whether its values ({as_it_is.min():g} to {as_it_is.max():g}) are HU: neither they nor what the declared "
        f"rescale (slope {calibration.slope:g}, intercept {calibration.intercept:g}) makes of them clearly have air at -1000 and tissue "
        "at 0..80; where they are HU, let the table say slope 1 and intercept 0"
    )


def _sampled(stored: NDArray[Any]) -> NDArray[np.float64]:
    """Every so manieth voxel along each axis, finite ones."""
    step = max(1, round((stored.size / _SAMPLE) ** (1 / 3)))
    k, j, i = (slice(min(step, n) // 2, None, step) for n in stored.shape)
    sample = np.asarray(stored[k, j, i], np.float64).ravel()
    finite = sample[np.isfinite(sample)]
    return finite if finite.size else np.zeros(1)


def _part(values: NDArray[np.float64], between: tuple[float, float]) -> float:
    low, high = between
    return float(((values >= low) & (values <= high)).mean()) if values.size else 0.0
