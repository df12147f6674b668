"""Cohorts: who is in them, how often they come, where they are scanned. The same patient whatever the number of patients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from importlib import import_module
from typing import Any

import numpy as np

from ...store.errors import UnknownNameError
from . import findings
from .findings import FindingSpec
from .model import Lesion, Patient, Rendered, Source, Study
from .seeds import generator, seed_of
from .sources import CHEST_SOURCES, HEAD_SOURCES
from .uids import uid

_STUDIES = (0.65, 0.25, 0.10)
"""Shares of patients with one, two and three studies."""
_FIRST_DAY = date(2016, 1, 4)

Plan = tuple[tuple[Lesion, ...], tuple[str, ...]]


@dataclass(frozen=True)
class Cohort:
    """A kind of phantom. Its folder holds `sample.plan_lesions` and `render.render`."""

    name: str
    findings: tuple[FindingSpec, ...]
    sources: tuple[Source, ...]
    ages: tuple[float, float]
    """Mean and standard deviation of the age in years."""
    contrast: float
    """Share of studies with contrast."""
    summary: str = ""
    """A label for any of `summarized`."""
    summarized: tuple[str, ...] = ()

    def labels(self, study: Study) -> dict[str, int]:
        """1 or 0 for each finding of the cohort."""
        return self.labels_of(study.findings)

    def labels_of(self, present: frozenset[str]) -> dict[str, int]:
        """1 or 0 for each finding of the cohort, of a study with these."""
        found = {spec.name: int(spec.name in present) for spec in self.findings}
        return {self.summary: max(found[name] for name in self.summarized)} | found if self.summary else found

    def only(self, names: Sequence[str]) -> Cohort:
        """The same patients with these findings alone (or the summary, for all that it stands for); no other occurs or is labelled.

        Raises:
            UnknownNameError: a name is none of the cohort's findings.
        """
        known = [*self.labels_of(frozenset())]
        if unknown := next((name for name in names if name not in known), None):
            raise UnknownNameError(f"finding of the {self.name} cohort", unknown, known)
        wanted = {part for name in names for part in (self.summarized if name == self.summary else (name,))}
        summarized = tuple(name for name in self.summarized if name in wanted)
        kept = tuple(spec for spec in self.findings if spec.name in wanted)
        return replace(self, findings=kept, summary=self.summary if summarized else "", summarized=summarized)

    def plan_lesions(self, patient: Patient, age: int, previous: Study | None, rng: np.random.Generator) -> Plan:
        """Lesions and distractors of a study; with `previous`, those of before may have grown, shrunk or gone."""
        lesions, distractors = self._of("sample").plan_lesions(patient, age, previous, rng)
        kept = {spec.name for spec in self.findings}
        return tuple(lesion for lesion in lesions if lesion.finding in kept), distractors

    def render(self, study: Study) -> Rendered:
        return self._of("render").render(study)

    def _of(self, module: str) -> Any:
        return import_module(f".{self.name}.{module}", __package__)


COHORTS: dict[str, Cohort] = {
    "chest": Cohort("chest", findings.CHEST, CHEST_SOURCES, (61, 15), 0.4),
    "head": Cohort("head", findings.HEAD, HEAD_SOURCES, (58, 19), 0.06, "hemorrhage", findings.HEMORRHAGES),
}


def cohort_named(name: str) -> Cohort:
    """Raises UnknownNameError for a cohort that is none."""
    if name not in COHORTS:
        raise UnknownNameError("cohort", name, COHORTS)
    return COHORTS[name]


def sample_patient(cohort: Cohort, seed: int, number: int) -> Patient:
    """The patient of this number (1-based) in the cohort of this seed."""
    rng = generator(seed, cohort.name, number, "patient")
    sex = "F" if rng.random() < 0.48 else "M"
    age = int(np.clip(rng.normal(*cohort.ages), 18, 95))
    size = float(np.clip(rng.normal(0.955 if sex == "F" else 1.03, 0.045), 0.84, 1.16))
    fat = float(rng.beta(2, 3))
    return Patient(cohort.name, number, sex, age, size, fat, seed_of(seed, cohort.name, number, "anatomy"))


def sample_studies(cohort: Cohort, patient: Patient, choose: Callable[[np.random.Generator], Source] | None = None) -> tuple[Study, ...]:
    """A patient's one to three studies, in order of date. `choose` picks another source than any of the cohort's alike."""
    rng = generator(patient.seed, "studies")
    count = 1 + int(rng.choice(len(_STUDIES), p=_STUDIES))
    source = choose(rng) if choose else cohort.sources[int(rng.integers(len(cohort.sources)))]
    first = day = _FIRST_DAY + timedelta(days=int(rng.integers(0, 3000)))
    made: list[Study] = []
    for number in range(1, count + 1):
        own = generator(patient.seed, "study", number)
        age = patient.age + (day - first).days // 365
        lesions, distractors = cohort.plan_lesions(patient, age, made[-1] if made else None, own)
        name = (patient.seed, patient.id, number)
        made.append(
            Study(
                patient=patient,
                number=number,
                uid=uid(*name, "study"),
                accession=f"PH{seed_of(*name, 'accession') % 10**10:010d}",
                day=day,
                age=age,
                source=source,
                lesions=lesions,
                distractors=distractors,
                contrast=bool(own.random() < cohort.contrast),
                language="de" if own.random() < source.german else "en",
                seed=seed_of(*name, "study"),
            )
        )
        day += timedelta(days=int(rng.integers(2, 500)) if cohort.name == "chest" else int(rng.integers(1, 60)))
    return tuple(made)
