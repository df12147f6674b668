"""What a report says of each study, in words and tables: the same in HTML, Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from ..averaging import MICRO
from .averages import found_averages
from .differences import difference_table, differences
from .located import localization_told
from .retrieved import retrieval_told
from .rows import measured_runs
from .studies import FoundStudy, found_studies
from .tables import Table, part_table, study_tables

if TYPE_CHECKING:
    from ...store.bank import Bank

PARTS = 6
"""More methods than these are not shown by part of the test side."""


@final
@dataclass(frozen=True)
class Chapter:
    """A study, or another evaluation."""

    title: str
    caption: str
    tables: tuple[Table, ...]
    study: FoundStudy | None = None
    """None of what is no study of findings, such as retrieval."""

    @property
    def reasons(self) -> list[str]:
        """Why cells have no value, each once."""
        return sorted({reason for table in self.tables for reason in table.reasons})


def chapters(bank: Bank) -> list[Chapter]:
    """Averages over findings first, then each finding, then what is no study of findings."""
    runs = measured_runs(bank)
    studies = found_studies(bank, runs)
    others = [Chapter(title, caption, tuple(tables)) for title, caption, tables in (*retrieval_told(bank), *localization_told(bank))]
    return [*(_average(one) for one in found_averages(runs, studies)), *(_chapter(bank, study) for study in studies), *others]


def _average(study: FoundStudy) -> Chapter:
    of, many = ", ".join(study.over), f"{len(study.over)} findings"
    if study.finding == MICRO:
        title, how = f"All items of {many} together", "their items ranked together by probability, each called at its finding's threshold"
        caption = f"Micro average of {of}: {how}.{_told(study)}"
    else:
        title, caption = f"Mean over {many}", f"Macro average of {of}: the mean of their metrics, draw by draw.{_told(study)}"
    return Chapter(title, caption, tuple(study_tables(study)), study)


def _chapter(bank: Bank, study: FoundStudy) -> Chapter:
    sides = ", ".join(
        f"{side} {count['present']} {study.unit}s with it and {count['absent']} without, of {count['patients']} patients"
        for side in ("train", "val", "test")
        if (count := study.counts[side])["patients"]
    )
    leaks = f" Test data may be on the training side, and that was allowed: {', '.join(study.leaks)}." if study.leaks else ""
    caption = f"By {study.unit}, labels of {study.source or 'any source'}, split {study.split}: {sides}.{_told(study)}{leaks}"
    tables: Sequence[Table] = study_tables(study)
    if best := study.ranked_by_part(PARTS):
        tables = [*tables, part_table(study, "auroc", best)]
    if rows := differences(bank, study):
        tables = [*tables, difference_table(rows)]
    return Chapter(study.finding, caption, tuple(tables), study)


def _told(study: FoundStudy) -> str:
    """Of draws, and of what is not as usual about thresholds and probabilities."""
    said, how = "", study.measuring
    if study.drawn is not None:
        seed, repeats = study.drawn
        said = f" {repeats} draw{'s' * (repeats != 1)} of each number of shots, seed {seed}, the same for every method."
    named = {
        "threshold": f" Called at the validation side's threshold of the rule {how.threshold}.",
        "calibration": f" Probabilities calibrated on the validation side ({how.calibration}).",
    }
    return said + "".join(named[name] for name in how.unusual)
