"""What the views of a bank select. `latest_NAME` has the latest row per key, `history_NAME` every row; here is what NAME shows."""

from __future__ import annotations

from .schema import SEQ, TABLES
from .sql_references import REFERENCES

HISTORY = "history_{}"

# Softest kernel last: of equal scans the smoother one is what most encoders were trained on.
PRIMARY_RULE = "original, axial, covers 90% of the longest extent, thinnest, softest kernel, most slices"

_REPLACED = "SELECT volume FROM latest_volumes WHERE replaced_by IS NOT NULL"


def _spread(table: str, key: str) -> str:
    """What is said of a patient, study or series is said of each of its volumes; the nearer of two goes first.

    What was said of a part of a series is said of the whole that took its place. What belongs to no volume (a study that is
    a report only) stays where it is.
    """
    latest = f"latest_{table}"
    below = (("series", "series", 1), ("study", "study", 2), ("patient", "patient", 3), ("patient_key", "patient", 4))
    spread = "".join(
        f"""
            UNION ALL SELECT l.* REPLACE (v.volume AS item), {distance}
                FROM {latest} l JOIN volumes v ON v.{column} = l.item WHERE level = '{level}'"""
        for column, level, distance in below
    )
    return f"""
        SELECT * FROM (
            SELECT *, 0 AS distance FROM {latest} WHERE level IN ('volume', 'slice', 'snippet') AND item NOT IN ({_REPLACED})
            UNION ALL SELECT l.* REPLACE (r.replaced_by AS item), 1 FROM {latest} l
                JOIN latest_volumes r ON r.volume = l.item WHERE level = 'volume' AND r.replaced_by IS NOT NULL AND r.kind = 'dicom'
            {spread}
            UNION ALL SELECT *, 5 FROM {latest} WHERE level IN ('study', 'patient')
                AND NOT EXISTS (SELECT 1 FROM volumes v WHERE v.patient = item)
                AND NOT EXISTS (SELECT 1 FROM volumes v WHERE v.patient_key = item)
                AND NOT EXISTS (SELECT 1 FROM volumes v WHERE v.study = item)
        ) QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY distance, {SEQ} DESC) = 1"""


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
    "labels": f"""
        SELECT item, finding, status,
            CASE WHEN category IS NOT NULL THEN dense_rank() OVER (PARTITION BY finding ORDER BY category) - 1
                WHEN status = 'present' THEN 1 WHEN status IN ('absent', 'unmentioned') THEN 0 END::DOUBLE AS value,
            source, category, level
        FROM ({_spread("labels", "item, finding, source")})""",
    "splits": f"SELECT split, item, side, level FROM ({_spread('splits', 'split, item')})",
    "attributes": f"SELECT item, name, value, source, level FROM ({_spread('attributes', 'item, name, source')})",
    "failures": f"""
        SELECT stage, reason, source, volume, files, noticed FROM latest_failures
        WHERE reason <> '' AND (volume IS NULL OR volume NOT IN ({_REPLACED}))""",
}
VIEWS: dict[str, str] = _OWN | {name: f'SELECT * EXCLUDE ({SEQ}) FROM "latest_{name}"' for name in TABLES if name not in _OWN}
