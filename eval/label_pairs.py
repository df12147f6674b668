"""What two sources say of the same studies, or of the same of what they both speak of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..store.errors import UnknownNameError, UsageError
from .findings import ALL
from .label_pairs_sql import ComparedUnit, LabelName, pairs_query
from .quoting import listed
from .slugs import slug

if TYPE_CHECKING:
    from ..store.bank import Bank

COMPARED_UNITS: tuple[ComparedUnit, ...] = get_args(ComparedUnit)
"""From the finest to the coarsest."""


@final
@dataclass(frozen=True)
class LabelPairs:
    """What both sources say of N units."""

    finding: str
    """As the first source names it."""
    second_finding: str
    """As the second does."""
    first: NDArray[np.int64]
    """(N,) codes of statuses, as in `label_policy.RANKED_STATUSES`."""
    second: NDArray[np.int64]
    """(N,)."""
    patients: NDArray[np.str_]
    """(N,) pseudonyms."""
    only_first: int
    """Units of which the second says nothing."""
    only_second: int


@final
@dataclass(frozen=True)
class PairedLabels:
    """Pairs of each finding, and how they came about."""

    first: str
    """The source, by its whole name."""
    second: str
    unit: ComparedUnit
    pairs: tuple[LabelPairs, ...]
    remarks: tuple[str, ...]


def paired_labels(bank: Bank, first: str, second: str, findings: Sequence[str] = (), unit: ComparedUnit | None = None) -> PairedLabels:
    """The latest labels of two sources, side by side.

    A finding is the same in both where its name is, but for case and what is neither letter nor digit: `Lung nodule` is `lung_nodule`.
    The label of a study whose volumes or slices alone are labelled is the status that says most of theirs: present where any is.

    Args:
        bank: the bank.
        first: a source, as in `labels.source`, or its part before a colon or an @ where no other has that
            (`rules` or `rules:SET` for `rules:SET@DIGEST`).
        second: another.
        findings: as either source names them, several with commas; of a categorical one a class, as `finding=class`. By default, or with
            `all`, every finding that both label.
        unit: what is compared; `volume` and `slice` are of primary series. By default the finest that both sources label by itself, and
            volumes rather than slices.

    Raises:
        UnknownNameError: a source, a finding or the unit is none.
        UsageError: the sources are one, have no finding or no unit in common, or a name may mean several findings.
    """
    if unit not in (None, *COMPARED_UNITS):
        raise UnknownNameError("unit", str(unit), COMPARED_UNITS)
    known = bank.sql("SELECT DISTINCT source FROM latest_labels ORDER BY ALL").column("source").to_pylist()
    first, second = (_source(source, known) for source in (first, second))
    if first == second:
        raise UsageError(f"source {first!r} is compared with itself; name two of: {', '.join(known)}")
    rows = bank.sql(f"""SELECT DISTINCT source, finding, category, CASE level WHEN 'series' THEN 'volume' ELSE level END AS level
        FROM latest_labels WHERE source IN {listed((first, second))} AND level <> 'snippet' ORDER BY ALL""").to_pylist()
    names: dict[str, dict[str, LabelName]] = {first: {}, second: {}}
    for row in rows:
        shown = row["finding"] if row["category"] is None else f"{row['finding']}={row['category']}"
        names[row["source"]][shown] = (row["finding"], row["category"])
    asked, remarks = _common(names, first, second, findings)
    spoken = {(names[source][shown][0], source) for pair in asked for shown, source in zip(pair, (first, second), strict=True)}
    levels: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if (row["finding"], row["source"]) in spoken:
            levels[row["source"]].add(row["level"])
    chosen = unit or COMPARED_UNITS[max(_own_level(levels[source]) for source in (first, second))]
    if chosen == "slice" and (lacking := [source for source in (first, second) if "slice" not in levels[source]]):
        raise UsageError(f"source {lacking[0]!r} says nothing of single slices, only of each {_told(levels[lacking[0]])}; leave --unit out")
    remarks += [
        f"what {source} says of each {_told(lifted)} is taken for the {chosen}: the status that says most, present where any is"
        for source in (first, second)
        if (lifted := {one for one in levels[source] if COMPARED_UNITS.index(one) < COMPARED_UNITS.index(chosen)})  # pyright: ignore[reportArgumentType]
        and chosen not in levels[source]
    ]
    of_studies_alone = chosen == "study" and all(levels[source] == {"study"} for source in (first, second))
    called = [(names[first][one], names[second][other]) for one, other in asked]
    answer = bank.sql(pairs_query(chosen, (first, second), called, of_studies_alone=of_studies_alone))
    pairs = tuple(_pairs(answer, place, one, other) for place, (one, other) in enumerate(asked))
    if not any(len(each.first) for each in pairs):
        raise UsageError(
            f"{first} and {second} label no {chosen} in common; is one of them of other scans, or of scans that are not primary?"
        )
    return PairedLabels(first, second, chosen, pairs, tuple(remarks))


def _source(text: str, known: Sequence[str]) -> str:
    if text in known:
        return text
    found = [source for source in known if source.startswith((f"{text}:", f"{text}@"))]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"source {text!r} may be any of {', '.join(found)}; name one of them")
    hint = "" if known else "The bank has no labels yet: `scanbank ingest BANK --labels FILE` brings them"
    raise UnknownNameError("source of labels", text, known, hint)


def _common(
    names: Mapping[str, Mapping[str, LabelName]], first: str, second: str, findings: Sequence[str]
) -> tuple[list[tuple[str, str]], list[str]]:
    """(name in the first source, name in the second) of what is asked for, and remarks on what only one of them has."""
    every = {name for source in names.values() for name in source}
    texts = [name for text in findings for name in ([text] if text in every else text.split(",")) if name.strip()]
    texts = [text if text in every else text.strip() for text in texts]
    found: dict[tuple[str, str], None] = {}
    remarks: list[str] = []
    if not texts or ALL in texts:
        slugs = {slug(name) for name in names[second]}
        shared = sorted(name for name in names[first] if slug(name) in slugs)
        found |= {(name, other): None for name in shared if (other := _named(names[second], second, name))}
        if not found:
            some = "; ".join(f"{source} has {', '.join(sorted(names[source])[:5])}" for source in (first, second))
            raise UsageError(f"{first} and {second} label no finding in common: {some}")
    for text in (text for text in texts if text != ALL):
        one, other = _named(names[first], first, text), _named(names[second], second, text)
        if one is None and other is None:
            raise UnknownNameError("finding", text, every)
        if one is None or other is None:
            remarks.append(f"{second if other is None else first} has no labels of {text}: it is left out")
        else:
            found[one, other] = None
    if not found:
        raise UsageError(f"none of the findings is labelled by both {first} and {second}; leave --finding out for all that are")
    return list(found), remarks


def _named(names: Mapping[str, LabelName], source: str, text: str) -> str | None:
    if text in names:
        return text
    alike = [name for name in names if slug(name) == slug(text)]
    if len(alike) > 1:
        raise UsageError(f"finding {text!r} may be any of {', '.join(alike)} of {source}; name one as it is written, with --finding")
    return alike[0] if alike else None


def _own_level(levels: set[str]) -> int:
    """The finest level that a source speaks of, slices only where there is nothing else."""
    places = sorted(COMPARED_UNITS.index(level) for level in levels)  # pyright: ignore[reportArgumentType]
    return next((place for place in places if COMPARED_UNITS[place] != "slice"), 0)


def _told(levels: set[str]) -> str:
    return " and ".join(level for level in COMPARED_UNITS if level in levels)


def _pairs(answer: pa.Table, place: int, finding: str, other: str) -> LabelPairs:
    mine = answer.filter(pa.array(answer.column("place").to_numpy() == place))
    codes = [np.nan_to_num(mine.column(name).to_numpy().astype(np.float64), nan=-1).astype(np.int64) for name in ("first", "second")]
    said = [column >= 0 for column in codes]
    both = said[0] & said[1]
    patients = mine.column("patient").combine_chunks().dictionary_encode()
    names = np.array(patients.dictionary.to_pylist(), dtype=np.str_)[patients.indices.to_numpy()[both]]
    return LabelPairs(finding, other, codes[0][both], codes[1][both], names, int((~said[1]).sum()), int((~said[0]).sum()))
