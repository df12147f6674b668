"""Ids beside a table's key: whose a scan is, who belongs together, and the study that an image is of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from .csv_types import KeyKind, TableRow
from .items import Rows
from .key import SecretKey
from .matching import Catalog, Target


def regroup(key: SecretKey, kind: KeyKind, catalog: Catalog, found: Iterable[tuple[TableRow, Sequence[Target]]]) -> Rows:
    """The rows that make volumes take the patient and study that their table rows name. `catalog` follows.

    `patient` says who belongs together; `patient_key`, by which the scan itself names its patient, stays, so that labels
    given by that name still reach it.
    """
    accessions = {study: digest for digest, studies in catalog.accessions.items() for study in studies}
    changed: dict[str, dict[str, Any]] = {}
    rows: Rows = defaultdict(list)
    for row, targets in ((row, targets) for row, targets in found if row.ids):
        digest = key.pseudonym("accession", row.ids["accession"]) if kind != "accession" and "accession" in row.ids else None
        for target in targets:
            volumes = catalog.volumes_of(target)
            patient = _patient(key, row)
            if target.level == "study" and not volumes and patient and catalog.studies[target.item] != patient:  # a report only
                catalog.studies[target.item] = patient
                rows["studies"].append({"study": target.item, "patient": patient, "accession": accessions.get(target.item)})
            for volume in volumes:
                have = catalog.volumes[volume]
                new = _named(key, kind, row, have)
                if any(have[column] != value for column, value in new.items()):
                    have.update(new)
                    changed[volume] = have
                if digest is not None and accessions.get(have["study"]) != digest:
                    accessions[have["study"]] = digest
                    changed[volume] = have
    for have in changed.values():
        rows["volumes"].append({column: value for column, value in have.items() if column != "is_primary"})
        rows["studies"].append({"study": have["study"], "patient": have["patient"], "accession": accessions.get(have["study"])})
        rows["patients"].append({"patient": have["patient"]})
        catalog.studies[have["study"]] = have["patient"]
    catalog.forget_places()
    return rows


def group_of(key: SecretKey, group: str) -> str:
    """The pseudonym of a group, which is no patient's id even where they are spelled alike."""
    return key.pseudonym("patient", "group", group)


def _patient(key: SecretKey, row: TableRow) -> str | None:
    if group := row.ids.get("group"):
        return group_of(key, group)
    return key.pseudonym("patient", name) if (name := row.ids.get("patient_id")) else None


def _named(key: SecretKey, kind: KeyKind, row: TableRow, volume: dict[str, Any]) -> dict[str, str]:
    """The columns of a volume that a row gives other values."""
    named: dict[str, str] = {}
    patient_id, group = row.ids.get("patient_id"), row.ids.get("group")
    if patient_id:
        patient = key.pseudonym("patient", patient_id)
        if volume["patient_key"] != patient:  # else it is known by that name, and may be in a group since
            named["patient"] = patient
            if volume["kind"] != "dicom":  # whose headers name a patient; nothing else does
                named["patient_key"] = patient
    if group:
        named["patient"] = group_of(key, group)
    if kind == "path" and (uid := row.ids.get("study_uid")):
        named["study"] = key.pseudonym("study", uid)
    elif kind == "path" and volume["kind"] != "dicom" and (accession := row.ids.get("accession")):
        named["study"] = key.pseudonym("study-of-accession", accession)  # images of one accession are one study
    return named
