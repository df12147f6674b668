"""What is kept of a DICOM file's header: small, and made of plain values so that it travels between processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Frame:
    """One plane: a whole single-frame file, or a frame of a multi-frame one."""

    index: int = -1
    """0-based frame of a multi-frame file, -1 for a single-frame file."""
    position: Triple | None = None
    """LPS mm of the first voxel's centre (ImagePositionPatient)."""
    orientation: tuple[float, ...] | None = None
    """Six cosines: along a row, then along a column (ImageOrientationPatient)."""
    spacing: tuple[float, float] | None = None
    """mm between rows, between columns (PixelSpacing)."""
    location: float | None = None
    """SliceLocation, used only where there is no position."""
    slope: float = 1.0
    intercept: float = 0.0
    number: int | None = None
    phases: tuple[str, ...] = ()
    """What may tell apart images at one place: stack, kernel, acquisition, temporal position, times; '' where not given."""


@dataclass(frozen=True, slots=True)
class DicomHeader:
    """One image file's header. Ids and texts are in clear: digested, or passed through the vocabulary, before they are stored."""

    path: Path
    size: int
    mtime_ns: int
    syntax: str
    """Transfer syntax UID."""
    sop_uid: str | None
    patient_id: str | None
    study_uid: str | None
    series_uid: str | None
    series_number: int | None
    accession: str | None
    image_type: tuple[str, ...]
    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    padding: tuple[int, int] | None
    """Stored values from..to that mark pixels outside the field of view."""
    frames: tuple[Frame, ...]
    frames_in_file: int
    body_at: int
    pixels_at: int
    pixels_length: int
    lossy: bool
    rescaled: bool
    """Whether the header gives a rescale; without one, slope 1 and intercept 0 are assumed."""
    texts: tuple[tuple[str, str], ...]
    """Attribute name and raw text, of those that the vocabulary classifies."""
