"""Sentences that say of findings that they are there, or that they are not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from ...store.errors import UsageError

WORDINGS = (
    ("{} is present.", "{} is not present."),
    ("there is {}.", "there is no {}."),
    ("{} is seen.", "{} is not seen."),
    ("evidence of {}.", "no evidence of {}."),
)
"""Forms of presence, each with its denial."""


@final
@dataclass(frozen=True)
class Prompts:
    """Pairs of sentences, in one or more wordings."""

    findings: tuple[str, ...]
    present: tuple[tuple[str, ...], ...]
    """For each finding, its wordings."""
    absent: tuple[tuple[str, ...], ...]
    """The same number of them, each the denial of the one at its place."""

    def __post_init__(self) -> None:
        if not (len(self.findings) == len(self.present) == len(self.absent)) or not self.findings:
            raise UsageError(
                f"prompts of {len(self.present)} findings that are present and of {len(self.absent)} that are absent; "
                f"expected both of all {len(self.findings)} findings, 1 or more"
            )
        for finding, yes, no in zip(self.findings, self.present, self.absent, strict=True):
            if not yes or len(yes) != len(no):
                raise UsageError(
                    f"finding {finding!r} has {len(yes)} wordings for present and {len(no)} for absent; expected as many, 1 or more"
                )

    @classmethod
    def plain(cls, findings: Iterable[str], wordings: int = 1) -> Prompts:
        """The first so many of `WORDINGS`: one is CT-CLIP's (Hamamci et al. 2024), "X is present." and "X is not present.".

        Raises:
            UsageError: there are not so many, or no findings.
        """
        if not 1 <= wordings <= len(WORDINGS):
            raise UsageError(f"wordings {wordings}: expected 1 to {len(WORDINGS)}")
        names = tuple(findings)
        said = [name.replace("_", " ") for name in names]

        def of_each(place: int) -> tuple[tuple[str, ...], ...]:
            return tuple(tuple(_sentence(pair[place], name) for pair in WORDINGS[:wordings]) for name in said)

        return cls(names, of_each(0), of_each(1))

    def every(self) -> list[str]:
        """All sentences."""
        return [text for group in (*self.present, *self.absent) for text in group]

    def drawn(self, generator: np.random.Generator | None) -> list[str]:
        """2 F sentences, a wording of each finding: F that it is present, then F that it is not. Without a generator the first ones."""
        places = [0 if generator is None else int(generator.integers(len(group))) for group in self.present]
        return [*_at(self.present, places), *_at(self.absent, places)]


def _sentence(form: str, name: str) -> str:
    said = form.format(name)
    return said[:1].upper() + said[1:]


def _at(groups: Sequence[Sequence[str]], places: Sequence[int]) -> list[str]:
    return [group[place] for group, place in zip(groups, places, strict=True)]
