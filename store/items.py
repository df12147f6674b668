"""From scan headers to items: ids, ordinals and table rows. The only place where names in clear become pseudonyms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from .commit import Commit
from .key import SecretKey
from .local_map import LocalMap, MappedScan
from .scan import ScanHeader
from .vocabulary import kernel_sharpness

NO_UID = "#"
"""What the name of a DICOM slice begins with where it has no UID: it tells nothing apart, so the path must."""

MAX_NUMBER, MAX_NUMBER_OF_IMAGE = 99_999, 9_999
"""Slice and series numbers beyond these are not stored: a date or a record number may stand in their elements, or in an image's name."""

Rows = dict[str, list[dict[str, Any]]]
"""Table name to rows."""


@dataclass(frozen=True)
class NamedScan:
    """A scan with its id."""

    volume: str
    name_digest: str
    header: ScanHeader


class Namer:
    """Gives volumes their ids: a keyed digest of what names them. Items never merge, whatever their names do.

    Byte-identical files at different paths stay different items: the second and further copies get a number of their
    own, found again by path, or taken over from a copy whose file is gone (it was moved). DICOM slices are named by UIDs,
    which should be unique: the same in another place is a copy of the same volume, but in another patient or series it
    is another volume, whatever the UIDs say.
    """

    def __init__(self, key: SecretKey, local_map: LocalMap, owners: Mapping[str, tuple[str, str]]) -> None:
        """`owners`: for each volume in the bank, the patient that it names itself and its series."""
        self._key = key
        self._map = local_map
        self._owners = dict(owners)
        self._given: dict[str, dict[str, Path]] = defaultdict(dict)

    def name(self, header: ScanHeader) -> NamedScan:
        digest = self._key.pseudonym("volume", *header.names)
        if header.kind == "dicom" and not any(str(name).startswith(NO_UID) for name in header.names):
            return NamedScan(self._by_uid(header, digest), digest, header)
        if (declared := self._declared_there(header)) is not None:
            return NamedScan(declared, digest, header)
        path = header.sources[0].path
        known = dict(self._map.copies(digest)) | self._given[digest]
        same = next((volume for volume, at in known.items() if at == path), None)
        if same is None:
            moved = [volume for volume, at in known.items() if volume not in self._given[digest] and not at.exists()]
            same = moved[0] if moved else self._copy(digest)
        self._given[digest][same] = path
        return NamedScan(same, digest, header)

    def _declared_there(self, header: ScanHeader) -> str | None:
        """The volume that a layout made of this very file before: what it said counts until it is said otherwise."""
        if header.kind != "nifti" or header.calibration is not None:
            return None
        for volume, _, _ in self._map.at_path(header.sources[0].path):
            located = self._map.locate(volume) if volume in self._owners else None
            if located is not None and located.calibration is not None and located.sources == header.sources:
                return volume
        return None

    def _by_uid(self, header: ScanHeader, digest: str) -> str:
        owner = (patient_of(self._key, header, digest), series_of(self._key, header, digest))
        if self._owners.setdefault(digest, owner) == owner:
            return digest
        return self._key.pseudonym("copy", digest, *owner)

    def _copy(self, digest: str) -> str:
        """The first id of this name that was never given: one that was stays its item's, also when its file is gone."""
        names = (digest if n == 0 else self._key.pseudonym("copy", digest, str(n)) for n in count())
        return next(name for name in names if name not in self._owners and name not in self._given[digest])


def add_scans(commit: Commit, key: SecretKey, scans: Sequence[NamedScan], known: Callable[[NamedScan], Mapping[str, Any]]) -> None:
    """Write the rows of new volumes: volumes, slices, studies, patients, attributes, sources.

    `known` tells the `patient` that a scan belongs to and the `accession` that its study has in the bank already.
    """
    rows: Rows = defaultdict(list)
    first = commit.reserve(sum(1 + len(scan.header.slices) for scan in scans)) if scans else 0
    for scan in scans:
        _volume_rows(rows, key, scan, first, known(scan))
        first += 1 + len(scan.header.slices)
    for table, listed in rows.items():
        commit.append(table, listed)


def mapped(scan: NamedScan) -> MappedScan:
    """What the local map keeps of a scan."""
    header = scan.header
    return MappedScan(scan.volume, header.kind, header.sources, header.exported_window, scan.name_digest, header.calibration)


def patient_of(key: SecretKey, header: ScanHeader, volume: str) -> str:
    """The patient's pseudonym; a scan that names none is a patient of its own."""
    if header.patient_id:
        return key.pseudonym("patient", header.patient_id)
    return key.pseudonym("own-patient", header.study_uid or volume)


def slice_of(key: SecretKey, header: ScanHeader, volume: str, index: int) -> str:
    """A slice's pseudonym: by its SOP instance UID (and frame) where it has one, else by its place in the volume."""
    name = header.slices[index].name
    return (
        key.pseudonym("slice", name)
        if header.kind == "dicom" and not name.startswith(NO_UID)
        else key.pseudonym("slice", volume, str(index))
    )


def study_of(key: SecretKey, header: ScanHeader, volume: str) -> str:
    """The study's pseudonym; a scan that names none is a study of its own."""
    return key.pseudonym("study", header.study_uid) if header.study_uid else key.pseudonym("own-study", volume)


def series_of(key: SecretKey, header: ScanHeader, volume: str) -> str:
    """The series' pseudonym; a scan that names none is a series of its own."""
    return key.pseudonym("series", header.series_uid) if header.series_uid else key.pseudonym("own-series", volume)


def series_number_of(header: ScanHeader) -> int | None:
    """The series' number, if it is no longer than such numbers are: more digits may be a date or a record number."""
    number = header.series_number
    return number if number is not None and 0 <= number <= MAX_NUMBER else None


def _volume_rows(rows: Rows, key: SecretKey, scan: NamedScan, first: int, known: Mapping[str, Any]) -> None:
    header, volume = scan.header, scan.volume
    patient, study = known["patient"], study_of(key, header, volume)
    series = series_of(key, header, volume)
    window = header.exported_window
    accession = key.pseudonym("accession", header.accession) if header.accession else known["accession"]
    rows["patients"].append({"patient": patient})
    rows["studies"].append({"study": study, "patient": patient, "accession": accession})
    rows["volumes"].append(
        {
            "volume": volume,
            "ordinal": first,
            "patient": patient,
            "patient_key": patient_of(key, header, volume),
            "study": study,
            "series": series,
            "series_number": series_number_of(header),
            "kind": header.kind,
            "plane": header.plane,
            "slices": len(header.slices),
            "slice_ordinal": first + 1,
            "rows_px": header.rows,
            "columns_px": header.columns,
            "spacing_z_mm": header.spacing_mm[0],
            "spacing_y_mm": header.spacing_mm[1],
            "spacing_x_mm": header.spacing_mm[2],
            "extent_mm": header.extent_mm,
            "has_hu": header.has_hu,
            "window_lo_hu": window.lo if window else None,
            "window_hi_hu": window.hi if window else None,
            "original": header.original,
            "kernel_sharpness": _sharpness(header.attributes),
            "flags": list(header.flags),
        }
    )
    most = MAX_NUMBER_OF_IMAGE if header.kind == "image" else MAX_NUMBER
    for index, plane in enumerate(header.slices):
        name = slice_of(key, header, volume, index)
        number = plane.number if plane.number is not None and 0 <= plane.number <= most else None
        rows["slices"].append(
            {"slice": name, "ordinal": first + 1 + index, "volume": volume, "index": index, "z_mm": plane.z_mm, "number": number}
        )
    for name, value in header.attributes.items():
        rows["attributes"].append({"item": volume, "level": "volume", "name": name, "value": value, "source": "header"})
    rows["sources"].append({"source": volume, "status": "read", "volume": volume, "files": len(header.sources), "reason": None})


def _sharpness(attributes: Mapping[str, str]) -> int | None:
    kernel = attributes.get("kernel")
    return kernel_sharpness(kernel) if kernel else None
