"""What is evaluated: volumes of primary series, or their slices, with the labels that a finding has for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, final, get_args

import numpy as np
from numpy.typing import NDArray

from ..store.errors import UnknownNameError, UsageError
from .quoting import quoted

if TYPE_CHECKING:
    from ..store.bank import Bank

Unit = Literal["volume", "slice"]
UNITS: tuple[str, ...] = get_args(Unit)
FIRST_SOURCE = "table"
"""Whose labels count where several sources label a finding and none is asked for."""


@final
@dataclass(frozen=True)
class Units:
    """The N items of a finding whose label is known, by ordinal."""

    finding: str
    unit: Unit
    source: str
    """Who says so, as in `labels.source`."""
    items: tuple[str, ...]
    """Ids of volumes or slices."""
    ordinals: NDArray[np.int64]
    """(N,), of the volume or the slice: what feature arrays hold."""
    volumes: NDArray[np.str_]
    """(N,): the volume that each is, or is of."""
    patients: NDArray[np.str_]
    """(N,) pseudonyms."""
    slices: NDArray[np.int64]
    """(N, 2): for volumes, the ordinal of the first slice and their number; for slices, the slice itself and 1."""
    y: NDArray[np.int64]
    """(N,), 0 or 1."""
    unknown: int
    """How many more are labelled as uncertain: they are left out."""

    def __len__(self) -> int:
        return len(self.items)

    def of(self, rows: NDArray[np.int64]) -> Units:
        """Only these rows."""
        arrays = {name: getattr(self, name)[rows] for name in ("ordinals", "volumes", "patients", "slices", "y")}
        return replace(self, items=tuple(self.items[row] for row in rows), **arrays)


def evaluation_units(bank: Bank, finding: str, unit: Unit | None = None, source: str | None = None) -> Units:
    """The items of primary series that have a known label of a finding.

    Args:
        bank: the bank.
        finding: its name; of a categorical finding one class, as `finding=class`, against all others.
        unit: `volume` or `slice`; by default volumes, unless only slices are labelled.
        source: whose labels; by default those of `table`, or of the only source that there is.

    Raises:
        UnknownNameError: there is no such finding or source; the message suggests the nearest.
        UsageError: nothing in question is labelled, or all of it with one class.
    """
    if unit not in (None, *UNITS):
        raise UnknownNameError("unit", str(unit), UNITS)
    name, category = _resolved(bank, finding)
    counts = bank.sql(
        f"SELECT source, level = 'slice' AS by_slice, count(*) AS n FROM labels WHERE finding = {quoted(name)} GROUP BY ALL ORDER BY ALL"
    ).to_pylist()
    by_slice = {row["by_slice"] for row in counts}
    chosen: Unit = unit or ("slice" if by_slice == {True} else "volume")
    if (chosen == "slice") not in by_slice:
        other = "slice" if chosen == "volume" else "volume"
        raise UsageError(f"finding {finding!r} has no labels for each {chosen}, only for each {other}; ask for --unit {other}")
    said = _source(finding, [row["source"] for row in counts if row["by_slice"] == (chosen == "slice")], source)
    rows = bank.sql(_query(chosen, name, said)).to_pylist()
    values = [None if r["value"] is None else int(r["category"] == category) if category is not None else int(r["value"]) for r in rows]
    known = [place for place, value in enumerate(values) if value is not None]
    if not known:
        what = f"all {len(rows)} labels of its primary series are uncertain" if rows else "none of its labels is for a primary series"
        raise UsageError(f"finding {finding!r} cannot be evaluated by {chosen}: {what}")
    y = np.array([values[place] for place in known], dtype=np.int64)
    if len(set(y.tolist())) < 2:
        what = "present" if y[0] else "absent"
        raise UsageError(f"finding {finding!r} has one class only: all {len(y)} labelled {chosen}s are {what}; nothing can be told apart")

    def column(key: str) -> list[Any]:
        return [rows[place][key] for place in known]

    return Units(
        finding,
        chosen,
        said,
        tuple(column("item")),
        np.array(column("ordinal"), dtype=np.int64),
        np.array(column("volume"), dtype=np.str_),
        np.array(column("patient"), dtype=np.str_),
        np.stack([np.array(column("first"), dtype=np.int64), np.array(column("slices"), dtype=np.int64)], axis=1),
        y,
        len(rows) - len(known),
    )


def _resolved(bank: Bank, finding: str) -> tuple[str, str | None]:
    """(name, class) of a finding; the class is None where the finding is no categorical one."""
    rows = bank.sql("SELECT DISTINCT finding, category FROM labels ORDER BY ALL").to_pylist()
    classes: dict[str, list[str]] = {row["finding"]: [] for row in rows}
    for row in rows:
        if row["category"] is not None:
            classes[row["finding"]].append(row["category"])
    if finding in classes:
        if classes[finding]:
            listed = ", ".join(f"{finding}={one}" for one in classes[finding])
            raise UsageError(f"finding {finding!r} has classes; ask for one of them against the others: {listed}")
        return finding, None
    name, _, category = finding.partition("=")
    if category and classes.get(name):
        if category not in classes[name]:
            raise UnknownNameError(f"class of {name}", category, classes[name])
        return name, category
    hint = "" if classes else "The bank has no labels yet: `scanbank ingest BANK --labels FILE` brings them"
    raise UnknownNameError("finding", finding, classes, hint)


def _source(finding: str, known: list[str], asked: str | None) -> str:
    if asked is not None:
        if asked not in known:
            raise UnknownNameError(f"source of labels of {finding}", asked, known)
        return asked
    if len(known) > 1 and FIRST_SOURCE not in known:
        raise UsageError(f"finding {finding!r} is labelled by several sources; ask for one of them with --source: {', '.join(known)}")
    return FIRST_SOURCE if FIRST_SOURCE in known else known[0]


def _query(unit: Unit, finding: str, source: str) -> str:
    labelled = f"l.finding = {quoted(finding)} AND l.source = {quoted(source)} AND v.is_primary"
    if unit == "volume":
        return f"""SELECT v.volume AS item, v.ordinal, v.volume, v.patient, v.slice_ordinal AS first, v.slices, l.value, l.category
            FROM labels l JOIN volumes v ON v.volume = l.item WHERE l.level <> 'slice' AND {labelled} ORDER BY v.ordinal"""
    return f"""SELECT s.slice AS item, s.ordinal, v.volume, v.patient, s.ordinal AS first, 1 AS slices, l.value, l.category
        FROM labels l JOIN slices s ON s.slice = l.item JOIN volumes v ON v.volume = s.volume
        WHERE l.level = 'slice' AND {labelled} ORDER BY s.ordinal"""
