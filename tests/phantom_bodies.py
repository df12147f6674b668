"""Bodies and series of phantoms for tests: simple enough to know every value."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np

from scanbank.eval.phantoms.cohort import COHORTS
from scanbank.eval.phantoms.model import Lesion, Patient, Region, Rendered, Series, Source, Study
from scanbank.eval.phantoms.uids import uid

SPACING, ORIGIN = (2.0, 2.0, 2.0), (-60.0, -80.0, -80.0)  # (z, y, x)
SHAPE = (61, 81, 81)


def mm() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Open coordinates (z, y, x) of the body's grid."""
    z, y, x = (o + np.arange(n, dtype=np.float32) * s for o, n, s in zip(ORIGIN, SHAPE, SPACING, strict=True))
    return z[:, None, None], y[None, :, None], x[None, None, :]


def ball(centre: tuple[float, float, float], radius: float) -> np.ndarray:
    """Mask of a ball, all in mm as (z, y, x)."""
    return np.asarray(sum((c - m) ** 2 for c, m in zip(mm(), centre, strict=True)) <= radius**2)


def region(mask: np.ndarray) -> Region:
    places = np.argwhere(mask)
    (z, y, x), high = (int(v) for v in places.min(axis=0)), places.max(axis=0) + 1
    return Region((z, y, x), mask[z : high[0], y : high[1], x : high[2]])


def body(hu: np.ndarray | float, *masks: np.ndarray | None, depth_mm: tuple[float, ...] = ()) -> Rendered:
    """A body on the grid; each mask is a lesion's."""
    values = np.broadcast_to(np.asarray(hu, np.float32), SHAPE).copy()
    regions = tuple(None if mask is None else region(mask) for mask in masks)
    return Rendered(values, SPACING, ORIGIN, regions, depth_mm or (0.0,) * len(masks))


def series(**changes: Any) -> Series:
    """A silent, sharp, axial series of 11 slices 5 mm apart, pixels of 2 mm; `changes` are fields."""
    plain = Series(
        uid=uid("series"),
        number=2,
        kernel="B31f",
        sharp=False,
        fwhm_mm=0.0,
        noise_hu=0.0,
        thickness_mm=2.0,
        positions_mm=tuple(float(p) for p in range(-25, 26, 5)),
        tilt_deg=0.0,
        matrix=64,
        fov_mm=128.0,
        centre_mm=(0.0, 0.0),
        motion=0.0,
        seed=1,
    )
    return replace(plain, **changes)


def study(*lesions: Lesion, cohort: str = "chest", source: Source | None = None, **changes: Any) -> Study:
    """A study of a made-up patient."""
    patient = Patient(cohort, 7, "F", 61, 1.0, 0.3, 5)
    plain = Study(
        patient=patient,
        number=1,
        uid=uid("study"),
        accession="PH0000000001",
        day=date(2020, 2, 3),
        age=62,
        source=source or COHORTS[cohort].sources[0],
        lesions=lesions,
        distractors=(),
        contrast=False,
        language="en",
        seed=11,
    )
    return replace(plain, **changes)
