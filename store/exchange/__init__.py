"""Bring your own, take yours away: vectors made elsewhere into feature sets, and feature sets into plain files."""

from .exporting import EXPORT_SUFFIXES, ExportReport, export_features
from .importing import ImportOptions, ImportReport, import_vectors
from .resolve import KEYS
from .sources import SourceOptions, open_source

__all__ = [
    "EXPORT_SUFFIXES",
    "KEYS",
    "ExportReport",
    "ImportOptions",
    "ImportReport",
    "SourceOptions",
    "export_features",
    "import_vectors",
    "open_source",
]
