"""Readers: one file each for DICOM, NIfTI, HDF5 and images. A new format is one new file and a line in `scans` and `load`."""

from .load import import_loaders, load_mask, load_volume
from .scans import Images, find_scans

__all__ = ["Images", "find_scans", "import_loaders", "load_mask", "load_volume"]
