"""Findings as data: what they are called, what names them in a report, and what follows from what."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, final

from ...store.digests import spec_digest

Says = Literal["present", "absent", "uncertain"]


@final
@dataclass(frozen=True)
class Mention:
    """Phrases (`phrases.py` has their syntax) that speak of a finding, and under which conditions they do."""

    phrases: tuple[str, ...]
    says: Says = "present"
    """What a phrase means where nothing in its sentence denies or doubts it: "normal heart size" says `absent` of cardiomegaly."""
    near: tuple[str, ...] = ()
    """At least one of these phrases stands in the same sentence, or the mention does not count."""
    unless: tuple[str, ...] = ()
    """Where any of these stands in the same clause, the mention does not count: a nodule of the thyroid is no lung nodule."""
    over_mm: float | None = None
    """Counts as said only with a length in the clause that is greater than this; of several across (12x8 mm) the least, as a short axis."""
    over_ratio: float | None = None
    """As `over_mm`, for a number without a unit between 0 and 1, such as a cardiothoracic ratio."""


@final
@dataclass(frozen=True)
class Finding:
    """One finding that reports speak of."""

    name: str
    """Lower case with underscores, as in the table `labels`."""
    title: str
    """For people: "Lung nodule"."""
    description: str
    """One sentence that says what counts, for people and for prompts."""
    mentions: tuple[Mention, ...]
    """What speaks of it; where several match the same words the longest counts."""
    skip: tuple[str, ...] = ()
    """Phrases that speak of something else: where one is longer than a mention that shares words with it, the mention does not count."""
    implies: tuple[str, ...] = ()
    """Findings of the same set that are present where this one is."""
    none_of: tuple[str, ...] = ()
    """Present where a report says of none of these that it is present or uncertain."""
    aliases: tuple[str, ...] = ()
    """Other names by which tables and papers call it."""


@final
@dataclass(frozen=True)
class FindingSet:
    """Findings that are labelled together."""

    name: str
    title: str
    findings: tuple[Finding, ...]
    probable: Literal["present", "uncertain"] = "uncertain"
    """What a finding is that is called probable or likely: gold labels differ in it."""

    @cached_property
    def digest(self) -> str:
        """Of everything the set says, 32 hex digits: two sets of one name that differ have different ones."""
        return spec_digest(self)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the findings, in order."""
        return tuple(finding.name for finding in self.findings)

    @property
    def source(self) -> str:
        """`name@digest`, shortened, as sources of labels are called."""
        return f"{self.name}@{self.digest[:8]}"
