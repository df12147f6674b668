"""What rows say of one another: ordinals given once, slices of volumes that are there, results of runs that are there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import cast

import numpy as np
import zarr

from ..compact import LIVE
from ..errors import BankAccessError, BankDamagedError
from ..features import SETS
from ..snapshot import Snapshot
from ..sql import Queries
from .case import Case
from .findings import Finding
from .reading import UNREADABLE, blocks
from .rows import SetRowsAside

_KNOWN = """SELECT item FROM (
    SELECT volume AS item FROM latest_volumes UNION SELECT series FROM latest_volumes UNION SELECT study FROM latest_volumes
    UNION SELECT patient FROM latest_volumes UNION SELECT patient_key FROM latest_volumes UNION SELECT slice FROM latest_slices
    UNION SELECT study FROM latest_studies UNION SELECT patient FROM latest_studies UNION SELECT patient FROM latest_patients
    UNION SELECT snippet FROM latest_snippets UNION SELECT study FROM latest_snippets UNION SELECT patient FROM latest_snippets
    ) WHERE item IS NOT NULL"""
_SAYING = {
    **dict.fromkeys(("labels", "attributes", "splits", "draws", "predictions", "dense_items"), "item"),
    **dict.fromkeys(("contents", "masks"), "volume"),
    "references": "snippet",
}
"""Tables that speak of items, and the column that names these."""
_NO_VOLUME = "volume NOT IN (SELECT volume FROM latest_volumes)"
_NO_RUN = "run NOT IN (SELECT run FROM latest_runs)"
_PARTIAL = """volume IN (SELECT v.volume FROM latest_volumes v LEFT JOIN latest_slices s USING (volume)
    GROUP BY v.volume HAVING any_value(v.slices) > count(s.volume))"""

_DANGLING = (
    ("slices", _NO_VOLUME, "of volumes that are not there", "ingest the scans again"),
    ("volumes", _PARTIAL, "of which slices are missing", "ingest the scans again"),
    ("metrics", _NO_RUN, "of runs that are not there", "run the sweep again"),
    ("predictions", _NO_RUN, "of runs that are not there", "run the sweep again"),
)
"""Table, the rows that cannot be right, what they are, and the way out."""


def check_items(case: Case) -> Iterator[Finding]:
    """Of the newest snapshot. Tables that cannot be read are told of elsewhere."""
    head = case.opened(case.head.snapshot)
    if head is None:
        return
    case.progress.start("looking at what rows say of one another")
    queries = Queries(head)
    with suppress(BankDamagedError, BankAccessError):
        yield from _ordinals(queries, int(cast("int", head.root.attrs["next_ordinal"])))
        yield from _dangling(queries)
        yield from _unknown(queries)
        yield from _orphans(head, queries)


def _ordinals(queries: Queries, end: int) -> Iterator[Finding]:
    query = f"""SELECT count(*) - count(DISTINCT ordinal), count(*) FILTER (ordinal >= {end} OR ordinal < 0)
        FROM ({LIVE}) WHERE ordinal IS NOT NULL"""
    twice, beyond = (int(column[0].as_py()) for column in queries.run(query).columns)
    if twice:
        how = "restore a copy of the bank: which of two items a vector belongs to cannot be told"
        yield Finding("error", "items", f"share an ordinal: {twice:,} ordinals were given to more than one item", how)
    if beyond:
        how = "restore a copy of the bank: the next items would be given the same"
        yield Finding("error", "items", f"have ordinals that were never given: {beyond:,} of them", how)


def _dangling(queries: Queries) -> Iterator[Finding]:
    rows = " UNION ALL ".join(
        f"SELECT '{table}' AS name, count(*) AS n FROM latest_{table} WHERE {where}" for table, where, _, _ in _DANGLING
    )
    counts = {row["name"]: row["n"] for row in queries.run(rows).to_pylist()}
    for table, condition, problem, how in _DANGLING:
        if count := counts[table]:
            cure = SetRowsAside(table, condition, count)
            yield Finding("warning", f"table {table!r}", f"has {count:,} rows {problem}", f"{how}; --repair sets these rows aside", cure)


def _unknown(queries: Queries) -> Iterator[Finding]:
    said = " UNION ".join(f"SELECT '{table}' AS name, {column} AS item FROM latest_{table}" for table, column in _SAYING.items())
    query = f"SELECT name, count(*) AS n FROM ({said}) WHERE item IS NOT NULL AND item NOT IN ({_KNOWN}) GROUP BY name"
    counts = {row["name"]: row["n"] for row in queries.run(query).to_pylist()}
    for table, column in _SAYING.items():
        if count := counts.get(table):
            problem = f"speaks of {count:,} {'items' if column == 'item' else column + 's'} that are not there"
            yield Finding("note", f"table {table!r}", problem, "they count as soon as the items come")


def _orphans(head: Snapshot, queries: Queries) -> Iterator[Finding]:
    live = np.unique(queries.run(f"SELECT ordinal FROM ({LIVE}) WHERE ordinal IS NOT NULL").column("ordinal").to_numpy())
    sets = head.root.get(SETS)
    digests = set[str]()
    for digest, group in sets.groups() if isinstance(sets, zarr.Group) else ():
        digests.add(digest)
        try:
            count = sum(
                int((~np.isin(one.values, live)).sum()) for one in blocks(cast("zarr.Array", group["item"])) if one.values is not None
            )
        except (*UNREADABLE, KeyError):
            continue
        if count:
            problem = f"has {count:,} vectors of what no item holds any more"
            yield Finding("note", f"feature set {group.attrs['name']!r}", problem, "`scanbank compact` drops them")
    for alias, digest in sorted(head.aliases.items()):
        if digest not in digests:
            problem = "stands for a feature set that is not there"
            yield Finding("note", f"alias {alias!r}", problem, f"move it with `scanbank alias BANK {alias} FEATURES`")
