"""What prompts say of findings: texts of presence and of absence, of which several make an ensemble."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from ..store.digests import spec_digest
from ..store.errors import UsageError

FINDING = "{finding}"
"""What stands for the words of a finding."""
POSITIVE, NEGATIVE = f"{FINDING} is present.", f"{FINDING} is not present."
"""CT-CLIP's pair (arXiv:2403.17834)."""
_NAMED = 20
"""Findings that a message lists."""
_QUOTED = 3
"""Texts that a label names; of more, the first."""


@final
@dataclass(frozen=True)
class Said:
    """Texts about a finding, or about any, with `{finding}` where its words belong."""

    present: tuple[str, ...]
    absent: tuple[str, ...] = ()
    """Empty where presence alone is asked for."""


USUAL = Said((POSITIVE,), (NEGATIVE,))


@final
@dataclass(frozen=True)
class Prompts:
    """What is said of one finding."""

    finding: str
    present: tuple[str, ...]
    absent: tuple[str, ...] = ()
    """Empty where presence alone is asked for."""

    @property
    def rows(self) -> list[dict[str, Any]]:
        """For the table `prompts`, without ordinals; those of absence first."""
        texts = [("absent", text) for text in self.absent] + [("present", text) for text in self.present]
        return [
            {"prompt": spec_digest([self.finding, polarity, text]), "finding": self.finding, "polarity": polarity, "text": text}
            for polarity, text in texts
        ]

    @property
    def told(self) -> list[str | list[str] | None]:
        """[of presence, of absence], as digests and settings have them: a text, several, or none."""
        return [_told(texts) for texts in (self.present, self.absent)]

    @property
    def words(self) -> tuple[str, ...]:
        """(2,) the text of absence and that of presence; empty where there are several of one, or none."""
        return (*self.absent, *self.present) if len(self.present) == len(self.absent) == 1 else ()


@final
@dataclass(frozen=True)
class Wording:
    """What to say of findings."""

    everywhere: Said | None = USUAL
    """Of those that have no texts of their own; None: nothing."""
    findings: Mapping[str, Said] = field(default_factory=dict)
    """By name, of those that have."""
    source: str = ""
    """Where it is from, for messages."""

    def of(self, finding: str) -> Prompts:
        """The prompts of a finding; of `finding=class`, the class is what `{finding}` stands for.

        Raises:
            UsageError: nothing is said of it, a text is blank or there twice, or a text is of presence and of absence.
        """
        said = self.findings.get(finding, self.everywhere)
        if said is None:
            raise UsageError(
                f"{self.source} says nothing of finding {finding!r}, only of {_some(self.findings)}; add it, or templates for all findings"
            )
        words = (finding.partition("=")[2] or finding).replace("_", " ")
        present, absent = (tuple(" ".join(text.replace(FINDING, words).split()) for text in texts) for texts in (said.present, said.absent))
        where = f"{self.source}: " if self.source else ""
        if not all((*present, *absent)) or set(present) & set(absent) or not present:
            raise UsageError(
                f"{where}prompts of {finding!r}, {_listed(present)} and {_listed(absent)}: "
                "expected two different texts, one for presence and one for absence"
            )
        for texts in (present, absent):
            if twice := [text for text in texts if texts.count(text) > 1]:
                raise UsageError(f"{where}the prompt {twice[0]!r} of {finding!r} is there {texts.count(twice[0])} times; once is enough")
        return Prompts(finding, present, absent)

    def of_each(self, findings: Sequence[str]) -> tuple[Prompts, ...]:
        """Prompts of several findings. Raises as `of`, and where two of them would be asked for in the same words."""
        found, asked = [self.of(finding) for finding in findings], dict[tuple[str, ...], str]()
        for prompts in found:
            if (other := asked.setdefault(prompts.present, prompts.finding)) != prompts.finding:
                raise UsageError(
                    f"the prompt {prompts.present[0]!r} would stand for {other!r} and for {prompts.finding!r}; write {FINDING} where the "
                    "finding's words belong, or ask for one finding"
                )
        return tuple(found)

    def label(self) -> str:
        """As a table names it; empty for the usual pair."""
        if self.findings:
            everywhere = self.everywhere or Said(())
            texts = {name: [said.present, said.absent] for name, said in self.findings.items()}
            return f"texts {spec_digest([everywhere.present, everywhere.absent, texts])[:8]}"
        return "" if self.everywhere is None else label(self.everywhere, USUAL)


def label(asked: Said | Prompts, usual: Said | Prompts) -> str:
    """As a table names texts; empty for the usual ones, with or without those of absence."""
    if asked.present == usual.present and asked.absent in (usual.absent, ()):
        return ""
    return f"{_quoted(asked.present)} against {_quoted(asked.absent)}" if asked.absent else _quoted(asked.present)


def alone(wording: Wording) -> Wording:
    """The same without texts of absence."""
    everywhere = None if wording.everywhere is None else Said(wording.everywhere.present)
    return Wording(everywhere, {name: Said(said.present) for name, said in wording.findings.items()}, wording.source)


def _told(texts: tuple[str, ...]) -> str | list[str] | None:
    return texts[0] if len(texts) == 1 else list(texts) or None


def _some(findings: Iterable[str]) -> str:
    names = sorted(findings)
    more = f" and {len(names) - _NAMED} others" if len(names) > _NAMED else ""
    return ", ".join(map(repr, names[:_NAMED])) + more if names else "none"


def _listed(texts: tuple[str, ...]) -> str:
    return " and ".join(map(repr, texts)) or "nothing"


def _quoted(texts: tuple[str, ...]) -> str:
    if len(texts) <= _QUOTED:
        return ", ".join(f"“{text}”" for text in texts)
    return f"“{texts[0]}” and {len(texts) - 1} more ({spec_digest(list(texts))[:8]})"
