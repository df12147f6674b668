"""Labels of a bank's reports by a language model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, final

from ...store.errors import UsageError
from ...store.progress import Progress
from ..quoting import quoted
from .bank_labels import Labelled, write_labels
from .bank_reports import bank_reports
from .finding import FindingSet
from .llm import LlmLabels, llm_labels
from .llm_cache import AnswerCache, report_digest
from .llm_plan import Plan, plan
from .llm_prompt import Prompt
from .llm_settings import LlmSettings

if TYPE_CHECKING:
    from ...store.bank import Bank

_STAGE = "label"


@final
@dataclass(frozen=True)
class LlmJob:
    """A bank's reports, and whom they go to."""

    studies: tuple[str, ...]
    texts: tuple[str, ...]
    prompt: Prompt
    settings: LlmSettings
    planned: Plan
    """What would be sent."""


@final
@dataclass(frozen=True)
class LlmLabelled:
    """What became of a bank's reports."""

    labelled: Labelled
    said: LlmLabels
    failures: Mapping[str, str]
    """Study to reason; they are in the table `failures` too."""


def llm_job(bank: Bank, findings: FindingSet, settings: LlmSettings) -> LlmJob:
    """What labelling a bank's reports would send; nothing is sent.

    Raises:
        UsageError: the bank has no report text.
        BankAccessError: the cache of answers cannot be used.
    """
    reports = tuple((report.study, report.text) for report in bank_reports(bank))
    if not reports:
        raise UsageError("the bank holds no report text to label: `scanbank ingest BANK --reports FILE` brings reports")
    prompt = Prompt(findings, settings.examples)
    texts = tuple(text for _, text in reports)
    with AnswerCache.open(prompt.digest(settings), settings.model) as cache:
        planned = plan(texts, prompt, cache)
    return LlmJob(tuple(study for study, _ in reports), texts, prompt, settings, planned)


def label_by_llm(bank: Bank, job: LlmJob, *, write: bool = True, progress: Progress | None = None) -> LlmLabelled:
    """Label every report by a model, as source `llm:MODEL@DIGEST`. Reports that fail are noted, and asked again by the next run.

    Args:
        bank: whose reports they are.
        job: as `llm_job` made it.
        write: False shows what would be written.
        progress: told of each answer.

    Raises:
        UsageError: the settings do not allow to send texts, and some are to be sent.
        EndpointError: the endpoint refuses everything, or is not there; answers that came are kept for the next run.
        BankAccessError: the cache of answers cannot be used.
    """
    said = llm_labels(job.texts, job.prompt.findings, job.settings, progress=progress)
    failures = {job.studies[number]: reason for number, reason in said.failures.items()}
    found = {study: labels for study, labels in zip(job.studies, said.labels, strict=True) if labels is not None}
    if write:
        _note(bank, said.source, failures)
    if not found:
        counts = {name: {} for name in job.prompt.findings.names}
        return LlmLabelled(Labelled(said.source, 0, 0, 0, counts, written=False), said, failures)
    told = _settings(job)
    labelled = write_labels(bank, "llm", job.prompt.findings, found, told, source=said.source, write=write)
    return LlmLabelled(labelled, said, failures)


def _settings(job: LlmJob) -> dict[str, Any]:
    """For the table `runs`. Of examples, which are reports too, the digests."""
    settings, prompt = job.settings, job.prompt
    return {
        "model": settings.model,
        "endpoint": settings.url,
        "prompt": prompt.instructions,
        "prompt_digest": prompt.digest(settings),
        "examples": [report_digest(example.report) for example in prompt.examples],
        "format": settings.format,
        "temperature": settings.temperature,
        "max_tokens": settings.max_tokens,
    }


def _note(bank: Bank, source: str, failures: Mapping[str, str]) -> None:
    """One row for each report that failed; those that went well since are cleared."""
    before = f"{source}:"
    query = f"SELECT source, reason FROM failures WHERE stage = '{_STAGE}' AND starts_with(source, {quoted(before)})"
    held = {row["source"]: row["reason"] for row in bank.sql(query).to_pylist()}
    rows = {before + study: reason for study, reason in failures.items()}
    rows |= {name: "" for name in held if name not in rows}
    changed = {name: reason for name, reason in rows.items() if held.get(name) != reason}
    if not changed:
        return
    noticed = datetime.now(UTC)
    for commit in bank.commits(f"label: {source}, {len(failures)} reports without an answer"):
        with commit:
            commit.append(
                "failures",
                [{"stage": _STAGE, "source": name, "reason": reason, "files": 0, "noticed": noticed} for name, reason in changed.items()],
            )
    bank.refresh()
