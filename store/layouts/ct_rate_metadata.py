"""CT-RATE's metadata tables: what the scanner's headers said of each volume, which the first release's files do not say themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from .. import vocabulary
from ..declared import Declared, Rows3x4
from ..errors import TableError
from ..table_records import open_table

VOLUME = "VolumeName"
_NEEDED = (VOLUME, "RescaleSlope", "RescaleIntercept", "XYSpacing", "ZSpacing")
_PARTS = re.compile(r"([A-Za-z]{1,16}_\d{1,8})_([A-Za-z]{1,4})_(\d{1,4})")
_ENDINGS = (".nii.gz", ".nii")
_ATTRIBUTES = (
    ("sex", "PatientSex", vocabulary.sex),
    ("age_band", "PatientAge", vocabulary.age_band),
    ("manufacturer", "Manufacturer", vocabulary.manufacturer),
    ("model", "ManufacturerModelName", vocabulary.model_family),
    ("kernel", "ConvolutionKernel", vocabulary.kernel),
)
_LONGEST, _LARGEST = 200, 1e5
"""Characters of a cell of numbers, and a number: more is none of a scanner's."""
_RIGHT_ANGLES = 1e-3


@final
@dataclass(frozen=True)
class VolumeName:
    """`train_1_a_2`: the patient train_1, their scan train_1_a, its second reconstruction."""

    patient: str
    study: str
    series: str


def volume_name(text: str) -> VolumeName | None:
    """The parts of a volume's name, with or without the file's ending; None where it is none."""
    name = text.strip()
    ending = next((ending for ending in _ENDINGS if name.lower().endswith(ending)), "")
    match = _PARTS.fullmatch(name[: len(name) - len(ending)])
    return VolumeName(match[1], f"{match[1]}_{match[2]}", match[0]) if match else None


def is_metadata(columns: Sequence[str]) -> bool:
    """Whether these columns are those of a metadata table."""
    return VOLUME in columns and any(name in columns for name in _NEEDED[1:3])


def read_metadata(paths: Iterable[Path]) -> dict[str, Declared | str]:
    """Series to what is declared of it, or to why its row cannot be used. A bad row costs its volume alone.

    Raises:
        TableError: a table cannot be read, or lacks a column.
    """
    found: dict[str, Declared | str] = {}
    for path in paths:
        with open_table(path, {name.lower() for name in _NEEDED}) as records:
            if lacking := [name for name in _NEEDED if name not in records.header]:
                raise TableError(
                    f"{path.name}: CT-RATE's metadata lack the column {', '.join(lacking)}; take the table as it was published"
                )
            for line, cells in records.rows:
                row = dict(zip(records.header, cells, strict=True))
                if name := volume_name(row[VOLUME]):
                    declared = _declared(name, row, line)
                    if found.setdefault(name.series, declared) != declared:
                        found[name.series] = f"line {line} of the metadata says otherwise of it than a line before; leave one of them"
    return found


def _declared(name: VolumeName, row: Mapping[str, str], line: int) -> Declared | str:
    slope, intercept, z_mm = (_numbers(row[column]) for column in ("RescaleSlope", "RescaleIntercept", "ZSpacing"))
    in_plane = _numbers(row["XYSpacing"])
    expected = {
        "RescaleSlope": (len(slope) == 1 and slope[0] != 0, "a number other than 0"),
        "RescaleIntercept": (len(intercept) == 1, "a number"),
        "XYSpacing": (len(in_plane) in (1, 2) and min(in_plane) > 0, "millimetres such as [0.75, 0.75]"),
        "ZSpacing": (len(z_mm) == 1 and z_mm[0] > 0, "millimetres"),
    }
    if bad := next((column for column, (fits, _) in expected.items() if not fits), None):
        return (
            f"line {line} of the metadata has no {bad} for it (expected {expected[bad][1]}), so its HU or size cannot be trusted; mend it"
        )
    attributes = {ours: value for ours, theirs, allow in _ATTRIBUTES if (value := allow(_first(row.get(theirs, ""))))}
    return Declared(
        patient_id=name.patient,
        study_uid=name.study,
        series_uid=name.series,
        attributes=attributes,
        slope=slope[0],
        intercept=intercept[0],
        spacing_mm=(in_plane[0], in_plane[-1], z_mm[0]),
        axes=_axes(row.get("ImageOrientationPatient", ""), row.get("ImagePositionPatient", "")),
    )


def _axes(orientation: str, position: str) -> Rows3x4 | None:
    """Directions along x, y and z of the array and its first voxel's place in LPS, where the table gives them."""
    cosines, origin = _numbers(orientation), _numbers(position)
    if len(cosines) != 6:
        return None
    x, y = np.array(cosines[:3]), np.array(cosines[3:])
    if not (abs(x @ x - 1) < _RIGHT_ANGLES and abs(y @ y - 1) < _RIGHT_ANGLES and abs(x @ y) < _RIGHT_ANGLES):
        return None
    z = np.cross(x, y)
    return tuple(tuple(float(v) for v in axis) for axis in (x, y, z, origin if len(origin) == 3 else (0.0, 0.0, 0.0)))


def _first(text: str) -> str:
    """The first value of a cell that may be a list, such as `['Br40f', '3']`."""
    return text.strip().strip("[]").split(",")[0].strip(" '\"") if text.lstrip().startswith("[") else text


def _numbers(text: str) -> tuple[float, ...]:
    """The numbers of a cell such as `[0.75, 0.75]`; none where anything else is in it."""
    if len(text) > _LONGEST:
        return ()
    try:
        values = tuple(float(part) for part in text.strip().strip("[]()").split(","))
    except ValueError:
        return ()
    return values if all(abs(value) <= _LARGEST for value in values) else ()  # not-a-number is not
