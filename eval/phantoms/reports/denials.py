"""Sentences that deny findings."""

from __future__ import annotations

from .desk import Desk, denial
from .lesions import listed
from .sentence import Sentence, fill
from .words import Organ

SELDOM_DENIED = {
    "medical_device": 0.25,
    "coronary_calcification": 0.4,
    "emphysema": 0.4,
    "ground_glass_opacity": 0.7,
    "mass": 0.8,
    "pneumocephalus": 0.4,
    "edema": 0.6,
    "hydrocephalus": 0.8,
}
"""Times as often as others."""
NORMAL_ORGAN, ALWAYS = 0.5, 0.95
"""Shares of organs without findings that one sentence covers."""
IN_LISTS = 0.65
"""Share of denials that come with others."""
LONGEST_LIST = 3
GONE = 0.7
"""Share of resolved findings that are told."""


def gone(desk: Desk, finding: str) -> list[Sentence]:
    words = desk.lexicon.words[finding]
    if finding not in desk.plan.gone or not words.gone or not desk.chance(GONE):
        return []
    return [Sentence(desk.finished(fill(desk.pick(words.gone), {"prior": desk.prior()})), (denial(finding),))]


def denials(desk: Desk, organ: Organ, said: set[str]) -> list[Sentence]:
    """Of an organ's findings that the study has none of, save those already `said`."""
    absent = [name for name in organ.findings if name not in desk.study.findings and name not in said]
    remarks = [remark for remark in organ.normal if desk.true(remark) and not said & {*remark.absent}]
    if remarks and desk.chance(ALWAYS if organ.always else NORMAL_ORGAN):
        remark = remarks[int(desk.rng.integers(len(remarks)))]
        rest = [name for name in absent if name not in remark.absent]
        return [Sentence(remark.text, tuple(map(denial, remark.absent))), *_singly(desk, rest)]
    return _singly(desk, absent)


def _singly(desk: Desk, names: list[str]) -> list[Sentence]:
    chosen = [name for name in names if desk.chance(desk.style.thorough * SELDOM_DENIED.get(name, 1))]
    out = []
    while chosen:
        count = int(desk.rng.integers(2, LONGEST_LIST + 1)) if len(chosen) > 1 and desk.chance(IN_LISTS) else 1
        some, chosen = chosen[:count], chosen[count:]
        out.append(denied(desk, some))
    return out


def denied(desk: Desk, names: list[str]) -> Sentence:
    """No A, B or C."""
    words = [desk.lexicon.words[name] for name in names]
    if len(words) == 1 and not desk.chance(desk.style.terse * 0.5):
        text = desk.pick(words[0].absent)
    else:
        items = listed(desk, [desk.pick(one.denied) for one in words], desk.grammar.last)
        text = fill(desk.pick(desk.grammar.lists), {"items": items})
    return Sentence(desk.finished(text), tuple(map(denial, names)))
