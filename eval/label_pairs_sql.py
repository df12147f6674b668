"""The SQL that puts what two sources say side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from .label_policy import RANKED_STATUSES
from .quoting import listed, quoted

ComparedUnit = Literal["slice", "volume", "study", "patient"]
"""What two sources are compared on."""
LabelName = tuple[str, str | None]
"""A finding and, of a categorical one, a class."""

# What is said of the unit itself goes first; then what is said of its parts or of what it is part of, the nearest first.
_NEARNESS: dict[ComparedUnit, tuple[str, ...]] = {
    "slice": ("slice",),
    "volume": ("volume", "study", "patient", "slice"),
    "study": ("study", "volume", "slice", "patient"),
    "patient": ("patient", "study", "volume", "slice"),
}
_IDS = {"slice": "s.slice", "volume": "v.volume", "study": "coalesce(v.study, v.volume)", "patient": "coalesce(v.patient, v.volume)"}


def pairs_query(
    unit: ComparedUnit, sources: tuple[str, str], asked: Sequence[tuple[LabelName, LabelName]], *, of_studies_alone: bool
) -> str:
    """Rows (place, patient, first, second): of each unit, codes of the statuses (`RANKED_STATUSES`) that the two sources give, or null.

    Args:
        unit: what is compared.
        sources: the two.
        asked: what each calls the findings; a finding's place here is that in the answer.
        of_studies_alone: both sources speak of studies and of nothing else, and these are compared: nothing need be spread.
    """
    rows = ", ".join(_row(place, source, name) for place, pair in enumerate(asked) for source, name in zip(sources, pair, strict=True))
    most = len(RANKED_STATUSES) - 1
    least = " ".join(f"WHEN {quoted(status)} THEN {most - code}" for code, status in enumerate(RANKED_STATUSES))
    near = " ".join(f"WHEN {quoted(level)} THEN {place}" for place, level in enumerate(_NEARNESS[unit]))
    first, second = (f"{most} - min(code) FILTER (source = {quoted(source)}) % {most + 1}" for source in sources)
    # spreading labels to volumes takes most of the time
    labels = "latest_labels" if of_studies_alone else "labels"
    names = listed(sorted({name for pair in asked for name, _ in pair}))
    return f"""WITH asked(place, source, finding, category) AS (VALUES {rows}),
        said AS (
            SELECT a.place, a.source, l.item, CASE l.level WHEN 'series' THEN 'volume' ELSE l.level END AS level,
                CASE WHEN a.category IS NULL THEN l.status WHEN a.category = l.category THEN 'present' ELSE 'absent' END AS status
            FROM {labels} l JOIN asked a ON a.source = l.source AND a.finding = l.finding AND (a.category IS NULL) = (l.category IS NULL)
            WHERE l.source IN {listed(sources)} AND l.finding IN {names}),
        placed AS ({" UNION ALL ".join(_parts(unit, of_studies_alone=of_studies_alone))}),
        coded AS (SELECT place, source, unit, patient, {most + 1} * (CASE level {near} END) + (CASE status {least} END) AS code FROM placed)
        SELECT place, min(patient) AS patient, {first} AS first, {second} AS second FROM coded GROUP BY place, unit ORDER BY place"""


def _row(place: int, source: str, name: LabelName) -> str:
    category = "NULL::VARCHAR" if name[1] is None else quoted(name[1])
    return f"({place}, {quoted(source)}, {quoted(name[0])}, {category})"


def _parts(unit: ComparedUnit, *, of_studies_alone: bool) -> list[str]:
    """What is said, with the unit that it is said of."""
    of_study = "SELECT m.*, t.{0} AS unit, t.patient FROM said m JOIN studies t ON m.level = '{1}' AND t.{1} = m.item"
    if of_studies_alone:
        return [
            """SELECT m.*, m.item AS unit, coalesce(v.patient, t.patient) AS patient FROM said m
            LEFT JOIN (SELECT study, min(patient) AS patient FROM volumes GROUP BY study) v ON v.study = m.item
            LEFT JOIN studies t ON t.study = m.item WHERE m.level = 'study' AND coalesce(v.patient, t.patient) IS NOT NULL"""
        ]
    primary = " WHERE v.is_primary" if unit in ("slice", "volume") else ""
    parts = [
        f"""SELECT m.*, {_IDS[unit]} AS unit, coalesce(v.patient, v.volume) AS patient
            FROM said m JOIN slices s ON m.level = 'slice' AND s.slice = m.item JOIN volumes v ON v.volume = s.volume{primary}"""
    ]
    if unit != "slice":
        parts.append(f"""SELECT m.*, {_IDS[unit]}, coalesce(v.patient, v.volume)
            FROM said m JOIN volumes v ON m.level <> 'slice' AND v.volume = m.item{primary}""")
    if unit in ("study", "patient"):  # of studies without scans; what is said of others has been spread to their volumes
        parts += [of_study.format(unit, level) for level in ("study", "patient")]
    return parts
