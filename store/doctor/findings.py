"""What the doctor says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from .cures import Cure

Severity = Literal["error", "warning", "note"]
"""`error`: something that counts is damaged. `warning`: something is wrong that loses nothing. `note`: all is well, but know this."""


@dataclass(frozen=True)
class Finding:
    """One thing that the doctor saw."""

    severity: Severity
    what: str
    """The file, set, table or item it is about."""
    problem: str
    """What was found, in plain words."""
    remedy: str
    """The way out."""
    cure: Cure | None = field(default=None, repr=False, compare=False)
    """What `--repair` would do about it; None where it cannot."""

    @property
    def repairable(self) -> bool:
        return self.cure is not None

    def to_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "severity": self.severity,
            "what": self.what,
            "problem": self.problem,
            "remedy": self.remedy,
            "repairable": self.repairable,
        }

    def __str__(self) -> str:
        return f"{self.severity}: {self.what} {self.problem}; {self.remedy}"


def is_sound(findings: Iterable[Finding]) -> bool:
    """Whether nothing is wrong: notes do not count."""
    return all(finding.severity == "note" for finding in findings)
