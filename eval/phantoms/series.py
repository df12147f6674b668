"""How a study is reconstructed: one or two series, with the habits of its source."""

from __future__ import annotations

import numpy as np

from .model import Rendered, Series, Study
from .seeds import generator
from .uids import uid

BOTH_KERNELS = 0.35
"""Share of studies with a sharp reconstruction beside the soft one."""
WIDER = 1.4
"""Steps of the upper part of an uneven series, as in older head protocols; below 1.5, from where on readers miss a slice."""


def plan_series(study: Study, body: Rendered) -> tuple[Series, ...]:
    """The reconstructions of a study whose body is rendered: soft first, numbered from 2 (1 is the localizer, which is not kept)."""
    rng = generator(study.seed, "series")
    source = study.source
    both = rng.random() < BOTH_KERNELS
    fov = float(np.clip(rng.uniform(*source.fov_mm) * (0.75 + 0.25 * study.patient.size), *source.fov_mm))
    centre = (float(rng.normal(0, 5)), float(rng.normal(0, 5)))
    tilt = float(rng.choice([-1, 1]) * rng.uniform(6, 20)) if rng.random() < source.tilted else 0.0
    uneven = bool(rng.random() < source.nonuniform)
    motion = float(rng.uniform(0.2, 1)) if {"motion", "breathing_motion"} & set(study.distractors) else 0.0
    noise = float(rng.uniform(0.85, 1.25)) * study.patient.size**1.5
    made = []
    for sharp in (False, True)[: 1 + both]:
        thickness = source.thickness_mm[sharp]
        made.append(
            Series(
                uid=uid(study.uid, "series", sharp),
                number=2 + sharp,
                kernel=source.kernels[sharp],
                sharp=sharp,
                fwhm_mm=source.sharpness[sharp],
                noise_hu=source.noise_hu[sharp] * noise,
                thickness_mm=thickness,
                positions_mm=_positions(body, thickness, tilt, fov, uneven, rng),
                tilt_deg=tilt,
                matrix=source.matrix,
                fov_mm=fov,
                centre_mm=centre,
                motion=motion,
                seed=int(rng.integers(1 << 62)),
            )
        )
    return tuple(made)


def _positions(body: Rendered, step: float, tilt: float, fov: float, uneven: bool, rng: np.random.Generator) -> tuple[float, ...]:
    """From head to feet or from feet to head, as departments differ; within the body's grid."""
    angle = np.deg2rad(tilt)
    low = body.origin_mm[0] + step / 2
    high = body.origin_mm[0] + (body.hu.shape[0] - 1) * body.spacing_mm[0] - step / 2
    lost = fov / 2 * 0.6 * abs(np.sin(angle))  # the corners of a tilted stack may leave the grid, its middle may not
    low, high = (low + lost) * np.cos(angle), (high - lost) * np.cos(angle)  # from along z to along the normal
    places = np.arange(low + float(rng.uniform(0, step)), high, step)
    if uneven:
        cut = int(len(places) * rng.uniform(0.4, 0.7))
        places = np.concatenate([places[:cut], np.arange(places[cut - 1] + WIDER * step, high, WIDER * step)])
    return tuple(float(round(p, 3)) for p in (places[::-1] if rng.random() < 0.6 else places))
