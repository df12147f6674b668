"""What a study found: of each metric the mean and deviation over repeats, read from the tables that everyone reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

from .quoting import listed, quoted
from .study import Study

if TYPE_CHECKING:
    from ..store.bank import Bank


@final
@dataclass(frozen=True)
class Asked:
    """Which of a run's cells."""

    features: tuple[str, ...]
    heads: tuple[str, ...]
    shots: tuple[int | None, ...]
    repeats: int
    metrics: tuple[str, ...]


@final
@dataclass(frozen=True)
class Summary:
    """A metric over the repeats of one head on one feature set."""

    features: str
    head: str
    shots: int | None
    """Of each class; 0 for zero-shot, None for the whole training side."""
    metric: str
    mean: float | None
    sd: float | None
    """Of the sample (n - 1); None for a single value."""
    values: int
    """Repeats with a value."""
    lo: float | None
    hi: float | None
    """95%, of a single fit: of several, the deviation tells."""
    reason: str
    """Why there is no value, where there is none."""
    subgroup: str = ""
    """Such as `source=a`; empty for all of the test side."""


@final
@dataclass(frozen=True)
class Result:
    """A finished study of one finding."""

    run: str
    study: Study
    settings: Mapping[str, Any]
    remarks: tuple[str, ...]
    made: int
    """Fits that were missing; the others were in the bank."""
    rows: tuple[Summary, ...]
    saved: tuple[str, ...] = ()
    """Folders of heads that were saved."""

    def summary(self) -> list[Summary]:
        """By feature set, head, shots and metric, as they were asked for; of the whole test side."""
        return [row for row in self.rows if not row.subgroup]


def summarized(bank: Bank, run: str, asked: Asked) -> tuple[Summary, ...]:
    """What the bank holds of a run's cells."""
    rows = bank.sql(f"""
        SELECT features, head, shots, metric, coalesce(subgroup, '') AS subgroup, list(value ORDER BY repeat) AS values,
            any_value(lo) AS lo, any_value(hi) AS hi, any_value(reason) AS reason
        FROM metrics WHERE run = {quoted(run)} AND (shots IS NULL OR shots = 0 OR repeat < {asked.repeats})
        AND features IN {listed(asked.features)} AND head IN {listed(asked.heads)} AND metric IN {listed(asked.metrics)}
        GROUP BY ALL""").to_pylist()
    order: Sequence[Sequence[Any]] = (asked.features, asked.heads, asked.shots, asked.metrics)
    places = [{value: place for place, value in enumerate(values)} for values in order]

    def place(row: dict[str, Any]) -> tuple[Any, ...]:
        named = (row["features"], row["head"], row["shots"], row["metric"])
        return (*(found.get(value, -1) for found, value in zip(places, named, strict=True)), row["subgroup"])

    return tuple(_summed(row) for row in sorted(rows, key=place) if row["shots"] in places[2])


def _summed(row: dict[str, Any]) -> Summary:
    values = [value for value in row["values"] if value is not None]
    alone = len(row["values"]) == 1
    return Summary(
        row["features"],
        row["head"],
        row["shots"],
        row["metric"],
        float(np.mean(values)) if values else None,
        float(np.std(values, ddof=1)) if len(values) > 1 else None,
        len(values),
        row["lo"] if alone else None,
        row["hi"] if alone else None,
        row["reason"] or "",
        row["subgroup"],
    )
