"""Labels of a bank's reports: read, compared with what the bank holds, and written in one commit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, final

from ...store.digests import canonical_json, spec_digest
from ...store.errors import UsageError
from ...store.progress import Progress, Silent
from ..quoting import quoted
from ..study import LABEL_POLICY
from .bank_reports import bank_reports
from .cues import RULES_VERSION, TRIGGERS
from .finding import FindingSet
from .rules import RuleLabeler
from .statuses import STATUSES, UNCERTAIN, Status

if TYPE_CHECKING:
    from ...store.bank import Bank

Statuses = Mapping[str, Mapping[str, Status]]
"""Study to finding to status."""


@final
@dataclass(frozen=True)
class Labelled:
    """What became of a bank's reports."""

    source: str
    """As in `labels.source`."""
    reports: int
    changed: int
    """Labels that are new or differ from those that the source said before."""
    withdrawn: int
    """Labels of reports that the bank no longer holds: they are uncertain now, which counts as unknown."""
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Finding to status to reports."""
    written: bool = True


def label_by_rules(bank: Bank, findings: FindingSet, *, write: bool = True, progress: Progress | None = None) -> Labelled:
    """Label every report of a bank by rules, as source `rules:SET@DIGEST`. What is labelled so already stays as it is.

    Args:
        bank: with reports.
        findings: what is labelled.
        write: False shows what would be written.
        progress: who is told how far it is.

    Raises:
        UsageError: the bank has no report text.
    """
    listener = progress or Silent()
    labeler = RuleLabeler(findings)
    found: dict[str, dict[str, Status]] = {}
    total = int(bank.sql("SELECT count(DISTINCT study) AS n FROM snippets").column("n")[0].as_py())
    listener.start("reading reports", total)
    for report in bank_reports(bank):
        found[report.study] = labeler.label_sections(report.sections)
        listener.advance()
    settings = {"rules": RULES_VERSION, "cues": spec_digest(TRIGGERS)}
    return write_labels(bank, "rules", findings, found, settings, write=write)


def write_labels(
    bank: Bank,
    method: str,
    findings: FindingSet,
    found: Statuses,
    settings: Mapping[str, Any],
    *,
    source: str = "",
    write: bool = True,
) -> Labelled:
    """Put statuses of studies into the table `labels`, those that differ from what the source said before, with a row in `runs`.

    Args:
        bank: where they go; one commit.
        method: who found them.
        findings: what was labelled.
        found: study to finding to status.
        settings: what the labels depend on beside the findings, for the table `runs`.
        source: as in `labels.source`; by default `method:SET@DIGEST`.
        write: False only counts.

    Raises:
        UsageError: nothing is found, as of a bank without report text.
    """
    if not found:
        raise UsageError("the bank holds no report text to label: `scanbank ingest BANK --reports FILE` brings reports")
    source, started = source or f"{method}:{findings.source}", datetime.now(UTC)
    told = {**settings, "method": method, "findings": findings.name, "digest": findings.digest, "source": source, "policy": LABEL_POLICY}
    said = {name: Counter(labels[name] for labels in found.values()) for name in findings.names}
    counts = {name: {status: said[name][status] for status in STATUSES} for name in findings.names}
    rows, gone = _differing(bank, source, found)
    changed = len(rows) - gone
    if not write or not rows:
        return Labelled(source, len(found), changed, gone, counts, written=False)
    for commit in bank.commits(f"label: {source}, {len(found)} reports"):
        with commit:
            bank.refresh()  # what is compared from here on is what the rows build on
            rows, gone = _differing(bank, source, found)
            commit.append("labels", rows)
            run = {"run": f"label-{spec_digest(told)[:12]}", "command": "label", "settings": canonical_json(told)}
            commit.append("runs", [run | {"started": started, "finished": datetime.now(UTC)}])
    bank.refresh()
    return Labelled(source, len(found), len(rows) - gone, gone, counts)


def _differing(bank: Bank, source: str, found: Statuses) -> tuple[list[dict[str, Any]], int]:
    """Rows for what the bank does not hold yet, and how many of them take back labels of reports that are gone."""
    answer = bank.sql(f"SELECT item, finding, status FROM latest_labels WHERE level = 'study' AND source = {quoted(source)}")
    held = {(row["item"], row["finding"]): row["status"] for row in answer.to_pylist()}
    known = {row["study"] for row in bank.sql("SELECT study FROM studies").to_pylist()}
    said = {(study, finding): status for study, labels in found.items() for finding, status in labels.items() if study in known}
    gone = {key: UNCERTAIN for key, status in held.items() if key[0] not in found and status != UNCERTAIN}
    rows = [
        {"item": study, "level": "study", "finding": finding, "status": status, "source": source}
        for (study, finding), status in (said | gone).items()
        if held.get((study, finding)) != status
    ]
    return rows, len(gone)
