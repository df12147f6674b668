"""Reports into labels: one dictionary from finding to status for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ...store.errors import UnknownNameError, UsageError
from .finding import FindingSet
from .finding_sets import finding_set
from .llm_settings import LlmSettings
from .rules import RuleLabeler
from .statuses import Status

METHODS = ("rules", "llm")


def label_reports(
    texts: Iterable[str], findings: str | Path | FindingSet = "chest18", method: str = "rules", llm: LlmSettings | None = None
) -> list[dict[str, Status]]:
    """What each report says of each finding of a set.

    Args:
        texts: reports, whole, with headings or not. A blank one is `unmentioned` throughout.
        findings: the name of a set that comes with scanbank, the path of a YAML file, or a set.
        method: `rules`, which reads English, and denials and doubts of German; or `llm`, a language model.
        llm: whom `llm` asks, and how.

    Returns:
        For each report, in order, a dictionary from the name of each finding to `present`, `absent`, `uncertain` or `unmentioned`.

    Raises:
        UnknownNameError: no such set or method.
        UsageError: a file is no finding set, a report is no text, or `llm` is missing or does not allow to send texts.
        EndpointError: a report got no answer that does. What came is kept and not asked again; `llm_labels` gives what there is.
    """
    if method not in METHODS:
        raise UnknownNameError("method", str(method), METHODS)
    if isinstance(texts, str | bytes):
        raise UsageError("label_reports takes a list of reports; found one text: write [text]")
    if not isinstance(texts, Iterable):
        raise UsageError(f"label_reports takes a list of reports; found {type(texts).__name__}")
    if method == "llm":
        return _by_llm([checked_text(text, number) for number, text in enumerate(texts)], finding_set(findings), llm)
    labeler = RuleLabeler(finding_set(findings))
    return [labeler.label(checked_text(text, number)) for number, text in enumerate(texts)]


def _by_llm(texts: Sequence[str], findings: FindingSet, settings: LlmSettings | None) -> list[dict[str, Status]]:
    from .llm import llm_labels
    from .llm_errors import EndpointError

    if settings is None:
        raise UsageError("method 'llm' needs to know whom to ask: llm=LlmSettings(endpoint, model, send_text=True)")
    found = llm_labels(texts, findings, settings)
    for number, reason in found.failures.items():
        raise EndpointError(
            f"{len(found.failures)} of {len(texts)} reports got no answer, the first is report {number} (counted from 0): {reason}; "
            "the others are kept and not asked again"
        )
    return [dict(labels) for labels in found.labels if labels is not None]


def checked_text(text: object, number: int) -> str:
    """A report as it is.

    Raises:
        UsageError: it is no text; `number` (from 0) says which.
    """
    if not isinstance(text, str):
        raise UsageError(f"report {number} (counted from 0) is no text; expected a string, found {type(text).__name__}")
    return text
