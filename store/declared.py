"""What the layout of a collection says of a file: whose it is, and how its values and voxels are to be taken."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

Rows3x4 = tuple[tuple[float, ...], ...]


@final
@dataclass(frozen=True)
class Calibration:
    """What a table says of the voxels of a file. Kept in the local map, and part of what names the volume: other numbers, other vectors."""

    slope: float = 1.0
    """HU = slope * value + intercept, where the values are no HU yet: the loader looks whether they are (`readers.calibrating`)."""
    intercept: float = 0.0
    affine: Rows3x4 | None = None
    """Three rows of four: voxel indices (i, j, k, 1) to LPS mm, in place of the header's; None where the header is right."""
    corrected: bool = False
    """Whoever distributes the file says that it holds HU, which counts where its values do not tell."""

    def text(self) -> str:
        """The inverse of `from_text`; equal calibrations have equal texts."""
        return json.dumps([self.slope, self.intercept, self.affine, self.corrected])

    @classmethod
    def from_text(cls, text: str) -> Calibration:
        slope, intercept, affine, corrected = json.loads(text)
        return cls(slope, intercept, None if affine is None else tuple(tuple(row) for row in affine), corrected)


@final
@dataclass(frozen=True)
class Declared:
    """What is known of a file from its place in a collection. Names are in clear here, as in `ScanHeader`."""

    patient_id: str
    study_uid: str
    series_uid: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    """Allow-listed values only, as in `ScanHeader`."""
    slope: float = 1.0
    intercept: float = 0.0
    spacing_mm: tuple[float, float, float] | None = None
    """Along i, j, k; None leaves geometry to the header."""
    axes: Rows3x4 | None = None
    """Unit vectors along i, j, k in LPS, then the first voxel's place in mm, for where the header's spacing is another."""
    corrected: bool = False
    """As of `Calibration`."""
