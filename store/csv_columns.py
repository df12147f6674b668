"""What each column of a table is: key, id, split, report, finding, class, attribute, or ignored."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from .csv_cells import EXPECTED_FINDING
from .csv_types import KeyKind, Section, TableOptions
from .errors import TableError, UnknownNameError

IDS = ("path", "series_uid", "accession", "study_uid", "patient_id", "slice_number", "group")
SECTIONS: tuple[Section, ...] = ("report", "findings", "impression")
SPLIT = "split"
RESERVED = frozenset((*IDS, *SECTIONS, SPLIT))
"""Names with a meaning of their own, known in any case."""

_SHOWN = 5
"""Columns of which an error shows a cell."""

# From the most specific on: the first whose columns are all there is the key.
_KEYS: tuple[tuple[KeyKind, tuple[str, ...]], ...] = (
    ("path", ("path",)),
    ("series_uid", ("series_uid",)),
    ("accession", ("accession",)),
    ("study_uid", ("study_uid",)),
    ("patient_slice", ("patient_id", "slice_number")),
    ("patient_id", ("patient_id",)),
    ("none", ()),
)


@dataclass(frozen=True)
class Columns:
    """Where to look in a record: name to 0-based position, by what the column is."""

    key_kind: KeyKind
    key: tuple[int, ...]
    ids: Mapping[str, int]
    findings: Mapping[str, int]
    classes: Mapping[str, int]
    attributes: Mapping[str, int]
    reports: Mapping[Section, int]
    split: int | None
    automatic: bool
    """The findings are whatever was left over, so their cells decide whether they are findings at all."""
    unnamed: Mapping[str, int]
    """Columns without a name that nobody spoke for: fine as long as they are empty."""


def assign(header: tuple[str, ...], options: TableOptions, table: str) -> Columns:
    """The meaning of each column of `header`, by its name and the options.

    Raises:
        UnknownNameError: an option names a column that is not there.
        TableError: two columns of one name, a column named by two options, an id or a report named as something else,
            columns that are nothing known beside named findings, or no key where there is no report either.
    """
    names = _named(header, options, table)
    roles = _spoken_for(names, options, table)
    position = {name: i for i, name in enumerate(names)}

    def of_role(role: str) -> dict[str, int]:
        return {name: position[name] for name in names if roles.get(name) == role}

    free = {name: i for name, i in position.items() if name not in roles}
    ids = {name: free[name] for name in IDS if name in free}
    reports: dict[Section, int] = {name: free[name] for name in SECTIONS if name in free}
    unnamed = {name: i for name, i in free.items() if not header[i]}
    rest = {name: i for name, i in free.items() if name not in RESERVED and name not in unnamed}
    if options.findings and rest:
        raise unfit(table, dict.fromkeys(rest, ""))

    kind, parts = next(entry for entry in _KEYS if all(name in ids for name in entry[1]))
    if kind == "none" and not reports:
        raise TableError(_no_key(names, table))
    return Columns(
        key_kind=kind,
        key=tuple(ids[name] for name in parts),
        ids={name: i for name, i in ids.items() if name not in parts},
        findings=of_role("findings") if options.findings else rest,
        classes=of_role("classes"),
        attributes=of_role("attributes"),
        reports=reports,
        split=free.get(SPLIT),
        automatic=not options.findings,
        unnamed=unnamed,
    )


def unfit(table: str, columns: Mapping[str, str]) -> TableError:
    """The error for columns that are nothing known: name to a cell that shows it (`holds 'maybe' in line 2`), or to nothing."""
    shown = [f"column {name!r} {found}" for name, found in columns.items() if found][:_SHOWN]
    return TableError(
        f"{table}: column(s) {', '.join(map(repr, columns))} fit none of: key or id ({', '.join(IDS)}), split, "
        f"report ({', '.join(SECTIONS)}), finding ({EXPECTED_FINDING.removeprefix('expected ')}); "
        "name them with --findings, --classes, --attributes or --ignore, or map them with --rename" + "".join(f"; {s}" for s in shown)
    )


def _named(header: tuple[str, ...], options: TableOptions, table: str) -> list[str]:
    for old in options.rename:
        if old.strip() not in header:
            raise UnknownNameError(f"{table}: column to rename", old, filter(None, header))
    rename = {old.strip(): new.strip() for old, new in options.rename.items()}
    names = [_known(rename.get(name, name)) or f"column {i}" for i, name in enumerate(header, 1)]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise TableError(f"{table}: more than one column is {', '.join(map(repr, twice))}; give each its own name, or --rename one")
    return names


def _known(name: str) -> str:
    return name.lower() if name.lower() in RESERVED else name


def _spoken_for(names: list[str], options: TableOptions, table: str) -> dict[str, str]:
    """Column to the option that names it."""
    named = {
        "findings": options.findings,
        "classes": options.classes,
        "attributes": options.attributes,
        "ignore": options.ignore,
    }
    roles: dict[str, str] = {}
    for role, wanted in named.items():
        for want in wanted:
            name = want.strip() if want.strip() in names else _known(want.strip())
            if name not in names:
                raise UnknownNameError(f"{table}: column of --{role}", want, names)
            if roles.setdefault(name, role) != role:
                raise TableError(f"{table}: column {name!r} is named by both --{roles[name]} and --{role}; choose one")
            # Classes and attributes are stored in clear; ids and reports must not get there by a slip.
            if role != "ignore" and (name in IDS or (name in SECTIONS and (role, name) != ("findings", "findings"))):
                raise TableError(f"{table}: column {name!r} is {'an id' if name in IDS else 'a report'} and cannot be of --{role}")
    return roles


def _no_key(names: list[str], table: str) -> str:
    text = f"{table}: no column is a key; expected one of {', '.join(n for n in IDS if n not in ('slice_number', 'group'))}"
    scores = [(difflib.SequenceMatcher(None, name.lower(), key).ratio(), name, key) for name in names for key in IDS[:5]]
    score, name, key = max(scores, default=(0.0, "", ""))
    if score >= 0.6:
        return f"{text}; did you mean --rename {name}={key}?"
    some = ", ".join(map(repr, names[:8])) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return f"{text}, found {some}; map one with --rename NAME=accession or the like, or give --columns if there is no header line"
