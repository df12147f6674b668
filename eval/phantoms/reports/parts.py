"""The sections of a report."""

from __future__ import annotations

from .denials import denials, denied, gone
from .desk import Desk, claim, denial
from .lesions import clause, doubtful, in_short, phrase, sentences
from .plan import Told
from .sentence import Claim, Sentence, before_stop, fill
from .words import Organ, Remark

KNOWN = 0.4
"""Share of findings with a diagnosis whose history tells them."""
FITTING = 0.6
"""Share of histories that lead to a finding."""
DISTRACTOR, FILLER, INCIDENTAL = 0.55, 0.5, (0.35, 0.35, 0.2, 0.1)
"""Shares: of distractors told, of organs described, of reports with none to three incidental findings."""
MINOR = ("coronary_calcification", "medical_device", "emphysema", "cardiomegaly")
MINOR_CONCLUDED, SUBTLE_CONCLUDED = 0.55, 0.6
"""Shares of minor findings and of doubts that the impression repeats."""
JOINED, CONCLUDED_CHANGE, CONCLUDED_REFERENCE, ADVICE, REASSURED = 0.2, 0.3, 0.07, 0.4, 0.35
REMEMBERED = 0.9
"""Share of previous studies that the section on comparison names."""

Block = tuple[str, list[Sentence]]
"""An organ's label and its sentences."""


def history(desk: Desk) -> list[Sentence]:
    out: list[Sentence] = []
    present = [told for told in desk.plan.told if told.status == "present"]
    names = list(dict.fromkeys(told.lesion.finding for told in desk.plan.told))
    fitting = desk.lexicon.histories.get(desk.pick(tuple(names)), ()) if names and desk.chance(FITTING) else ()
    out.append(Sentence(desk.pick(fitting or desk.lexicon.histories[""])))
    known = [told for told in present if desk.lexicon.words[told.lesion.finding].history and (told.earlier or desk.chance(0.4))]
    if known and desk.chance(KNOWN):
        told = known[0]
        text = fill(desk.pick(desk.lexicon.words[told.lesion.finding].history), {})
        out.append(Sentence(desk.finished(text), (Claim(told.lesion.finding, "present"),)))
    return out


def technique(desk: Desk) -> list[Sentence]:
    return [Sentence(desk.pick(desk.lexicon.technique_contrast if desk.study.contrast else desk.lexicon.technique))]


def comparison(desk: Desk) -> list[Sentence]:
    if desk.previous is None or not desk.chance(REMEMBERED):
        return [Sentence(desk.pick(desk.grammar.uncompared))] if desk.previous is None else []
    fields = {"exam": desk.pick(desk.lexicon.exam), "date": desk.style.written(desk.previous.day, desk.grammar)}
    return [Sentence(desk.finished(fill(desk.pick(desk.grammar.compared), fields)))]


def findings(desk: Desk) -> list[Block]:
    """Organ by organ."""
    organs = desk.lexicon.organs[::-1] if desk.style.organs_reversed else desk.lexicon.organs
    blocks = [(organ.label, _organ(desk, organ)) for organ in organs]
    return [(label, block) for label, block in [*blocks, (desk.lexicon.other, _besides(desk))] if block]


def _organ(desk: Desk, organ: Organ) -> list[Sentence]:
    told, resolved = [], []
    for finding in organ.findings:
        told += sentences(desk, finding)
        resolved += gone(desk, finding)
    said = {one.finding for sentence in resolved for one in sentence.claims}
    filler = [remark for remark in organ.filler if desk.true(remark)]
    extra = [_remark(filler[int(desk.rng.integers(len(filler)))])] if filler and desk.chance(FILLER) else []
    denying = denials(desk, organ, said)
    return [*extra, *denying, *told, *resolved] if desk.chance(0.3) else [*extra, *told, *resolved, *denying]


def _besides(desk: Desk) -> list[Sentence]:
    out = []
    for name in desk.study.distractors:
        remarks = [remark for remark in desk.lexicon.distractors.get(name, ()) if desk.true(remark)]
        if remarks and desk.chance(DISTRACTOR):
            out.append(_remark(remarks[int(desk.rng.integers(len(remarks)))]))
    count = int(desk.rng.choice(len(INCIDENTAL), p=INCIDENTAL))
    chosen = desk.rng.choice(len(desk.lexicon.incidental), size=count, replace=False)
    return out + [Sentence(desk.pick(desk.lexicon.incidental[int(index)])) for index in chosen]


def _remark(remark: Remark) -> Sentence:
    return Sentence(remark.text, tuple(map(denial, remark.absent)))


def impression(desk: Desk, complete: bool) -> list[Sentence]:
    """The main findings in other words; all of them if `complete`."""
    if not desk.plan.told:
        return _reassurance(desk)
    kept = [told for told in desk.plan.told if complete or _concluded(desk, told)] or list(desk.plan.told)
    order = sorted(dict.fromkeys(told.lesion.finding for told in kept), key=lambda name: -_weight(kept, name))
    out: list[Sentence] = []
    waiting: tuple[str, Claim] | None = None
    for finding in order:
        mine = [told for told in kept if told.lesion.finding == finding]
        sure = [told for told in mine if told.status == "present"]
        if len(sure) > 1 and desk.lexicon.words[finding].plural:
            out.append(in_short(desk, sure))
            mine = [told for told in mine if told.status != "present"]
        for told in mine:
            if told.status == "uncertain":
                out.append(doubtful(desk, told, None))
            elif waiting:
                text = desk.finished(f"{waiting[0]} {desk.grammar.also} {phrase(desk, told, bare=True)}.")
                out.append(Sentence(text, (waiting[1], claim(told))))
                waiting = None
            elif told is not kept[-1] and desk.chance(JOINED):
                waiting = (phrase(desk, told, bare=True), claim(told))
            else:
                out.append(_conclusion(desk, told))
    if waiting:
        out.append(Sentence(desk.finished(waiting[0] + "."), (waiting[1],)))
    return out + _last(desk, order)


def _concluded(desk: Desk, told: Told) -> bool:
    share = SUBTLE_CONCLUDED if told.status == "uncertain" else MINOR_CONCLUDED if told.lesion.finding in MINOR else 1.0
    return desk.chance(share)


def _weight(told: list[Told], finding: str) -> float:
    severity = max(one.lesion.severity for one in told if one.lesion.finding == finding)
    return severity - (finding in MINOR)


def _conclusion(desk: Desk, told: Told) -> Sentence:
    form = desk.pick(desk.grammar.conclusions)
    text = fill(form, {"phrase": phrase(desk, told, bare=form != desk.grammar.conclusions[0])})
    pointer = told.pointer if desk.chance(CONCLUDED_REFERENCE) else None
    if pointer:
        text = before_stop(text, desk.reference(pointer, desk.style.references))
    if desk.chance(CONCLUDED_CHANGE):
        text = before_stop(text, clause(desk, told))
    return Sentence(desk.finished(text), (claim(told, pointer),))


def _last(desk: Desk, order: list[str]) -> list[Sentence]:
    out = []
    remarks = [remark for remark in desk.lexicon.reassuring if desk.true(remark)]
    if remarks and desk.chance(REASSURED):
        out.append(_remark(remarks[int(desk.rng.integers(len(remarks)))]))
    advice = [text for finding in order for text in desk.lexicon.words[finding].advice]
    if advice and desk.chance(ADVICE):
        out.append(Sentence(desk.pick(tuple(advice))))
    return out


def _reassurance(desk: Desk) -> list[Sentence]:
    remarks = [remark for remark in desk.lexicon.normal if desk.true(remark)]
    out = [_remark(remarks[int(desk.rng.integers(len(remarks)))])]
    important = [name for organ in desk.lexicon.organs[:2] for name in organ.findings if name not in {c.finding for c in out[0].claims}]
    if len(important) > 1 and desk.chance(0.25):
        out.append(denied(desk, important[:2]))
    return out
