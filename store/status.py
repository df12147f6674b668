"""What a bank holds, counted: for `scanbank status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .artifacts import listed
from .errors import BankAccessError
from .features import distinct_names
from .index_folder import index_bytes
from .sql_views import PRIMARY_RULE

if TYPE_CHECKING:
    from .bank import Bank

_ITEMS = ("patients", "studies", "volumes", "slices", "snippets")


def overview(bank: Bank) -> dict[str, Any]:
    """Counts of items, labels, failures and bytes; feature sets by name."""
    counts = ", ".join(f"(SELECT count(*) FROM {name}) AS {name}" for name in _ITEMS)
    items = bank.sql(f"SELECT {counts}").to_pylist()[0]
    # as they were given: a study's label is one, however many series it has
    labels = """SELECT finding, source, level,
        count(*) FILTER (status = 'present') AS present,
        count(*) FILTER (status = 'absent') AS absent,
        count(*) FILTER (status NOT IN ('present', 'absent')) AS other
        FROM latest_labels WHERE level <> 'volume' OR item IN (SELECT volume FROM volumes) GROUP BY ALL ORDER BY ALL"""
    flag_counts = "SELECT flag, count(*) AS n FROM (SELECT unnest(flags) AS flag FROM volumes) GROUP BY 1 ORDER BY n DESC, flag"
    flags = bank.sql(flag_counts).to_pylist()
    failures = bank.sql("SELECT stage, count(*) AS n FROM failures GROUP BY 1 ORDER BY 1").to_pylist()
    sets = bank.sql('SELECT name, encoder, "window", kind, items, dim, dtype, declared, digest FROM feature_sets ORDER BY name').to_pylist()
    names = distinct_names(bank.feature_sets)  # sets of one name are told apart
    sets = [row | {"name": names[row["digest"]]} for row in sets]
    left_out = "SELECT reason, sum(files)::BIGINT AS files FROM sources WHERE status = 'left_out' GROUP BY 1 ORDER BY 2 DESC, 1"
    return {
        "bank": bank.name,
        "format": bank.card["format"],
        "snapshot": bank.snapshot.id,
        "primary_rule": PRIMARY_RULE,
        "items": items,
        "feature_sets": sets,
        "adapted": adapted(bank),
        "labels": bank.sql(labels).to_pylist(),
        "left_out": bank.sql(left_out).to_pylist(),
        "references": references(bank),
        "flags": {row["flag"]: row["n"] for row in flags},
        "failures": {row["stage"]: row["n"] for row in failures},
        "bytes": {name: sum(entry.bytes for entry in bank.place.entries(name)) for name in ("features", "tables", "artifacts")}
        | {"indexes": index_bytes(bank)},
    }


def adapted(bank: Bank) -> list[dict[str, Any]]:
    """Adapted encoders by name, and whether the bank holds their adapters."""
    there = {file.artifact for file in listed(bank.snapshot.root)}
    rows = bank.snapshot.latest("encoders", "name", "adapter") if bank.snapshot.files("encoders") else []
    found = [{"name": row["name"], "encoder": row["encoder"], "kept": row["adapter"] in there} for row in rows if row["adapter"]]
    return sorted(found, key=lambda row: (row["name"], row["encoder"]))


def references(bank: Bank) -> dict[str, int]:
    """Mark to number of the references to images in reports (docs/reports.md), the most frequent first; empty where there are none."""
    if not bank.snapshot.files("references"):
        return {}
    answer = bank.sql('SELECT status, count(*) AS n FROM "references" GROUP BY 1 ORDER BY n DESC, 1').to_pylist()
    return {row["status"]: row["n"] for row in answer}


def failed_items(bank: Bank) -> list[dict[str, Any]]:
    """What failed, with the path where this machine's map knows it (None elsewhere)."""
    rows = bank.sql("SELECT stage, reason, files, source, volume, noticed FROM failures ORDER BY stage, noticed, source").to_pylist()
    try:
        local_map = bank.local_map
    except BankAccessError:  # a reader elsewhere, who may have no folder to write to, sees everything but the paths
        return [row | {"path": None} for row in rows]
    for row in rows:
        located = local_map.locate(row["volume"]) if row["volume"] else None
        path = located.sources[0].path if located else local_map.path_of(row["source"].partition(":")[0])
        if located and len(located.sources) > 1 and path:
            path = path.parent
        row["path"] = str(path) if path else None
    return rows
