"""What a phantom is, before any voxel: patients, studies, lesions, series. Millimetres in LPS: x left, y back, z towards the head."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Side = Literal["left", "right", "bilateral", "midline", ""]
Language = Literal["en", "de"]


@dataclass(frozen=True)
class Lesion:
    """One finding at one place."""

    finding: str
    """A name of the cohort's findings, such as `pleural_effusion`."""
    side: Side
    place: str
    """One of the finding's places, such as `upper_lobe`; empty where the finding has one place only."""
    size_mm: float
    """Its greatest extent, or thickness for effusions, extra-axial blood and shift, as a report gives it."""
    severity: float
    """0 (hardly visible) to 1."""
    variant: str = ""
    """One of the finding's variants, such as `pacemaker`, `acute`, `calcified`."""
    seed: int = 0
    """Of its shape."""


@dataclass(frozen=True)
class Patient:
    """Who is scanned. The same anatomy in all of the studies."""

    cohort: str
    number: int
    """1-based."""
    sex: Literal["F", "M"]
    age: int
    """Years at the first study."""
    size: float
    """Linear scale of the body, about 0.85 to 1.15."""
    fat: float
    """0 (thin) to 1 (obese)."""
    seed: int
    """Of the anatomy."""

    @property
    def id(self) -> str:
        return f"PHANTOM-{self.cohort.upper()}-{self.number:05d}"


@dataclass(frozen=True)
class Source:
    """A scanner and the habits of its department. What shifts between hospitals."""

    name: str
    maker: str
    model: str
    kernels: tuple[str, str]
    """(soft, sharp), as ConvolutionKernel names them."""
    sharpness: tuple[float, float]
    """In-plane full width at half maximum of the blur in mm, of the soft and the sharp kernel."""
    noise_hu: tuple[float, float]
    """Standard deviation in water, of the soft and the sharp kernel."""
    thickness_mm: tuple[float, float]
    """Slice thickness = increment, of the soft and the sharp reconstruction."""
    fov_mm: tuple[float, float]
    """Least and greatest field of view."""
    matrix: int
    """Rows = columns."""
    table: Literal["curved", "flat", "thin", "wide"]
    offset_hu: float
    """Calibration error."""
    kvp: int
    tilted: float
    """Share of series with a tilted gantry."""
    nonuniform: float
    """Share of series with uneven increments."""
    german: float
    """Share of reports in German."""


@dataclass(frozen=True)
class Study:
    """One examination."""

    patient: Patient
    number: int
    """1-based, in order of date."""
    uid: str
    accession: str
    day: date
    age: int
    source: Source
    lesions: tuple[Lesion, ...]
    distractors: tuple[str, ...]
    """What looks like a finding and is none: names of the cohort's distractors."""
    contrast: bool
    """Iodine was given."""
    language: Language
    seed: int

    @cached_property
    def findings(self) -> frozenset[str]:
        return frozenset(lesion.finding for lesion in self.lesions)


@dataclass(frozen=True)
class Series:
    """One reconstruction of a study."""

    uid: str
    number: int
    """SeriesNumber."""
    kernel: str
    sharp: bool
    fwhm_mm: float
    noise_hu: float
    thickness_mm: float
    positions_mm: tuple[float, ...]
    """Of the slices along the normal of the image plane, from the first image (InstanceNumber 1) on. The centre of image i lies
    straight above `centre_mm`, at z = positions_mm[i] / cos(tilt): the table moves along z also under a tilted gantry."""
    tilt_deg: float
    """Of the gantry, about the x axis. 0: the planes are axial."""
    matrix: int
    fov_mm: float
    centre_mm: tuple[float, float]
    """(x, y) of the middle of every image."""
    motion: float
    """0 for none to 1."""
    seed: int

    @property
    def pixel_mm(self) -> float:
        return self.fov_mm / self.matrix


@dataclass(frozen=True)
class Region:
    """Where a lesion is, on a grid: a crop of a mask. `voxels` (z, y, x) begins at `start` (z, y, x)."""

    start: tuple[int, int, int]
    voxels: NDArray[np.bool_]


@dataclass(frozen=True)
class Rendered:
    """A study's body on an upright grid, as an ideal scanner would see it."""

    hu: NDArray[np.float32]
    """(Z, Y, X): Z towards the head, Y towards the back, X towards the patient's left."""
    spacing_mm: tuple[float, float, float]
    """(z, y, x)."""
    origin_mm: tuple[float, float, float]
    """(z, y, x) of the centre of voxel [0, 0, 0]."""
    regions: tuple[Region | None, ...]
    """Of each of the study's lesions, in their order; None for a lesion that has no voxels of its own (midline shift)."""
    depth_mm: tuple[float, ...]
    """z of each lesion where a radiologist would point at it: where most of it is seen."""


@dataclass(frozen=True)
class Acquired:
    """A series as the scanner gives it."""

    series: Series
    hu: NDArray[np.int16]
    """(slices, rows, columns), in the order of InstanceNumber; rows run to the back, columns to the patient's left."""
    regions: tuple[Region | None, ...]
    """Of each of the study's lesions, on this grid (slice, row, column)."""
    z_mm: NDArray[np.float64]
    """(slices,) of each image's centre."""


@dataclass(frozen=True)
class Pointer:
    """An image that shows a lesion best."""

    lesion: int
    """Its index in the study's lesions."""
    series: str
    """Series instance UID."""
    series_number: int
    image: int
    """InstanceNumber, from 1."""
    z_mm: float
    """Of the image's centre."""


@dataclass(frozen=True)
class Statement:
    """What a sentence, or a part of one, of a report says of a finding. `text` is in the report word for word."""

    text: str
    finding: str
    status: Literal["present", "absent", "uncertain"]
    side: Side = ""
    lesion: int | None = None
    """Index in the study's lesions, for one that speaks of a single lesion."""
    pointer: Pointer | None = None
    """The image that the text refers to by number."""


@dataclass(frozen=True)
class Report:
    text: str
    statements: tuple[Statement, ...]
    """In order of appearance; one for each finding that a sentence speaks of."""
