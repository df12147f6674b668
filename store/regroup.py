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
    for row, targets in found:
        for volume in (volume for target in targets for volume in catalog.volumes_of(target) if row.ids):
            have = catalog.volumes[volume]
            new = _named(key, kind, row, have)
            if any(have[column] != value for column, value in new.items()):
                have.update(new)
                changed[volume] = have
            number = row.ids.get("accession") if kind == "path" else None
            digest = key.pseudonym("accession", number) if number else None
            if digest is not None and accessions.get(have["study"]) != digest:
                accessions[have["study"]] = digest
                changed[volume] = have
    rows: Rows = defaultdict(list)
    for have in changed.values():
        rows["volumes"].append({column: value for column, value in have.items() if column != "is_primary"})
        rows["studies"].append({"study": have["study"], "patient": have["patient"], "accession": accessions.get(have["study"])})
        rows["patients"].append({"patient": have["patient"]})
        catalog.studies[have["study"]] = have["patient"]
    return rows


def _named(key: SecretKey, kind: KeyKind, row: TableRow, volume: dict[str, Any]) -> dict[str, str]:
    """The columns of a volume that a row gives other values."""
    named: dict[str, str] = {}
    if name := row.ids.get("patient_id"):
        named["patient"] = key.pseudonym("patient", name)
        if volume["patient_key"] == key.pseudonym("own-patient", volume["volume"]):  # an image: nothing else names its patient
            named["patient_key"] = named["patient"]
    elif group := row.ids.get("group"):
        named["patient"] = key.pseudonym("patient", "group", group)
    if (uid := row.ids.get("study_uid")) and kind == "path":
        named["study"] = key.pseudonym("study", uid)
    return named
