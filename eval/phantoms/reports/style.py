"""The habits of a department and of the one who dictates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from ..model import Study
from ..seeds import generator
from .sentence import pick
from .words import Grammar


@dataclass(frozen=True)
class Style:
    headings: tuple[str, str, str, str, str]
    """History, technique, comparison, findings, impression."""
    upper: bool
    """Headings in capitals."""
    own_line: bool
    """Headings on a line of their own."""
    prose: bool
    """No headings at all."""
    labelled: bool
    """Each organ on a line that its name opens."""
    terse: float
    """Share of sentences without a verb."""
    numbered: str
    """Before the points of the impression, with `number`; empty for a paragraph."""
    date: str
    references: tuple[str, ...]
    """The one or two forms that this reader uses."""
    centimetres: float
    """Share of sizes in cm."""
    thorough: float
    """Share of absent findings that are denied."""
    organs_reversed: bool
    serial_comma: bool

    def written(self, day: date, grammar: Grammar) -> str:
        return self.date.format(day=day.day, month=day.month, year=day.year, name=grammar.months[day.month - 1])


def style_of(study: Study, grammar: Grammar) -> Style:
    """Of the source (headings, dates), of the patient (who tends to be read by the same reader) and of the day (prose or not)."""
    house = generator(study.source.name, study.patient.cohort, study.language, "report house")
    reader = generator(study.patient.seed, study.language, "report reader")
    day = generator(study.seed, "report form")
    headings, usual_date = pick(house, grammar.headings), pick(house, grammar.dates)
    upper = bool(house.random() < 0.6)
    if reader.random() < 0.3:  # not everybody follows the house
        headings, upper = pick(reader, grammar.headings), bool(reader.random() < 0.5)
    return Style(
        headings=headings,
        upper=upper,
        own_line=bool(reader.random() < 0.35),
        prose=bool(day.random() < 0.12),
        labelled=bool(reader.random() < 0.3),
        terse=float(reader.choice([0.1, 0.35, 0.7])),
        numbered=pick(reader, ("", "{number}. ", "{number}. ", "- ", "{number}) ")),
        date=usual_date if reader.random() < 0.8 else pick(reader, grammar.dates),
        references=_two(reader, grammar.references),
        centimetres=float(reader.choice([0.05, 0.5, 0.95])),
        thorough=float(reader.uniform(0.35, 0.95)),
        organs_reversed=bool(reader.random() < 0.25),
        serial_comma=bool(reader.random() < 0.4),
    )


def _two(rng: np.random.Generator, forms: tuple[str, ...]) -> tuple[str, ...]:
    return pick(rng, forms), pick(rng, forms)
