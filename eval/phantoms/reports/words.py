"""What the tables of wordings hold. Adding a finding or a language is adding entries.

A template's fields stand in braces; a part in square brackets is left out where one of its fields is empty. Fields of a lesion:
`noun` (one of `names`), `side` (left, bilateral), `onside` (on the left, bilaterally), `where` (its place and side), `size` (12 mm),
`degree`, `kind` (by variant). A `ref` says where the number of an image goes, which is otherwise the end of the sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Change = Literal["larger", "smaller", "same", "new"]


@dataclass(frozen=True)
class Words:
    """Of one finding in one language."""

    names: tuple[str, ...]
    """Synonyms, singular: the `noun`."""
    present: tuple[str, ...]
    """Sentences of the section of findings."""
    phrases: tuple[str, ...]
    """The finding in a few words without an article, for doubts, impressions and terse reports."""
    denied: tuple[str, ...]
    """Nouns for lists: no A, B or C."""
    absent: tuple[str, ...]
    """Sentences that deny this finding alone."""
    several: tuple[str, ...] = ()
    """As `present`, of a lesion of both sides; `present` serves both where this is empty."""
    several_phrases: tuple[str, ...] = ()
    plural: str = ""
    """The noun for lesions told together; empty where they are told apart."""
    subject: str = ""
    """What grew or shrank, with its article; empty where growth is not spoken of."""
    gone: tuple[str, ...] = ()
    """Sentences for one that the previous study showed and this one does not."""
    history: tuple[str, ...] = ()
    """As a known diagnosis, in the section on history."""
    advice: tuple[str, ...] = ()
    """A last sentence of the impression. Speaks of no finding."""
    degrees: tuple[str, str, str] = ("", "", "")
    kinds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By variant."""
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By `place/side` or `place`, before the lexicon's."""


@dataclass(frozen=True)
class Remark:
    """A ready sentence that denies some findings or none, or that speaks of what is no finding."""

    text: str
    absent: tuple[str, ...] = ()
    """Findings that it denies."""
    unless: tuple[str, ...] = ()
    """Findings it does not deny but beside which it would mislead."""


@dataclass(frozen=True)
class Organ:
    """One group of findings, told in a row."""

    label: str
    findings: tuple[str, ...]
    normal: tuple[Remark, ...]
    """Where nothing of the group is present: at most one is said, often in place of single negatives."""
    filler: tuple[Remark, ...] = ()
    """What is said of the organ besides."""
    always: bool = False
    """No report leaves out to deny it."""


@dataclass(frozen=True)
class Lexicon:
    """Of one cohort in one language."""

    words: Mapping[str, Words]
    where: Mapping[str, tuple[str, ...]]
    """By `place/side` or `place`."""
    organs: tuple[Organ, ...]
    distractors: Mapping[str, tuple[Remark, ...]]
    other: str
    """The label of what belongs to no organ."""
    incidental: tuple[tuple[str, ...], ...]
    """What no phantom shows and no label is about, in groups of which a report says one at most."""
    histories: Mapping[str, tuple[str, ...]]
    """By finding, and under the empty name for any."""
    technique: tuple[str, ...]
    technique_contrast: tuple[str, ...]
    exam: tuple[str, ...]
    """Names of the examination."""
    normal: tuple[Remark, ...]
    """Impressions of studies without a finding."""
    reassuring: tuple[Remark, ...] = ()
    """What an impression denies beside other findings."""


@dataclass(frozen=True)
class Grammar:
    """Of one language."""

    sides: Mapping[str, str]
    onsides: Mapping[str, str]
    decimal: str
    last: str
    """Before the last item of a list of negatives."""
    also: str
    """Before the last item of other lists."""
    dates: tuple[str, ...]
    """With `day`, `month`, `name` (of the month) and `year`."""
    months: tuple[str, ...]
    references: tuple[str, ...]
    leads: Mapping[str, tuple[str, ...]]
    """By how a sentence begins: what may go before it instead."""
    doubts: tuple[str, ...]
    """With `phrase`."""
    lists: tuple[str, ...]
    """Negatives, with `items`."""
    told_together: tuple[str, ...]
    """With `count`, `plural` and `items`, or the bare `places`."""
    item: tuple[str, ...]
    counts: tuple[str, ...]
    """Numbers in words, from 0."""
    largest: tuple[str, ...]
    """With `plural` and the fields of the largest."""
    conclusions: tuple[str, ...]
    """Of impressions, with `phrase`."""
    priors: tuple[str, ...]
    """The previous examination, with `date`."""
    changes: Mapping[Change, tuple[str, ...]]
    """Clauses that end a sentence, with `prior`."""
    changed: Mapping[Change, tuple[str, ...]]
    """Sentences, with `subject` and `prior`."""
    earlier: tuple[str, ...]
    """Of the same lesion on the previous study, with `size`, `series` and `image` of that study."""
    compared: tuple[str, ...]
    """Of the section on comparison, with `date` and `exam`."""
    uncompared: tuple[str, ...]
    headings: tuple[tuple[str, str, str, str, str], ...]
    """History, technique, comparison, findings, impression."""
    summing_up: tuple[str, ...]
    """What leads to the impression of a report in prose."""
