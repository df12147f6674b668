"""Which item a row of a table speaks of. Keys are digested the way ingest digested the originals, then looked up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .csv_types import KeyKind, TableRow

if TYPE_CHECKING:
    from .bank import Bank


@dataclass(frozen=True)
class Target:
    """An item at its level: volume, slice, series, study or patient."""

    item: str
    level: str


@dataclass(frozen=True)
class NoMatch:
    """Why a row matches nothing, in words that hold no id."""

    reason: str


class Catalog:
    """The items of a bank, looked up by original ids and paths."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._key = bank.key

    @cached_property
    def volumes(self) -> dict[str, dict[str, Any]]:
        """Volume id to its row."""
        return {row["volume"]: row for row in self._bank.sql("SELECT * FROM volumes ORDER BY ordinal").to_pylist()}

    @cached_property
    def accessions(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for row in self._bank.sql("SELECT study, accession FROM studies WHERE accession IS NOT NULL").to_pylist():
            found[row["accession"]].append(row["study"])
        return found

    @cached_property
    def studies(self) -> dict[str, str]:
        """Study to patient."""
        return {row["study"]: row["patient"] for row in self._bank.sql("SELECT study, patient FROM studies").to_pylist()}

    @cached_property
    def patients(self) -> set[str]:
        """Patients by either name: who a scan belongs to, and who it says itself."""
        return {*self.studies.values(), *(row["patient_key"] for row in self.volumes.values())}

    @cached_property
    def _series(self) -> set[str]:
        return {row["series"] for row in self.volumes.values()}

    @cached_property
    def _numbers(self) -> dict[tuple[str, int], list[str]]:
        """(patient, number of the slice) to slices, of primary volumes."""
        query = """SELECT v.patient, v.patient_key, s.number, s.slice FROM slices s JOIN volumes v USING (volume)
            WHERE v.is_primary AND s.number IS NOT NULL"""
        found: dict[tuple[str, int], list[str]] = defaultdict(list)
        for row in self._bank.sql(query).to_pylist():
            for patient in {row["patient"], row["patient_key"]}:
                found[patient, row["number"]].append(row["slice"])
        return found

    @cached_property
    def slices(self) -> dict[tuple[str, int], str]:
        """(volume, index) to slice."""
        answer = self._bank.sql("SELECT volume, index, slice FROM slices").to_pylist()
        return {(row["volume"], row["index"]): row["slice"] for row in answer}

    @cached_property
    def _owners(self) -> dict[str, list[str]]:
        """Slice to the volumes that hold it."""
        found: dict[str, list[str]] = defaultdict(list)
        for (volume, _), name in self.slices.items():
            found[name].append(volume)
        return found

    @cached_property
    def _why_no_path(self) -> str:
        if self._bank.local_map.is_empty:
            return "the local map of this machine knows no path of the bank; bring it along from where the scans were ingested, or use ids"
        return "no scan was read from its path"

    def find(self, kind: KeyKind, row: TableRow) -> list[Target] | NoMatch:
        """The items a row speaks of."""
        match kind, row.key:
            case "path", Path() as path:
                return self._by_path(path) or NoMatch(self._why_no_path)
            case "study_path", Path() as path:
                below = (self.volumes[volume]["study"] for volume in self._bank.local_map.under(path) if volume in self.volumes)
                return [Target(study, "study") for study in sorted(set(below))] or NoMatch(self._why_no_path)
            case "series_uid", str() as uid:
                item = self._key.pseudonym("series", uid)
                return [Target(item, "series")] if item in self._series else NoMatch("no series has its series_uid")
            case "accession", str() as accession:
                found = self.accessions.get(self._key.pseudonym("accession", accession), [])
                return [Target(study, "study") for study in found] or NoMatch("no study has its accession")
            case "study_uid", str() as uid:
                item = self._key.pseudonym("study", uid)
                return [Target(item, "study")] if item in self.studies else NoMatch("no study has its study_uid")
            case "patient_slice", (str() as patient_id, int() as number):
                return self._by_number(patient_id, number)
            case "patient_id", str() as patient_id:
                item = self._key.pseudonym("patient", patient_id)
                return [Target(item, "patient")] if item in self.patients else NoMatch("no patient has its patient_id")
            case _:
                return NoMatch("it has no key")

    def _by_path(self, path: Path) -> list[Target]:
        local_map = self._bank.local_map
        try:
            target = path.resolve()
        except OSError:  # a name that no file can have
            return []
        # The map may know volumes whose commit never came. A link is known by its own name, or by what it leads to.
        here = [place for place in local_map.at_path(path) or local_map.at_path(target) if place[0] in self.volumes]
        if here:
            # A file that is all of its volume, also of many frames, speaks of the volume; one of many files, of its slice.
            whole = (Target(v, "volume") if files == 1 else Target(self.slices[v, position], "slice") for v, position, files in here)
            return list(dict.fromkeys(whole))
        below = local_map.under(path) or local_map.under(target)
        return [Target(volume, "volume") for volume in below if volume in self.volumes]

    def _by_number(self, patient_id: str, number: int) -> list[Target] | NoMatch:
        patient = self._key.pseudonym("patient", patient_id)
        if patient not in self.patients:
            return NoMatch("no patient has its patient_id")
        found = self._numbers.get((patient, number), [])
        if len(found) > 1:
            return NoMatch(f"{len(found)} slices of its patient have that slice_number; use path or series_uid")
        return [Target(found[0], "slice")] if found else NoMatch("its patient has no slice of that slice_number")

    def volumes_of_images(self, series_uids: Sequence[str], sop_uids: Sequence[str]) -> list[str]:
        """The volumes that hold one of some images, by SOP instance UIDs; where none is known by these, the series' only volume."""
        slices = {self._key.pseudonym("slice", uid) for uid in sop_uids}
        held = {volume for name in slices & self._owners.keys() for volume in self._owners[name]}
        if held:
            return sorted(held & self.volumes.keys())
        series = {self._key.pseudonym("series", uid) for uid in series_uids}
        of_series = [volume for volume, row in self.volumes.items() if row["series"] in series]
        return of_series if len(of_series) == 1 else []

    def volumes_of(self, target: Target) -> list[str]:
        """The volumes that a target is, is part of, or holds."""
        if target.level == "volume":
            return [target.item]
        if target.level == "slice":
            return self._owners[target.item]
        return self._places[target.level].get(target.item, [])

    @cached_property
    def _places(self) -> dict[str, dict[str, list[str]]]:
        """Level, then patient, study or series, to volumes."""
        found: dict[str, dict[str, list[str]]] = {level: defaultdict(list) for level in ("patient", "study", "series")}
        for volume, row in self.volumes.items():
            found["study"][row["study"]].append(volume)
            found["series"][row["series"]].append(volume)
            for patient in {row["patient"], row["patient_key"]}:
                found["patient"][patient].append(volume)
        return found

    @cached_property
    def _studies_of_patients(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for study, patient in self.studies.items():
            found[patient].append(study)
        return found

    def forget_places(self) -> None:
        """What was looked up by patient and study, after volumes were given to others."""
        for name in ("_places", "_studies_of_patients", "patients"):
            self.__dict__.pop(name, None)

    def studies_of(self, target: Target) -> list[str]:
        """The studies that a target is, is part of, or holds."""
        if target.level == "study":
            return [target.item]
        if target.level == "patient":
            named = set(self._studies_of_patients[target.item])
            return sorted(named | {self.volumes[volume]["study"] for volume in self.volumes_of(target)})
        return sorted({self.volumes[volume]["study"] for volume in self.volumes_of(target)})
