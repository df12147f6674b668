"""What a report will say, before its words: which lesions are told, how surely, and how they changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..model import Lesion, Pointer, Study
from .sentence import Status, pick
from .words import Change

SUBTLE = 0.25
"""Severity under which a lesion is rather doubted than stated."""
BARELY = 0.12
"""Severity under which a lesion may be overlooked."""
DOUBTED, DOUBTED_ANYWAY, OVERLOOKED = 0.7, 0.04, 0.15
"""Shares: of subtle lesions, of others, and of barely visible ones that stay unmentioned."""
REFERRED, SELDOM_REFERRED = 0.5, 0.15
"""Shares of lesions whose image is told."""
SELDOM = ("cardiomegaly", "emphysema", "medical_device", "hydrocephalus", "coronary_calcification", "mass_effect")
"""Findings that readers see without being led to an image."""
CERTAIN = ("medical_device",)
"""Findings that are never doubted: a tube is there or not."""
GREW, SHRANK, LEAST_MM = 1.2, 0.83, 2.0
"""Ratios of sizes that are a change, and the least one in mm."""
STRONGER = 0.2
"""A change in severity that is one."""


@dataclass(frozen=True)
class Told:
    """A lesion that the report speaks of."""

    index: int
    lesion: Lesion
    status: Status
    pointer: Pointer | None
    """The image to be named."""
    change: Change | None
    earlier: Lesion | None
    """The same lesion on the previous study."""


@dataclass(frozen=True)
class Plan:
    told: tuple[Told, ...]
    gone: tuple[str, ...]
    """Findings of the previous study that this one has none of."""

    def of(self, finding: str) -> tuple[Told, ...]:
        return tuple(told for told in self.told if told.lesion.finding == finding)


def make_plan(study: Study, previous: Study | None, pointers: Sequence[Pointer], rng: np.random.Generator) -> Plan:
    told = []
    free = list(previous.lesions) if previous else []
    for index, lesion in enumerate(study.lesions):
        earlier = _earlier(lesion, free)
        if earlier is not None:
            free.remove(earlier)
        status = _status(lesion, rng)
        mine = [pointer for pointer in pointers if pointer.lesion == index]
        share = SELDOM_REFERRED if lesion.finding in SELDOM else REFERRED
        pointer = pick(rng, mine) if rng.random() < share and mine else None
        if status is not None:
            told.append(Told(index, lesion, status, pointer, _change(lesion, earlier, previous), earlier))
    if not told:  # a report on a study with lesions tells one of them at least
        told = [
            Told(index, lesion, "present" if lesion.finding in CERTAIN else "uncertain", None, None, None)
            for index, lesion in enumerate(study.lesions[:1])
        ]
    before = [lesion.finding for lesion in previous.lesions] if previous else []
    return Plan(tuple(told), tuple(dict.fromkeys(name for name in before if name not in study.findings)))


def _status(lesion: Lesion, rng: np.random.Generator) -> Status | None:
    doubt, oversight = rng.random(2)
    if lesion.severity < BARELY and oversight < OVERLOOKED:
        return None
    if lesion.finding in CERTAIN:
        return "present"
    return "uncertain" if doubt < (DOUBTED if lesion.severity < SUBTLE else DOUBTED_ANYWAY) else "present"


def _earlier(lesion: Lesion, before: Sequence[Lesion]) -> Lesion | None:
    """The same lesion: same finding, side and place, the same shape first."""
    alike = [old for old in before if (old.finding, old.side, old.place) == (lesion.finding, lesion.side, lesion.place)]
    return next((old for old in alike if old.seed == lesion.seed), alike[0] if alike else None)


def _change(lesion: Lesion, earlier: Lesion | None, previous: Study | None) -> Change | None:
    if previous is None:
        return None
    if earlier is None:  # beside an old one elsewhere, what is new is not said
        return None if lesion.finding in previous.findings else "new"
    if lesion.size_mm > 0:
        ratio = lesion.size_mm / max(earlier.size_mm, 0.1)
        if abs(lesion.size_mm - earlier.size_mm) < LEAST_MM:
            return "same"
        return "larger" if ratio > GREW else "smaller" if ratio < SHRANK else "same"
    stronger = lesion.severity - earlier.severity
    return "larger" if stronger > STRONGER else "smaller" if stronger < -STRONGER else "same"
