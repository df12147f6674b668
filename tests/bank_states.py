"""What a bank says, whatever its ordinals and times: two banks that say the same are interchangeable. And whether it is whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from scanbank.store import Bank
from scanbank.store.card import FORMAT
from scanbank.store.checksums import FOLDER as CHECKSUMS
from scanbank.store.repository import kept_snapshots
from scanbank.store.retention import MARKER, damaged_files, is_compacting
from scanbank.store.schema import TABLES

Content = dict[str, Any]
_VOLATILE = {"seq", "ordinal", "slice_ordinal"}


def content(bank: Bank) -> Content:
    """The latest rows of every table, the vectors of every set by item, tags and aliases. Checks on the way that all fits together."""
    rows = {table: bank.snapshot.rows(table) for table in TABLES}
    items = _items(rows)
    vectors: dict[str, dict[str, str]] = {}
    for one in bank.feature_sets:
        held, values = one.items().tolist(), one.vectors()
        assert len(held) == len(values) == len(set(held)), f"{one.name}: an item twice"
        assert np.isfinite(values).all()
        named = {items.get(ordinal, f"orphan {ordinal}"): hashlib.sha256(row.tobytes()).hexdigest() for ordinal, row in zip(held, values)}  # noqa: B905
        vectors[f"{one.name} {one.digest}"] = {name: named[name] for name in sorted(named) if not name.startswith("orphan")}
    tables = {table: sorted(json.dumps(_stable(table, row), sort_keys=True) for row in rows[table]) for table in TABLES}
    return {"tables": tables, "vectors": vectors}


def _items(rows: Mapping[str, list[dict[str, Any]]]) -> dict[int, str]:
    """Ordinals and whose they are. No two items have one, and no slice of a volume is missing."""
    slices = {(row["volume"], row["index"]): row["ordinal"] for row in rows["slices"]}
    found: list[tuple[int, str]] = [(row["ordinal"], f"volume {row['volume']}") for row in rows["volumes"]]
    for row in rows["volumes"]:
        for index in range(row["slices"]):
            assert slices[row["volume"], index] == row["slice_ordinal"] + index
    found += [(ordinal, f"slice {volume} {index}") for (volume, index), ordinal in slices.items()]
    found += [
        (row["ordinal"], f"{kind} {row[kind]}") for kind in ("snippet", "prompt") for row in rows[f"{kind}s"] if row["ordinal"] is not None
    ]
    assert len({ordinal for ordinal, _ in found}) == len(found), "an ordinal twice"
    return dict(found)


def _stable(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    schema = TABLES[table].schema
    return {name: value for name, value in row.items() if name not in _VOLATILE and not pa.types.is_timestamp(schema.field(name).type)}


def opened(path: Path, folder: Path) -> Bank:
    """A bank with the key that lies below `folder`, as commands run there find it."""
    key = next((folder / "config" / "scanbank" / "keys").glob("*"), None)
    return Bank.open(path, key_file=key)


def check(bank: Bank) -> Content:
    """Read all there is of a bank, with its history and tags, and compare it with its checksums; gives what it says now.

    Raises:
        AssertionError: something is missing, there twice, or not what was written.
    """
    for table in TABLES:
        bank.snapshot.check(table)
    now = content(bank)
    for name in kept_snapshots(bank.repository):
        if bank.card["format"] == FORMAT and not is_compacting(bank.place):
            assert list(damaged_files(bank.place, name)) == []
        then = Bank.open(bank.path, at=name)
        for table in TABLES:
            then.snapshot.table(table)
        for one in then.feature_sets:
            assert len(one.vectors()) == len(one.items())
    assert set(bank.tags.values()) <= set(kept_snapshots(bank.repository))
    return now | {"tags": {tag: content(Bank.open(bank.path, at=tag)) for tag in bank.tags}}


def leftovers(bank: Bank) -> list[str]:
    """Files that no commit needs: what `compact --grace 0` leaves none of."""
    kept = kept_snapshots(bank.repository)
    first = next(s.id for s in bank.repository.ancestry(branch="main") if s.parent_id is None)
    tables: set[str] = set()
    for name in kept:
        then = Bank.open(bank.path, at=name)
        tables |= {f"tables/{table}/{file.name}" for table in TABLES for file in then.snapshot.files(table)}
    known = {f"{folder}/{name}" for name in (*kept, first) for folder in ("features/snapshots", "features/transactions")}
    known |= {f"{CHECKSUMS}/{name}.json" for name in (*kept, first)}
    known |= {f"features/manifests/{m.id}" for name in kept for m in bank.repository.lookup_snapshot(name).manifests}
    swept = ("tables/", f"{CHECKSUMS}/", "features/snapshots/", "features/transactions/", "features/manifests/")
    return [
        name
        for name in (entry.name for entry in bank.place.entries())
        if (name.startswith(swept) and name not in tables | known) or name.endswith(".tmp") or "#" in name or name == MARKER
    ]
