"""Tables and feature sets without a patient: every row, also a superseded one, that names one of the patient's ids is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import zarr
from numpy.typing import NDArray

from .columns import is_in, replaced, rows_where
from .commit import Commit
from .dense import COLUMN, DENSE, dense_groups, drop_columns
from .features import SETS, distinct_names
from .fresh import FRESH
from .history import History
from .patient import Belongings, names_ids
from .rewrite import blank_ends, drop_rows
from .schema import TABLES
from .snapshot import TABLES_GROUP, Snapshot, TableFile

if TYPE_CHECKING:
    from .features import FeatureSet

_MORE_THAN_AN_ID = {"failures": ("source", "reason"), "runs": ("settings",)}
_OWNED = {"draws": "draw", **dict.fromkeys(("runs", "metrics", "predictions", "dense_cells", "dense_items"), "run")}
"""Tables whose rows go by what they are of, too."""


def without(table: str, data: pa.Table, who: Belongings) -> tuple[pa.Table, int]:
    """The rows of a table file that stay, and how many others there were or had to change."""
    changed = 0
    if table == "volumes":
        # whose file the patient's was written over: it stays hidden, and says no more by whom
        over = is_in(data["replaced_by"], who.volumes) & ~is_in(data["volume"], who.volumes)
        data, changed = replaced(data, "replaced_by", over, data["volume"]), int(over.sum())
    if table == "studies":
        heirs = [who.heirs.get(study) for study in data["study"].to_pylist()]
        shared = is_in(data["patient"], who.names) & np.array([heir is not None for heir in heirs], bool)
        data, changed = replaced(data, "patient", shared, pa.chunked_array([pa.array(heirs, pa.string())])), int(shared.sum())
    gone = _gone(table, data, who)
    return rows_where(data, ~gone), changed + int(gone.sum())


def rewrite_tables(commit: Commit, snapshot: Snapshot, history: History, who: Belongings) -> dict[str, int]:
    """List files without the patient's rows in the place of those that have some; says how many rows went, by table."""
    counts: dict[str, int] = {}
    for table in TABLES:
        entries: list[dict[str, Any]] = []
        for file in snapshot.files(table):
            data = history.read(table, file.name)
            kept, count = without(table, data, who)
            counts[table] = counts.get(table, 0) + count
            if not count:
                entries.append(_entry(file))
            elif kept.num_rows:
                entries.append(commit.write_rows(table, kept) | ({FRESH: True} if file.fresh else {}))
        if counts.get(table):
            group = cast("zarr.Group", commit.root[f"{TABLES_GROUP}/{table}"])
            group.attrs["files"] = cast("Any", entries)
    return {table: count for table, count in counts.items() if count}


def rewrite_sets(commit: Commit, sets: list[FeatureSet], known: NDArray[np.int64], who: Belongings) -> dict[str, int]:
    """Take the patient's vectors out of every set, and with them those that belong to no item of `known`; says how many, by set.

    Nothing of what was there before is left in the chunks, also not behind the last row.
    """
    counts: dict[str, int] = {}
    names = distinct_names(sets)
    for one in sets:
        group = cast("zarr.Group", commit.root[f"{SETS}/{one.digest}"])
        keep = np.isin(one.items(), known)
        if keep.all():
            blank_ends(group)
        else:
            drop_rows(group, keep)
        if count := int(np.isin(one.items(), who.ordinals).sum()):
            counts[names[one.digest]] = count
    return counts


def rewrite_dense(commit: Commit, history: History, who: Belongings) -> None:
    """Take the patient's columns out of dense predictions, and runs that tested nobody else as a whole. What the tables say of them is
    taken out there.
    """
    rows = history.table("dense_items", ("run", "item", "place"))
    mine = rows_where(rows, is_in(rows["item"], who.ids)).to_pylist()
    for run, group in dense_groups(commit.root):
        gone = [row["place"] for row in mine if row["run"] == run]
        if run in who.runs:
            del cast("zarr.Group", commit.root[DENSE])[run]
        elif gone:
            drop_columns(group, ~np.isin(np.asarray(cast("zarr.Array", group[COLUMN])[:]), gone))


def holds(history: History, name: str, who: Belongings) -> bool:
    """Whether a snapshot has anything of the patient, or anything that nobody knows to be another's."""
    snapshot = history.snapshots[name]
    for table in TABLES:
        if any(without(table, history.read(table, file.name), who)[1] for file in snapshot.files(table)):
            return True
    return any(np.isin(one.items(), who.ordinals).any() for one in snapshot.feature_sets)


def known_ordinals(snapshot: Snapshot, who: Belongings) -> NDArray[np.int64]:
    """Those that a row gives to anything but the patient, also a superseded one. Increasing."""
    parts = [snapshot.table(table).to_table(columns=["ordinal"])["ordinal"].drop_null() for table in _NUMBERED]
    found = np.unique(np.concatenate([part.to_numpy().astype(np.int64) for part in parts]))
    return found[~np.isin(found, who.ordinals)]


_NUMBERED = ("volumes", "slices", "snippets", "prompts")


def _gone(table: str, data: pa.Table, who: Belongings) -> NDArray[np.bool_]:
    gone = np.zeros(data.num_rows, bool)
    if table == "encoders":
        rows = zip(data["encoder"].to_pylist(), data["adapter"].to_pylist(), data["card"].to_pylist(), strict=True)
        return np.array([adapter is not None and who.has_adapter(encoder, card) for encoder, adapter, card in rows], bool)
    for column in data.schema:
        if not pa.types.is_string(column.type):
            continue
        if column.name in _MORE_THAN_AN_ID.get(table, ()):
            gone |= np.array([names_ids(text, who.ids) for text in data[column.name].to_pylist()], bool)
        else:
            gone |= is_in(data[column.name], who.ids)
    if table in _OWNED:
        gone |= is_in(data[_OWNED[table]], who.draws if table == "draws" else who.runs)
    return gone


def _entry(file: TableFile) -> dict[str, Any]:
    entry = {"name": file.name, "rows": file.rows, "bytes": file.bytes, "sha256": file.sha256}
    return entry | ({FRESH: True} if file.fresh else {})
