"""What a bank holds already, as ingest needs it: looked up with the writer's lock held, and kept up while batches are written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .items import NamedScan, Namer, patient_of, series_of, study_of

if TYPE_CHECKING:
    from .bank import Bank


class Known:
    """Volumes, series, patients and studies at one snapshot."""

    def __init__(self, bank: Bank) -> None:
        self._key = bank.key
        volumes = bank.snapshot.latest("volumes", "patient", "patient_key", "study", "series")
        self.volumes = {row["volume"] for row in volumes}
        self.series = {row["series"] for row in volumes}
        self.namer = Namer(bank.key, bank.local_map, {row["volume"]: (row["patient_key"], row["series"]) for row in volumes})
        groups: dict[str, set[str]] = defaultdict(set)
        for row in volumes:
            groups[row["patient_key"]].add(row["patient"])
        self._groups = {patient: members.pop() for patient, members in groups.items() if len(members) == 1}
        self._studies = {row["study"]: row["accession"] for row in bank.snapshot.latest("studies", "accession")}

    def add(self, scans: Iterable[NamedScan]) -> None:
        """These were written."""
        for scan in scans:
            self.volumes.add(scan.volume)
            self.series.add(series_of(self._key, scan.header, scan.volume))

    def columns(self, scan: NamedScan) -> dict[str, Any]:
        """What the bank says of a new scan beyond its header: the group its patient is in, the accession of its study."""
        patient = patient_of(self._key, scan.header, scan.volume)
        study = study_of(self._key, scan.header, scan.volume)
        return {"patient": self._groups.get(patient, patient), "accession": self._studies.get(study)}
