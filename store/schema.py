"""The tables of a bank: columns, units and keys. A view shows the latest row per key; the history stays beneath.

Every table also has `seq` (int64), the number of the commit that wrote the row.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

SEQ = "seq"
_TEXT, _INT, _FLOAT, _BOOL = pa.string(), pa.int64(), pa.float64(), pa.bool_()
_TIME = pa.timestamp("us", tz="UTC")
_TEXTS = pa.list_(pa.string())


@dataclass(frozen=True)
class Table:
    """One table: its columns, and the columns whose latest row counts."""

    name: str
    columns: tuple[tuple[str, pa.DataType], ...]
    key: tuple[str, ...]

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([*self.columns, (SEQ, _INT)])


_ALL = (
    Table("patients", (("patient", _TEXT),), ("patient",)),
    Table("studies", (("study", _TEXT), ("patient", _TEXT), ("accession", _TEXT)), ("study",)),
    Table(
        "volumes",
        (
            ("volume", _TEXT),
            ("ordinal", _INT),  # what feature arrays hold
            ("patient", _TEXT),  # who belongs together: splits and guards go by it
            ("patient_key", _TEXT),  # the patient as the scan itself names it, where a table said otherwise
            ("study", _TEXT),
            ("series", _TEXT),
            ("series_number", _INT),  # as reports name it; null where the scan has none
            ("kind", _TEXT),  # dicom, nifti, hdf5, image
            ("plane", _TEXT),  # of the source slices
            ("slices", _INT),
            ("slice_ordinal", _INT),  # of the first slice; a volume's slices are one run
            ("rows_px", _INT),
            ("columns_px", _INT),
            ("spacing_z_mm", _FLOAT),  # between source slices, from their positions
            ("spacing_y_mm", _FLOAT),
            ("spacing_x_mm", _FLOAT),
            ("extent_mm", _FLOAT),
            ("has_hu", _BOOL),
            ("window_lo_hu", _FLOAT),  # the window an exported image was saved with
            ("window_hi_hu", _FLOAT),
            ("original", _BOOL),
            ("kernel_sharpness", _INT),
            ("flags", _TEXTS),
            ("replaced_by", _TEXT),  # a volume of the same series that holds all its slices and more
        ),
        ("volume",),
    ),
    Table(
        "slices",
        (("slice", _TEXT), ("ordinal", _INT), ("volume", _TEXT), ("index", _INT), ("z_mm", _FLOAT), ("number", _INT)),
        ("volume", "index"),
    ),
    # One row for each volume read and for each kind of thing left out: what an ingest saw, without a path.
    Table("sources", (("source", _TEXT), ("status", _TEXT), ("volume", _TEXT), ("files", _INT), ("reason", _TEXT)), ("source",)),
    Table(
        "attributes", (("item", _TEXT), ("level", _TEXT), ("name", _TEXT), ("value", _TEXT), ("source", _TEXT)), ("item", "name", "source")
    ),
    Table(
        "snippets",
        (
            ("snippet", _TEXT),
            ("ordinal", _INT),
            ("study", _TEXT),
            ("patient", _TEXT),
            ("section", _TEXT),
            ("position", _INT),  # of several sections of one name
            ("text", _TEXT),  # of a section; a sentence's is cut from it
            ("sentence", _INT),  # number within its section, from 0; null for the section itself
            ("start", _INT),  # of a sentence: characters of its section's text, from start to before stop
            ("stop", _INT),
            ("language", _TEXT),  # en, de, other, unknown
        ),
        ("study", "section", "position", "sentence"),
    ),
    # What reports say of where to look. What that leads to among the scans is worked out when it is asked for.
    Table(
        "references",
        (
            ("snippet", _TEXT),  # the sentence
            ("study", _TEXT),
            ("section", _TEXT),
            ("position", _INT),
            ("number", _INT),  # within the section, from 0
            ("start", _INT),  # characters of the section's text
            ("stop", _INT),
            ("series_number", _INT),  # null where none is named
            ("first_image", _INT),
            ("last_image", _INT),
            ("other_exam", _BOOL),
        ),
        ("study", "section", "position", "number"),
    ),
    Table(
        "labels",
        (
            ("item", _TEXT),
            ("level", _TEXT),  # volume, slice, series, study or patient: what the item is
            ("finding", _TEXT),
            ("status", _TEXT),  # present, absent, uncertain, unmentioned
            ("category", _TEXT),  # of a categorical finding
            ("source", _TEXT),
        ),
        ("item", "finding", "source"),
    ),
    Table("masks", (("mask", _TEXT), ("volume", _TEXT), ("finding", _TEXT), ("content", _TEXT)), ("mask",)),
    Table("splits", (("split", _TEXT), ("item", _TEXT), ("level", _TEXT), ("side", _TEXT)), ("split", "item")),
    Table(
        "draws",
        (("draw", _TEXT), ("split", _TEXT), ("finding", _TEXT), ("shots", _INT), ("repeat", _INT), ("item", _TEXT)),
        ("draw", "item"),
    ),
    Table("prompts", (("prompt", _TEXT), ("ordinal", _INT), ("finding", _TEXT), ("polarity", _TEXT), ("text", _TEXT)), ("prompt",)),
    # A name that may move from one feature set to another, such as `current` to a refreshed one.
    Table("aliases", (("alias", _TEXT), ("digest", _TEXT)), ("alias",)),
    # What a decoder saw: equal content shares the computation, and the leak guard joins on it.
    Table("contents", (("volume", _TEXT), ("content", _TEXT)), ("volume",)),
    # Adapted encoders and what they were adapted from: of the first an adapter is kept (`store/artifacts.py`), and its card.
    Table(
        "encoders",
        (
            ("encoder", _TEXT),  # digest
            ("name", _TEXT),
            ("parent", _TEXT),  # digest of the encoder it was adapted from; null for one that was not
            ("adapter", _TEXT),  # sha256 of its adapter
            ("spec", _TEXT),  # JSON: everything that its digest covers
            ("card", _TEXT),  # JSON: how it was made (docs/lineage.md)
            ("kept", _TIME),
        ),
        ("encoder",),
    ),
    # What an encoder was trained or adapted on, one row for each item; of an encoder without rows nothing is known.
    Table("trained_items", (("encoder", _TEXT), ("item", _TEXT), ("level", _TEXT)), ("encoder", "item")),
    Table("runs", (("run", _TEXT), ("command", _TEXT), ("settings", _TEXT), ("started", _TIME), ("finished", _TIME)), ("run",)),
    Table(
        "metrics",
        (
            ("run", _TEXT),
            ("finding", _TEXT),
            ("features", _TEXT),
            ("encoder", _TEXT),
            ("window", _TEXT),
            ("head", _TEXT),
            ("shots", _INT),  # of each class; 0 learns from none, null from all
            ("repeat", _INT),
            ("metric", _TEXT),
            ("value", _FLOAT),
            ("lo", _FLOAT),
            ("hi", _FLOAT),
            ("reason", _TEXT),
            ("interval", _TEXT),  # how lo and hi were found: bootstrap, delong
            ("subgroup", _TEXT),  # of the test side, such as source=a; null for all of it
            ("cell", _TEXT),  # digest of everything that the fit depends on
        ),
        ("run", "finding", "features", "head", "shots", "repeat", "metric", "subgroup"),
    ),
    Table(
        "predictions",
        (
            ("run", _TEXT),
            ("item", _TEXT),
            ("finding", _TEXT),
            ("features", _TEXT),
            ("head", _TEXT),
            ("shots", _INT),
            ("repeat", _INT),
            ("y", _FLOAT),
            ("score", _FLOAT),
            ("probability", _FLOAT),  # of the finding, by the head or its calibrator; null where there is none
            ("cell", _TEXT),  # as in metrics
        ),
        ("run", "item", "finding", "features", "head", "shots", "repeat"),
    ),
    # Of runs with dense predictions (`store/dense.py`): the row of each fit, and the number of each item.
    Table(
        "dense_cells",
        (
            ("run", _TEXT),
            ("finding", _TEXT),
            ("features", _TEXT),
            ("head", _TEXT),
            ("shots", _INT),
            ("repeat", _INT),
            ("cell", _TEXT),  # as in metrics
            ("place", _INT),  # row of the array, from 0
        ),
        ("run", "features", "head", "shots", "repeat"),
    ),
    Table("dense_items", (("run", _TEXT), ("item", _TEXT), ("place", _INT), ("y", _FLOAT)), ("run", "item")),
    # Differences of two methods on the same items (first minus second), as `compare` found them.
    Table(
        "comparisons",
        (
            ("first", _TEXT),  # HEAD:FEATURES
            ("second", _TEXT),
            ("first_run", _TEXT),
            ("second_run", _TEXT),
            ("finding", _TEXT),
            ("shots", _INT),  # as in metrics, of whichever learns
            ("metric", _TEXT),
            ("method", _TEXT),  # DeLong, Obuchowski (patients with several items), bootstrap
            ("draws", _INT),  # of supports
            ("items", _INT),
            ("patients", _INT),
            ("first_value", _FLOAT),
            ("second_value", _FLOAT),
            ("difference", _FLOAT),
            ("lo", _FLOAT),
            ("hi", _FLOAT),
            ("p", _FLOAT),  # two-sided, of no difference
            ("p_holm", _FLOAT),  # corrected over all that were compared together
            ("support_variance", _FLOAT),  # of the difference in one draw
            ("test_variance", _FLOAT),  # of the mean difference, by the patients of the test side
            ("reason", _TEXT),
            ("compared", _TIME),
        ),
        ("first", "second", "first_run", "second_run", "finding", "shots", "metric"),
    ),
    # A row with an empty reason says that what failed before went well since.
    Table(
        "failures",
        (("stage", _TEXT), ("source", _TEXT), ("volume", _TEXT), ("reason", _TEXT), ("files", _INT), ("noticed", _TIME)),
        ("stage", "source"),
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in _ALL}
