"""Which findings a study is about, where the user names several, or all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..store.errors import UsageError
from .labels.finding_sets import BUNDLED, finding_set
from .slugs import slug
from .units import Unit, Units, units_of_each

if TYPE_CHECKING:
    from ..store.bank import Bank

ALL = "all"


def asked_findings(bank: Bank, texts: Sequence[str], source: str | None = None) -> tuple[str, ...]:
    """Names from texts that may hold several with commas; `all` is every finding that the bank has labels of.

    The name of a finding set that comes along, such as `chest18`, is its findings of which the bank has labels, from `source` alone where
    that is one.

    Of a categorical finding, `all` takes each class against the others. A name that itself holds a comma is known as such.

    Raises:
        UsageError: nothing is named, all of a bank without labels, or a set of which it has none.
    """
    rows = bank.sql("SELECT DISTINCT finding, category, source FROM labels ORDER BY ALL").to_pylist()
    rows = [row for row in rows if row["source"] == source] or rows
    known = {row["finding"] for row in rows} | {f"{row['finding']}={row['category']}" for row in rows if row["category"] is not None}
    names = [text for text in texts if text in known]
    names += [name.strip() for text in texts if text not in known for name in text.split(",") if name.strip()]
    if ALL in names and ALL not in known:
        categorical = {row["finding"] for row in rows if row["category"] is not None}
        every = [name for name in sorted(known) if name not in categorical]
        if not every:
            raise UsageError("the bank has no labels yet: `scanbank ingest BANK --labels FILE` brings them")
        names = [one for name in names for one in (every if name == ALL else [name])]
    names = [one for name in names for one in (_of_set(name, known) if name in BUNDLED and name not in known else [name])]
    if not names:
        raise UsageError("no finding is named; give one, several with commas, or all")
    return tuple(dict.fromkeys(names))


def _of_set(name: str, known: set[str]) -> list[str]:
    """A set's findings as the bank spells them, in the set's order."""
    spelled = {slug(one): one for one in sorted(known)}
    found = [spelled[finding.name] for finding in finding_set(name).findings if finding.name in spelled]
    if not found:
        raise UsageError(f"the bank has labels of none of the findings of {name}; `scanbank label BANK --findings {name}` makes them")
    return found


def findings_units(
    bank: Bank, findings: Sequence[str], unit: Unit | None = None, source: str | None = None
) -> tuple[list[Units], list[str]]:
    """The units of findings that can be evaluated, and remarks on those that cannot.

    Raises:
        UnknownNameError: a finding or source is none.
        UsageError: none of the findings can be evaluated, or some are of volumes and others of slices.
    """
    every = units_of_each(bank, findings, unit, source)
    found, failed = [one for one in every if isinstance(one, Units)], [one for one in every if isinstance(one, UsageError)]
    if not found:
        raise failed[0]
    if len({units.unit for units in found}) > 1:
        by = ", ".join(f"{units.finding} by {units.unit}" for units in found)
        raise UsageError(f"findings of one sweep are of volumes or of slices; found {by}; ask for --unit, or for each kind by itself")
    return found, [f"{error}: it is left out" for error in failed]
