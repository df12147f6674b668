"""What the views of a bank select. `latest_NAME` has the latest row per key, `history_NAME` every row; here is what NAME shows."""

from __future__ import annotations

from collections.abc import Callable

from .schema import SEQ, TABLES
from .snapshot import Snapshot
from .sql_references import REFERENCES
from .sql_spread import REPLACED, spread

HISTORY = "history_{}"

# Softest kernel last: of equal scans the smoother one is what most encoders were trained on.
PRIMARY_RULE = "original, axial, covers 90% of the longest extent, thinnest, softest kernel, most slices"

# In the order in which they build on each other.
_OWN: dict[str, str] = {
    "volumes": f"""
        WITH measured AS (
            SELECT *, coalesce(max(extent_mm) OVER (PARTITION BY study), 0) AS longest FROM latest_volumes WHERE replaced_by IS NULL
        )
        SELECT * EXCLUDE ({SEQ}, longest, replaced_by), row_number() OVER (
            PARTITION BY study ORDER BY original DESC, plane = 'axial' DESC, coalesce(extent_mm, 0) >= 0.9 * longest DESC,
                spacing_z_mm ASC NULLS LAST, kernel_sharpness ASC NULLS LAST, slices DESC, volume
        ) = 1 AS is_primary
        FROM measured""",
    "slices": f"SELECT * EXCLUDE ({SEQ}) FROM latest_slices SEMI JOIN volumes USING (volume)",
    # A study that a table gave all its scans away is none any more.
    "studies": f"""
        SELECT * EXCLUDE ({SEQ}) FROM latest_studies WHERE study IN (
            SELECT study FROM volumes UNION ALL SELECT study FROM latest_snippets WHERE text IS NOT NULL
            UNION ALL SELECT item FROM latest_labels WHERE level = 'study')""",
    "patients": "SELECT DISTINCT patient FROM studies",
    "snippets": """
        SELECT s.snippet, s.ordinal, s.study, coalesce(t.patient, s.patient) AS patient, s.section, s.position,
            CASE WHEN s.sentence IS NULL THEN s.text ELSE substring(w.text, s.start + 1, s.stop - s.start) END AS text,
            CASE WHEN s.sentence IS NULL THEN 'section' ELSE 'sentence' END AS part, s.sentence,
            coalesce(s.start, 0) AS start, coalesce(s.stop, length(s.text)) AS stop, s.language
        FROM latest_snippets s LEFT JOIN latest_studies t USING (study)
            LEFT JOIN (SELECT study, section, position, text FROM latest_snippets WHERE sentence IS NULL) w
                ON s.sentence IS NOT NULL AND w.study = s.study AND w.section = s.section AND w.position = s.position
        WHERE s.snippet IS NOT NULL AND coalesce(s.text, w.text) IS NOT NULL""",
    "references": REFERENCES,
    "failures": f"""
        SELECT stage, reason, source, volume, files, noticed FROM latest_failures
        WHERE reason <> '' AND (volume IS NULL OR volume NOT IN ({REPLACED}))""",
}
_SPREAD: dict[str, tuple[str, str]] = {
    "labels": (
        """
        SELECT item, finding, status,
            CASE WHEN category IS NOT NULL THEN dense_rank() OVER (PARTITION BY finding ORDER BY category) - 1
                WHEN status = 'present' THEN 1 WHEN status IN ('absent', 'unmentioned') THEN 0 END::DOUBLE AS value,
            source, category, level
        FROM ({})""",
        "item, finding, source",
    ),
    "splits": ("SELECT split, item, side, level FROM ({})", "split, item"),
    "attributes": ("SELECT item, name, value, source, level FROM ({})", "item, name, source"),
}
"""What is selected from what was said of an item or of what it belongs to, and the key of that."""


def _fixed(select: str) -> Callable[[Snapshot], str]:
    return lambda _: select


def _spread(name: str) -> Callable[[Snapshot], str]:
    select, key = _SPREAD[name]
    return lambda snapshot: select.format(spread(snapshot, name, key))


VIEWS: dict[str, Callable[[Snapshot], str]] = {
    **{name: _fixed(select) for name, select in _OWN.items()},
    **{name: _spread(name) for name in _SPREAD},
    **{name: _fixed(f'SELECT * EXCLUDE ({SEQ}) FROM "latest_{name}"') for name in TABLES if name not in _OWN and name not in _SPREAD},
}
"""View to what it selects from those of a snapshot."""
