"""What was said of a patient, study or series, said of each of its volumes: the selection behind `labels`, `splits` and `attributes`."""

from __future__ import annotations

import pyarrow.compute as pc

from .schema import SEQ
from .snapshot import Snapshot

REPLACED = "SELECT volume FROM latest_volumes WHERE replaced_by IS NOT NULL"
_OWN = ("volume", "slice", "snippet")
_BELOW = (("series", "series", 1), ("study", "study", 2), ("patient", "patient", 3), ("patient_key", "patient", 4))


def spread(snapshot: Snapshot, table: str, key: str) -> str:
    """What is said of a patient, study or series is said of each of its volumes; the nearer of two goes first.

    What was said of a part of a series is said of the whole that took its place. What belongs to no volume (a study that is
    a report only) stays where it is.

    Only what the snapshot has is asked for: planning joins for levels that no row has takes longer than most answers.
    """
    latest, levels, replaced = f"latest_{table}", _levels(snapshot, table), _any_replaced(snapshot)
    parts = [f"SELECT *, 0 AS distance FROM {latest} WHERE level IN {_OWN}" + (f" AND item NOT IN ({REPLACED})" if replaced else "")]
    if replaced:
        parts.append(
            f"""SELECT l.* REPLACE (r.replaced_by AS item), 1 FROM {latest} l
                JOIN latest_volumes r ON r.volume = l.item WHERE level = 'volume' AND r.replaced_by IS NOT NULL AND r.kind = 'dicom'"""
        )
    for column, level, distance in _BELOW:
        if level in levels:
            parts.append(
                f"""SELECT l.* REPLACE (v.volume AS item), {distance}
                FROM {latest} l JOIN named v ON v.{column} = l.item WHERE level = '{level}'"""
            )
    if levels & {"study", "patient"}:
        parts.append(
            f"""SELECT l.*, 5 FROM {latest} l
                ANTI JOIN (SELECT patient AS item FROM named UNION ALL SELECT patient_key FROM named UNION ALL SELECT study FROM named)
                USING (item) WHERE level IN ('study', 'patient')"""
        )
    named = "SELECT volume, series, study, patient, patient_key FROM latest_volumes WHERE replaced_by IS NULL"
    every = f"WITH named AS ({named})\n" + "\nUNION ALL ".join(parts)
    if len(levels) < 2 and "patient" not in levels and not replaced:  # nothing is said of a volume twice; a patient has two names
        return every
    return f"SELECT * FROM ({every}) QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY distance, {SEQ} DESC) = 1"


def _levels(snapshot: Snapshot, table: str) -> set[str]:
    """Of all rows of a table, the superseded ones too."""
    found: set[str] = set()
    for batch in snapshot.table(table).to_batches(columns=["level"]):
        found.update(level for level in batch["level"].unique().to_pylist() if level is not None)
    return found


def _any_replaced(snapshot: Snapshot) -> bool:
    return snapshot.table("volumes").head(1, columns=["volume"], filter=pc.field("replaced_by").is_valid()).num_rows > 0
