"""What the view `references` selects: what reports say of where to look, and the slices that this leads to.

It is worked out at each query and never stored, so that scans that come after reports, series that grow and patients that are
forgotten need no second look at the text. Image numbers are instance numbers, series numbers those of the scans' headers.
"""

from __future__ import annotations

STATUSES = ("resolved", "other_exam", "no_scan", "no_series", "no_numbers", "out_of_range", "ambiguous")
"""In the order of docs/reports.md."""

# Of a reference without a series the study's primary one is looked at: `series_number` is null there, which tells them apart.
REFERENCES = """
    WITH mined AS (
        SELECT r.*, s.patient FROM latest_references r JOIN latest_snippets s USING (snippet, study, section, position)
        WHERE s.sentence IS NOT NULL
    ), candidates AS (
        SELECT m.study, m.section, m.position, m.number, m.first_image, m.last_image, v.volume, v.series,
            v.kind IN ('dicom', 'image') AS numbered
        FROM mined m JOIN volumes v ON v.study = m.study
            AND CASE WHEN m.series_number IS NULL THEN v.is_primary ELSE v.series_number = m.series_number END
        WHERE NOT m.other_exam
    ), ends AS (
        SELECT study, section, position, number, volume, series, numbered, unnest([first_image, last_image]) AS image,
            unnest([false, true]) AS is_last FROM candidates
    ), seen AS (
        SELECT e.study, e.section, e.position, e.number, e.volume, e.series, e.numbered,
            any_value(s.slice) FILTER (NOT e.is_last) AS first_slice, any_value(s.slice) FILTER (e.is_last) AS last_slice,
            min(s.z_mm) AS low_z_mm, max(s.z_mm) AS high_z_mm
        FROM ends e LEFT JOIN latest_slices s ON s.volume = e.volume AND s.number = e.image GROUP BY ALL
    ), found AS (
        SELECT study, section, position, number, bool_or(numbered) AS numbered,
            count(*) FILTER (first_slice IS NOT NULL AND last_slice IS NOT NULL) AS volumes,
            any_value(struct_pack(volume, series, first_slice, last_slice, low_z_mm, high_z_mm))
                FILTER (first_slice IS NOT NULL AND last_slice IS NOT NULL) AS hit
        FROM seen GROUP BY ALL
    ), marked AS (
        SELECT m.*, CASE
                WHEN m.other_exam THEN 'other_exam'
                WHEN NOT EXISTS (SELECT 1 FROM volumes v WHERE v.study = m.study) THEN 'no_scan'
                WHEN f.volumes IS NULL THEN 'no_series'
                WHEN NOT f.numbered THEN 'no_numbers'
                WHEN f.volumes = 0 THEN 'out_of_range'
                WHEN f.volumes > 1 THEN 'ambiguous'
                ELSE 'resolved' END AS status,
            CASE WHEN f.volumes = 1 THEN f.hit END AS hit
        FROM mined m LEFT JOIN found f USING (study, section, position, number)
    )
    SELECT k.snippet, k.study, k.section, k.position, k.number, k.start, k.stop, k.series_number, k.first_image, k.last_image, k.status,
        k.hit.volume AS volume, k.hit.series AS series, k.hit.first_slice AS first_slice, k.hit.last_slice AS last_slice,
        (k.hit.low_z_mm + k.hit.high_z_mm) / 2 AS z_mm, k.hit.low_z_mm AS low_z_mm, k.hit.high_z_mm AS high_z_mm
    FROM marked k"""
