"""Sentences that state or doubt lesions."""

from __future__ import annotations

from collections.abc import Sequence

from ..model import Pointer
from .desk import Desk, claim, size, values
from .plan import Told
from .sentence import Sentence, before_stop, fields_of, fill, pick, with_reference

TOGETHER = 0.6
"""Share of lesions of one finding that are told in one sentence."""
CHANGE_CLAUSE, CHANGE_SENTENCE, EARLIER = 0.45, 0.35, 0.1
"""Shares of changed lesions, and of measured ones whose earlier size is told."""
LEAD = 0.3
"""Share of references before the sentence, where they may stand there."""
MOST_ITEMS, ONE_BY_ONE = 4, 0.75
"""How many lesions are told one by one, and the share of them."""


def sentences(desk: Desk, finding: str) -> list[Sentence]:
    """All that the findings section says of a finding's lesions."""
    told = desk.plan.of(finding)
    sure = [one for one in told if one.status == "present"]
    out: list[Sentence] = []
    if len(sure) > 1 and desk.lexicon.words[finding].plural and desk.chance(TOGETHER):
        out.append(together(desk, sure) if len(sure) <= MOST_ITEMS and desk.chance(ONE_BY_ONE) else in_short(desk, sure))
        told = tuple(one for one in told if one.status != "present")
    for one in told:
        out += _single(desk, one)
    return out


def phrase(desk: Desk, told: Told, *, bare: bool = False) -> str:
    """The lesion in a few words; `bare` where the sentence goes on after it."""
    words = desk.lexicon.words[told.lesion.finding]
    both = words.several_phrases if told.lesion.side == "bilateral" else ()
    forms = both or words.phrases
    return fill(desk.pick(tuple(form for form in forms if "," not in form) if bare else forms), values(desk, told.lesion))


def doubtful(desk: Desk, told: Told, pointer: Pointer | None) -> Sentence:
    text = fill(desk.pick(desk.grammar.doubts), {"phrase": phrase(desk, told, bare=True)})
    reference = desk.reference(pointer, desk.style.references) if pointer else ""
    return Sentence(desk.finished(with_reference(text, reference)), (claim(told, pointer),))


def clause(desk: Desk, told: Told) -> str:
    """How it changed, for the end of a sentence; empty where nothing can be said."""
    if told.change is None or (told.change != "same" and not desk.lexicon.words[told.lesion.finding].subject):
        return ""
    return fill(desk.pick(desk.grammar.changes[told.change]), {"prior": desk.prior()})


def in_short(desk: Desk, told: Sequence[Told]) -> Sentence:
    """Several lesions of a finding by the largest of them, where they have sizes."""
    if not all(one.lesion.size_mm > 0 for one in told):
        return together(desk, told)
    first = max(told, key=lambda one: one.lesion.size_mm)
    plural = {"plural": desk.lexicon.words[first.lesion.finding].plural}
    text = fill(desk.pick(desk.grammar.largest), values(desk, first.lesion) | plural)
    reference = desk.reference(first.pointer, desk.style.references) if first.pointer else ""
    return Sentence(desk.finished(with_reference(text, reference)), (claim(first, first.pointer),))


def together(desk: Desk, told: Sequence[Told]) -> Sentence:
    """Several lesions of a finding, one by one, in a sentence."""
    words = desk.lexicon.words[told[0].lesion.finding]
    template = desk.pick(desk.grammar.told_together)
    item = desk.pick(desk.grammar.item)
    short = tuple(form for form in desk.grammar.references if form.startswith(" "))
    named = "items" in fields_of(template)
    places, items = [], []
    for one in told:
        fields = values(desk, one.lesion)
        places.append(fields["where"])
        fields["size"] = size(desk, one.lesion) if one.lesion.size_mm > 0 else ""
        fields["ref"] = desk.reference(one.pointer, short) if one.pointer else ""
        items.append(fill(item, fields))
    text = fill(
        template,
        {
            "count": desk.grammar.counts[min(len(told), len(desk.grammar.counts) - 1)],
            "plural": words.plural,
            "items": listed(desk, items, desk.grammar.also),
            "places": listed(desk, list(dict.fromkeys(places)), desk.grammar.also),
        },
    )
    return Sentence(desk.finished(text), tuple(claim(one, one.pointer if named else None) for one in told))


def listed(desk: Desk, items: Sequence[str], last: str) -> str:
    """A, B and C; English readers may put a comma before the last."""
    if len(items) < 2:
        return "".join(items)
    comma = "," if desk.style.serial_comma and desk.study.language == "en" and len(items) > 2 else ""
    return f"{', '.join(items[:-1])}{comma} {last} {items[-1]}"


def _single(desk: Desk, told: Told) -> list[Sentence]:
    if told.status == "uncertain":
        return [doubtful(desk, told, told.pointer)]
    words = desk.lexicon.words[told.lesion.finding]
    if desk.chance(desk.style.terse):
        text = phrase(desk, told) + "."
    else:
        several = words.several if told.lesion.side == "bilateral" else ()
        text = fill(desk.pick(several or words.present), values(desk, told.lesion))
    out = [Sentence(_told(desk, told, text), (claim(told, told.pointer),))]
    spoken = told.change is not None and words.subject
    if spoken and desk.chance(CHANGE_SENTENCE):
        out.append(_changed(desk, told))
    elif desk.chance(CHANGE_CLAUSE) and (end := clause(desk, told)):
        out[0] = Sentence(before_stop(out[0].text, end), out[0].claims)
    if spoken and told.earlier and told.earlier.size_mm > 0 and desk.chance(EARLIER):
        out.append(_earlier(desk, told))
    return out


def _told(desk: Desk, told: Told, text: str) -> str:
    if told.pointer is None:
        return desk.finished(with_reference(text, ""))
    for start, leads in desk.grammar.leads.items():
        if text.startswith(start) and desk.chance(LEAD):
            return desk.finished(desk.reference(told.pointer, leads) + text[:1].lower() + text[1:])
    return desk.finished(with_reference(text, desk.reference(told.pointer, desk.style.references)))


def _subject(desk: Desk, told: Told) -> str:
    return fill(desk.lexicon.words[told.lesion.finding].subject, values(desk, told.lesion))


def _changed(desk: Desk, told: Told) -> Sentence:
    assert told.change is not None
    text = fill(desk.pick(desk.grammar.changed[told.change]), {"subject": _subject(desk, told), "prior": desk.prior()})
    return Sentence(desk.finished(text), (claim(told),))


def _earlier(desk: Desk, told: Told) -> Sentence:
    """What the previous study showed, at an image of that study: no pointer."""
    assert told.earlier is not None
    series, image = 2 + int(desk.chance(0.4)), int(desk.rng.integers(5, 60))
    fields = {"subject": _subject(desk, told), "size": size(desk, told.earlier), "series": str(series), "image": str(image)}
    return Sentence(desk.finished(fill(pick(desk.rng, desk.grammar.earlier), fields)), (claim(told),))
