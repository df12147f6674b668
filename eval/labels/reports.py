"""Reports into labels: one dictionary from finding to status for each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ...store.errors import UnknownNameError, UsageError
from .finding import FindingSet
from .finding_sets import finding_set
from .rules import RuleLabeler
from .statuses import Status

METHODS = ("rules",)


def label_reports(texts: Iterable[str], findings: str | Path | FindingSet = "chest18", method: str = "rules") -> list[dict[str, Status]]:
    """What each report says of each finding of a set.

    Args:
        texts: reports, whole, with headings or not. A blank one is `unmentioned` throughout.
        findings: the name of a set that comes with scanbank, the path of a YAML file, or a set.
        method: `rules`, which reads English, and denials and doubts of German.

    Returns:
        For each report, in order, a dictionary from the name of each finding to `present`, `absent`, `uncertain` or `unmentioned`.

    Raises:
        UnknownNameError: no such set or method.
        UsageError: a file is no finding set, or a report is no text.
    """
    if method not in METHODS:
        raise UnknownNameError("method", str(method), METHODS)
    if isinstance(texts, str | bytes):
        raise UsageError("label_reports takes a list of reports; found one text: write [text]")
    labeler = RuleLabeler(finding_set(findings))
    return [labeler.label(checked_text(text, number)) for number, text in enumerate(texts)]


def checked_text(text: object, number: int) -> str:
    """A report as it is.

    Raises:
        UsageError: it is no text; `number` (from 0) says which.
    """
    if not isinstance(text, str):
        raise UsageError(f"report {number} (counted from 0) is no text; expected a string, found {type(text).__name__}")
    return text
