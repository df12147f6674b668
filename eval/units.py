"""What is evaluated: volumes of primary series, or their slices, with the labels that a finding has for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, final, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..store.errors import UnknownNameError, UsageError
from .quoting import listed, quoted

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
    (found,) = units_of_each(bank, [finding], unit, source)
    if isinstance(found, UsageError):
        raise found
    return found


def units_of_each(
    bank: Bank, findings: Sequence[str], unit: Unit | None = None, source: str | None = None
) -> tuple[Units | UsageError, ...]:
    """As `evaluation_units`, of several findings in two queries; of those that cannot be evaluated, why.

    Raises:
        UnknownNameError: a finding or source is none.
    """
    if unit not in (None, *UNITS):
        raise UnknownNameError("unit", str(unit), UNITS)
    names = {part for finding in findings for part in (finding, finding.partition("=")[0])}
    # the names are those as they were said, which costs a tenth of spreading each to its volumes
    query = "SELECT DISTINCT finding, category, source, level = 'slice' AS by_slice FROM latest_labels WHERE finding IN {} ORDER BY ALL"
    said = bank.sql(query.format(listed(sorted(names)))).to_pylist()
    asked: list[_Asked | UsageError] = []
    for finding in findings:
        try:
            asked.append(_asked(bank, finding, unit, source, said))
        except UnknownNameError:
            raise
        except UsageError as error:
            asked.append(error)
    wanted = [one for one in asked if isinstance(one, _Asked)]
    rows = {key: _rows(bank, *key, [one.name for one in wanted if one.key == key]) for key in dict.fromkeys(one.key for one in wanted)}
    return tuple(one if isinstance(one, UsageError) else _units(one, rows[one.key]) for one in asked)


@final
@dataclass(frozen=True)
class _Asked:
    """A finding, and how it is evaluated."""

    finding: str
    name: str
    category: str | None
    unit: Unit
    source: str

    @property
    def key(self) -> tuple[Unit, str]:
        return self.unit, self.source


def _asked(bank: Bank, finding: str, unit: Unit | None, source: str | None, said: Sequence[Mapping[str, Any]]) -> _Asked:
    name, category = _resolved(bank, finding, said)
    held = [row for row in said if row["finding"] == name]
    by_slice = {row["by_slice"] for row in held}
    chosen: Unit = unit or ("slice" if by_slice == {True} else "volume")
    if (chosen == "slice") not in by_slice:
        other = "slice" if chosen == "volume" else "volume"
        raise UsageError(f"finding {finding!r} has no labels for each {chosen}, only for each {other}; ask for --unit {other}")
    sources = sorted({row["source"] for row in held if row["by_slice"] == (chosen == "slice")})
    return _Asked(finding, name, category, chosen, _source(finding, sources, source))


def _units(asked: _Asked, rows: Mapping[str, NDArray[Any]]) -> Units | UsageError:
    mine = np.flatnonzero(rows["finding"] == asked.name)
    values = rows["value"][mine]
    known = np.flatnonzero(~np.isnan(values))
    finding, at = asked.finding, mine[known]
    if not len(known):
        what = f"all {len(mine)} labels of its primary series are uncertain" if len(mine) else "none of its labels is for a primary series"
        return UsageError(f"finding {finding!r} cannot be evaluated by {asked.unit}: {what}")
    y = (rows["category"][at] == asked.category if asked.category is not None else values[known]).astype(np.int64)
    if len(np.unique(y)) < 2:
        what = "present" if y[0] else "absent"
        return UsageError(
            f"finding {finding!r} has one class only: all {len(y)} labelled {asked.unit}s are {what}; nothing can be told apart"
        )
    told = finding, asked.unit, asked.source, tuple(rows["item"][at].tolist()), rows["ordinal"][at]
    names = rows["volume"][at].astype(np.str_), rows["patient"][at].astype(np.str_)
    return Units(*told, *names, np.stack([rows["first"][at], rows["slices"][at]], axis=1), y, len(mine) - len(known))


def _rows(bank: Bank, unit: Unit, source: str, findings: Sequence[str]) -> Mapping[str, NDArray[Any]]:
    """Columns of these findings' labels, in the order of ordinals."""
    answer = bank.sql(_query(unit, findings, source))
    return {name: _values(answer.column(name)) for name in answer.column_names}


def _values(column: pa.ChunkedArray) -> NDArray[Any]:
    """Numbers as they are, null as NaN; texts as objects, each text once in memory, null as None."""
    if not pa.types.is_string(column.type):
        return column.to_numpy()
    encoded = column.combine_chunks().dictionary_encode()
    texts = np.array([*encoded.dictionary.to_pylist(), None], dtype=object)
    return texts[encoded.indices.fill_null(len(texts) - 1).to_numpy(zero_copy_only=False)]


def _resolved(bank: Bank, finding: str, said: Sequence[Mapping[str, Any]]) -> tuple[str, str | None]:
    """(name, class) of a finding; the class is None where the finding is no categorical one."""
    classes = {row["finding"]: sorted({r["category"] for r in said if r["finding"] == row["finding"]} - {None}) for row in said}
    if finding in classes:
        if classes[finding]:
            every = ", ".join(f"{finding}={one}" for one in classes[finding])
            raise UsageError(f"finding {finding!r} has classes; ask for one of them against the others: {every}")
        return finding, None
    name, _, category = finding.partition("=")
    if category and classes.get(name):
        if category not in classes[name]:
            raise UnknownNameError(f"class of {name}", category, classes[name])
        return name, category
    known = bank.sql("SELECT DISTINCT finding FROM labels ORDER BY ALL").column("finding").to_pylist()
    hint = "" if known else "The bank has no labels yet: `scanbank ingest BANK --labels FILE` brings them"
    raise UnknownNameError("finding", finding, known, hint)


def _source(finding: str, known: list[str], asked: str | None) -> str:
    if asked is not None:
        if asked not in known:
            raise UnknownNameError(f"source of labels of {finding}", asked, known)
        return asked
    if len(known) > 1 and FIRST_SOURCE not in known:
        raise UsageError(f"finding {finding!r} is labelled by several sources; ask for one of them with --source: {', '.join(known)}")
    return FIRST_SOURCE if FIRST_SOURCE in known else known[0]


def _query(unit: Unit, findings: Sequence[str], source: str) -> str:
    labelled = f"l.finding IN {listed(sorted(set(findings)))} AND l.source = {quoted(source)} AND v.is_primary"
    if unit == "volume":
        return f"""SELECT v.volume AS item, v.ordinal, v.volume, v.patient, v.slice_ordinal AS first, v.slices, l.finding, l.value,
            l.category FROM labels l JOIN volumes v ON v.volume = l.item WHERE l.level <> 'slice' AND {labelled} ORDER BY v.ordinal"""
    return f"""SELECT s.slice AS item, s.ordinal, v.volume, v.patient, s.ordinal AS first, 1 AS slices, l.finding, l.value, l.category
        FROM labels l JOIN slices s ON s.slice = l.item JOIN volumes v ON v.volume = s.volume
        WHERE l.level = 'slice' AND {labelled} ORDER BY s.ordinal"""
