"""The reports of a bank, by study, as its snippets hold them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, final

from ...store.schema import TABLES

if TYPE_CHECKING:
    from ...store.bank import Bank


@final
@dataclass(frozen=True)
class StudyReport:
    """What a bank keeps of one study's report."""

    study: str
    sections: tuple[tuple[str, str], ...]
    """(section, text), in the report's order; `report` where it has no headings."""

    @property
    def text(self) -> str:
        """The whole, with headings, as `store.sections` reads them again."""
        return "\n\n".join(text if name == "report" else f"{name.upper()}:\n{text}" for name, text in self.sections)


def bank_reports(bank: Bank) -> Iterator[StudyReport]:
    """Every study that has report text, by the study's name."""
    # The one place that knows which rows of `snippets` are sections: those of sentences, where a bank keeps them, repeat them.
    whole = "WHERE sentence IS NULL" if "sentence" in TABLES["snippets"].schema.names else ""
    batches = bank.sql_batches(f"SELECT study, section, text FROM snippets {whole} ORDER BY study, ordinal")
    rows = (row for batch in batches for row in batch.to_pylist())
    for study, mine in groupby(rows, key=lambda row: row["study"]):
        yield StudyReport(study, tuple((row["section"], row["text"]) for row in mine))
