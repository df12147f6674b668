"""What the parts of a report are written from, and the values that lesions give to templates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cohort import COHORTS
from ..model import Lesion, Pointer, Study
from ..seeds import generator
from .plan import Plan, Told
from .sentence import Claim, fill, finished, pick
from .style import Style
from .words import Grammar, Lexicon, Remark

WITHOUT_SIZE, WITHOUT_DEGREE = 0.25, 0.35
"""Shares of sentences that leave it out."""
TWO_DIAMETERS = 0.3
"""Share of sizes with a second one, of findings that have one."""
ROUND = ("nodule", "mass", "intraparenchymal")
"""Findings that are measured along and across."""


@dataclass(frozen=True)
class Desk:
    study: Study
    previous: Study | None
    plan: Plan
    style: Style
    grammar: Grammar
    lexicon: Lexicon
    rng: np.random.Generator

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def pick(self, options: tuple[str, ...]) -> str:
        return pick(self.rng, options)

    def finished(self, text: str) -> str:
        return finished(text, self.study.language == "en")

    def true(self, remark: Remark) -> bool:
        """Whether it may be said of this study."""
        return not self.study.findings & {*remark.absent, *remark.unless}

    def reference(self, pointer: Pointer, forms: tuple[str, ...]) -> str:
        return self.pick(forms).format(series=pointer.series_number, image=pointer.image)

    def prior(self) -> str:
        """The previous examination in words; there is one."""
        assert self.previous is not None
        return fill(self.pick(self.grammar.priors), {"date": self.style.written(self.previous.day, self.grammar)})


def denial(finding: str) -> Claim:
    return Claim(finding, "absent")


def claim(told: Told, pointer: Pointer | None = None) -> Claim:
    return Claim(told.lesion.finding, told.status, told.lesion.side, told.index, pointer)


def values(desk: Desk, lesion: Lesion) -> dict[str, str]:
    """The fields of a lesion's templates; some are left empty at times, as people do."""
    words = desk.lexicon.words[lesion.finding]
    sides = {"side": desk.grammar.sides[lesion.side], "onside": desk.grammar.onsides[lesion.side]}
    degree = "" if desk.chance(WITHOUT_DEGREE) else words.degrees[_third(desk.study, lesion)]
    sized = lesion.size_mm > 0 and not desk.chance(WITHOUT_SIZE)
    return sides | {
        "noun": desk.pick(words.names),
        "degree": degree,
        "kind": fill(pick(generator(desk.study.patient.seed, lesion.seed, "kind"), words.kinds.get(lesion.variant, ("",))), sides),
        "where": fill(desk.pick(_where(desk, lesion)), sides),
        "size": size(desk, lesion) if sized else "",
    }


def size(desk: Desk, lesion: Lesion) -> str:
    """`12 mm`, `1.2 cm`, `12 x 9 mm`."""
    extents = [lesion.size_mm]
    if lesion.finding in ROUND and desk.chance(TWO_DIAMETERS):
        extents.append(lesion.size_mm * generator(lesion.seed, "second diameter").uniform(0.65, 0.95))
    if desk.chance(desk.style.centimetres):
        return " x ".join(f"{mm / 10:.1f}".replace(".", desk.grammar.decimal) for mm in extents) + " cm"
    return " x ".join(f"{mm:.0f}" for mm in extents) + " mm"


def _third(study: Study, lesion: Lesion) -> int:
    """0, 1 or 2: by the size within the finding's range, else by the severity."""
    low, high = next(spec.size_mm for spec in COHORTS[study.patient.cohort].findings if spec.name == lesion.finding)
    share = (lesion.size_mm - low) / (high - low) if high > low else lesion.severity
    return int(np.clip(share * 3, 0, 2))


def _where(desk: Desk, lesion: Lesion) -> tuple[str, ...]:
    for table in (desk.lexicon.words[lesion.finding].where, desk.lexicon.where):
        for key in (f"{lesion.place}/{lesion.side}", lesion.place):
            if key in table:
                return table[key]
    return ("",)
