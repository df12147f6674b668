"""Reports on studies: text whose every statement on a finding is known."""

from __future__ import annotations

from collections.abc import Sequence

from ..model import Pointer, Report, Statement, Study
from ..seeds import generator
from . import parts
from .chest_de_frame import CHEST_DE
from .chest_en_frame import CHEST_EN
from .desk import Desk
from .english import ENGLISH
from .german import GERMAN
from .head_de_frame import HEAD_DE
from .head_en_frame import HEAD_EN
from .plan import make_plan
from .sentence import Sentence
from .style import style_of

GRAMMARS = {"en": ENGLISH, "de": GERMAN}
LEXICONS = {("chest", "en"): CHEST_EN, ("chest", "de"): CHEST_DE, ("head", "en"): HEAD_EN, ("head", "de"): HEAD_DE}

LEFT_OUT = {"history": 0.1, "technique": 0.15, "comparison": 0.12, "findings": 0.05, "impression": 0.06}
"""Shares of reports without the section."""
ORDER = ("history", "technique", "comparison", "findings", "impression")

Section = tuple[str, list[parts.Block]]


def write_report(study: Study, previous: Study | None, pointers: Sequence[Pointer]) -> Report:
    """The report on a study, given the patient's previous one and the images that show its lesions.

    A finding that the study has is stated, doubted where it is subtle, and now and then left unmentioned where it is hardly
    visible; one that it has not is denied or unmentioned. What histories ask for ("rule out pneumonia") states nothing.

    Raises:
        KeyError: the study's cohort or language has no lexicon.
    """
    rng = generator(study.seed, "report")
    grammar, lexicon = GRAMMARS[study.language], LEXICONS[study.patient.cohort, study.language]
    plan = make_plan(study, previous, pointers, rng)
    desk = Desk(study, previous, plan, style_of(study, grammar), grammar, lexicon, rng)
    text, sentences = _laid_out(desk, _sections(desk))
    statements = [
        Statement(sentence.text, one.finding, one.status, one.side, one.lesion, one.pointer)
        for sentence in sentences
        for one in sentence.claims
    ]
    return Report(text, tuple(statements))


def _sections(desk: Desk) -> list[Section]:
    """Those that are written, in order; at least one of findings and impression."""
    left_out = {name for name in ORDER if desk.chance(LEFT_OUT[name])}
    if not desk.plan.told:
        left_out -= {"findings"}
    if "findings" in left_out:
        left_out -= {"impression"}
    written = {
        "history": [("", parts.history(desk))],
        "technique": [("", parts.technique(desk))],
        "comparison": [("", parts.comparison(desk))],
        "findings": parts.findings(desk),
        "impression": [("", parts.impression(desk, complete="findings" in left_out))],
    }
    return [(name, written[name]) for name in ORDER if name not in left_out and any(block for _, block in written[name])]


def _laid_out(desk: Desk, sections: list[Section]) -> tuple[str, list[Sentence]]:
    """The text, and its sentences in order."""
    if desk.style.prose:
        return _prose(desk, sections)
    paragraphs, sentences = [], []
    for name, blocks in sections:
        heading = desk.style.headings[ORDER.index(name)]
        heading = heading.upper() if desk.style.upper else heading.title()
        body = _body(desk, name, blocks)
        own_line = desk.style.own_line or "\n" in body
        paragraphs.append(f"{heading}:{chr(10) if own_line else ' '}{body}")
        sentences += [sentence for _, block in blocks for sentence in block]
    return "\n\n".join(paragraphs) if desk.style.own_line else "\n".join(paragraphs), sentences


def _body(desk: Desk, name: str, blocks: list[parts.Block]) -> str:
    if name == "impression" and desk.style.numbered and len(blocks[0][1]) > 1:
        numbers = range(1, len(blocks[0][1]) + 1)
        return "\n".join(
            desk.style.numbered.format(number=number) + sentence.text for number, sentence in zip(numbers, blocks[0][1], strict=True)
        )
    if name == "findings" and desk.style.labelled:
        return "\n".join(f"{label}: {_run(block)}" for label, block in blocks)
    return " ".join(_run(block) for _, block in blocks)


def _prose(desk: Desk, sections: list[Section]) -> tuple[str, list[Sentence]]:
    lines, sentences = [], []
    for name, blocks in sections:
        if name == "technique":
            continue
        lead = desk.pick(desk.grammar.summing_up) + " " if name == "impression" else ""
        if name == "comparison" and desk.previous is None:
            continue
        lines.append(lead + " ".join(_run(block) for _, block in blocks))
        sentences += [sentence for _, block in blocks for sentence in block]
    return " ".join(lines), sentences


def _run(sentences: list[Sentence]) -> str:
    return " ".join(sentence.text for sentence in sentences)
