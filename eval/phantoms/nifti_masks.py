"""Masks as NIfTI, on the grid of the DICOM series."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from nibabel.nifti1 import Nifti1Image
from numpy.typing import NDArray

from .acquire import corner_mm, row_direction
from .model import Series

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_SCANNER = 1
"""Code of an affine that leads to the scanner's frame (NIfTI-1 `NIFTI_XFORM_SCANNER_ANAT`)."""
_TOLERANCE_MM = 0.01


def is_even(series: Series) -> bool:
    """Whether an affine can tell where the series' images lie."""
    steps = np.diff(series.positions_mm)
    return bool(np.ptp(steps) <= _TOLERANCE_MM) if len(steps) else True


def affine_of(series: Series) -> NDArray[np.float64]:
    """(column, row, image, 1) to RAS mm; image counts in the order of InstanceNumber. Under a tilted gantry it shears."""
    first = corner_mm(series, 0)
    count = len(series.positions_mm)
    made = np.eye(4)
    made[:3, 0] = [series.pixel_mm, 0.0, 0.0]
    made[:3, 1] = row_direction(series) * series.pixel_mm
    made[:3, 2] = (corner_mm(series, count - 1) - first) / (count - 1) if count > 1 else [0.0, 0.0, series.thickness_mm]
    made[:3, 3] = first
    return _LPS_TO_RAS @ made


def write_masks(folder: Path, series: Series, masks: Mapping[str, NDArray[np.bool_]]) -> None:
    """Write FINDING.nii.gz for each mask (slices, rows, columns): 1 where the finding is, else 0."""
    folder.mkdir(parents=True)
    affine = affine_of(series)
    for finding, mask in masks.items():
        image = Nifti1Image(mask.transpose(2, 1, 0).astype(np.uint8), affine)
        image.set_sform(affine, _SCANNER)
        image.header.set_xyzt_units("mm")
        image.header["descrip"] = b"synthetic phantom"
        (folder / f"{finding}.nii.gz").write_bytes(gzip.compress(image.to_bytes(), 6, mtime=0))
