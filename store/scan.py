"""What readers give: a scan known by its headers, and a scan decoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .declared import Calibration
from .windows import Window

SourceKind = Literal["dicom", "nifti", "hdf5", "image", "declared", "seg"]
"""`seg` is a DICOM segmentation: the frames of a source are those of one segment, by its number."""
DECLARED: SourceKind = "declared"
"""A volume that is known by imported vectors alone: there is nothing to decode."""
Plane = Literal["axial", "coronal", "sagittal", "oblique"]


@dataclass(frozen=True)
class Source:
    """One file, or one frame of a file, that voxels come from. Kept in the local map only, never in a bank."""

    path: Path
    frame: int = -1
    """0-based frame of a multi-frame file; -1 for the whole file."""
    size: int = 0
    """Bytes, as seen at ingest."""
    mtime_ns: int = 0


@dataclass(frozen=True)
class SliceHeader:
    """One source plane of a scan, as its header tells."""

    name: str
    """What names it: the SOP instance UID (and frame), or the plane's index within the file. Clear text: digested before it is stored."""
    z_mm: float | None
    """Millimetres along the patient's superior axis, of the plane's centre; None where nothing tells."""
    number: int | None = None
    """Instance number (DICOM) or the number in the file's name (images): what `slice_number` in a table means."""


@dataclass(frozen=True)
class ScanHeader:
    """A volume before decoding. Slices are in order along the slice axis, feet to head for axial planes.

    Names and ids are in clear here; ingest digests them, and nothing else may write them.
    """

    kind: SourceKind
    names: tuple[str | bytes, ...]
    """What the volume's id is a keyed digest of: the SOP instance UIDs in order, or one digest of the file's bytes."""
    sources: tuple[Source, ...]
    """Files or frames in slice order: one per slice for DICOM and image stacks, one in all for NIfTI and HDF5."""
    slices: tuple[SliceHeader, ...]
    rows: int
    columns: int
    plane: Plane
    """The anatomical plane of the source slices."""
    spacing_mm: tuple[float | None, float | None, float | None]
    """(between slices, between rows, between columns): from positions, not from SliceThickness; None where unknown."""
    extent_mm: float | None
    """From the first slice's centre to the last's."""
    has_hu: bool
    exported_window: Window | None = None
    """For images: the HU window they were saved with, where the user declared it."""
    flags: tuple[str, ...] = ()
    """What is unusual, one word each: missing_slices, duplicate_slices, nonuniform, tilted, single_slice, lossy, ..."""
    patient_id: str | None = None
    study_uid: str | None = None
    series_uid: str | None = None
    series_number: int | None = None
    """What a report means by "series 2"."""
    accession: str | None = None
    original: bool = True
    """ImageType says ORIGINAL (or says nothing)."""
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    """Allow-listed values only (see vocabulary): manufacturer, model, kernel, sex, age_band, contrast, ..."""
    calibration: Calibration | None = None
    """For files whose layout speaks for them: how values and voxels are to be taken."""


@dataclass(frozen=True)
class Volume:
    """A decoded scan in the canonical frame.

    `voxels` is (Z, Y, X): Z towards the head, Y towards the back, X towards the patient's left (LPS), each as near as
    the scan's own axes allow. `affine` (4, 4) maps (x, y, z, 1) voxel indices to LPS millimetres.
    """

    voxels: NDArray[np.int16] | NDArray[np.float32]
    affine: NDArray[np.float64]
    spacing_mm: tuple[float | None, float | None, float | None]
    """(z, y, x) of the canonical array; None where unknown (images)."""
    slice_axis: int
    """Which axis of `voxels` the source slices lie along: 0 for axial scans."""
    z_mm: NDArray[np.float64]
    """(slices,) of each source slice, in mm along the superior axis; NaN where unknown."""
    positions_mm: NDArray[np.float64]
    """(slices,) along `slice_axis`, increasing, in mm; the true places of the planes, also where they are not uniform."""
    has_hu: bool
    value_range: tuple[float, float] | None = None
    """For images: the range of grey values that their format can hold, such as (0, 255)."""
    exported_window: Window | None = None
    content: str = ""
    """Digest of voxels and geometry; for lossy transfer syntaxes, of the compressed frames and geometry."""


@dataclass(frozen=True)
class Rejected:
    """A file or series that is not read: `left_out` on purpose, or failed."""

    path: Path
    reason: str
    """For people, without a path, a name or an id in it: it is stored in the bank."""
    left_out: bool = False
    files: int = 1


@dataclass(frozen=True)
class Found:
    """What a look through files gave."""

    scans: tuple[ScanHeader, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    ignored: int = 0
    """Files that are none of the formats read, such as a text beside the scans."""
