"""Four scanners with habits of their own, for each cohort. `D` is the one that `tiny` never saw in training."""

from __future__ import annotations

from dataclasses import replace

from .model import Source

CHEST_SOURCES: tuple[Source, ...] = (
    Source(
        "A", "SIEMENS", "Phantom A", ("B31f", "B60f"), (2.4, 1.5), (9, 20), (5.0, 3.0), (340, 400), 192, "curved", 0, 120, 0.0, 0.04, 0.3
    ),
    Source(
        "B",
        "GE MEDICAL SYSTEMS",
        "Phantom B",
        ("STANDARD", "LUNG"),
        (2.2, 1.3),
        (13, 28),
        (5.0, 2.5),
        (330, 390),
        192,
        "flat",
        3,
        120,
        0.02,
        0.03,
        0,
    ),
    Source("C", "Philips", "Phantom C", ("B", "YC"), (2.8, 1.8), (8, 18), (6.0, 4.0), (350, 410), 176, "thin", -4, 120, 0.02, 0.05, 0.1),
    Source(
        "D", "TOSHIBA", "Phantom D", ("FC08", "FC51"), (2.1, 1.4), (16, 33), (4.0, 3.0), (320, 380), 208, "wide", 6, 100, 0.04, 0.06, 0.15
    ),
)

HEAD_SOURCES: tuple[Source, ...] = (
    replace(
        CHEST_SOURCES[0],
        kernels=("H31s", "H60s"),
        sharpness=(1.5, 0.9),
        noise_hu=(3.2, 11),
        thickness_mm=(5.0, 3.0),
        fov_mm=(220, 240),
        tilted=0.15,
    ),
    replace(
        CHEST_SOURCES[1],
        kernels=("SOFT", "BONE"),
        sharpness=(1.4, 0.8),
        noise_hu=(4.0, 14),
        thickness_mm=(5.0, 2.5),
        fov_mm=(225, 250),
        tilted=0.30,
    ),
    replace(
        CHEST_SOURCES[2],
        kernels=("UB", "YD"),
        sharpness=(1.7, 1.0),
        noise_hu=(2.8, 10),
        thickness_mm=(4.5, 3.0),
        fov_mm=(220, 250),
        tilted=0.05,
    ),
    replace(
        CHEST_SOURCES[3],
        kernels=("FC21", "FC30"),
        sharpness=(1.3, 0.8),
        noise_hu=(4.8, 16),
        thickness_mm=(4.0, 3.0),
        fov_mm=(215, 235),
        tilted=0.20,
    ),
)
