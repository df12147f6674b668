"""Cohorts of phantoms as banks, the way any scan goes: written as DICOM, ingested, embedded."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

VALIDATED = 0.1
"""Share of a cohort's patients, the last ones, who tell when to stop."""


def scanbank(*words: object) -> None:
    """A command, in a process of its own.

    Raises:
        subprocess.CalledProcessError: it failed; it has said why.
    """
    print(f"$ scanbank {' '.join(map(str, words))}", flush=True)
    subprocess.run([sys.executable, "-m", "scanbank.scripts.cli", *map(str, words)], check=True)


def phantom_bank(work: Path, name: str, cohort: str, patients: int, seed: int, *, divided: bool = False) -> Path:
    """The bank `work`/NAME.bank of a cohort; what is there already is not made again.

    Args:
        work: Folder for the cohort, the bank and its key.
        name: Of all three.
        cohort: As in `scanbank phantom`.
        patients: How many.
        seed: Of the cohort.
        divided: Whether patients get sides, train and val, in the table of labels; nobody tests in such a bank.
    """
    phantoms, bank, key = (work / f"{name}{part}" for part in ("", ".bank", ".key"))
    if not (phantoms / "cohort.json").is_file():
        scanbank("phantom", phantoms, "--cohort", cohort, "--patients", patients, "--seed", seed, "--no-masks", "--force")
    labels = phantoms / "labels.csv"
    if divided:
        labels = with_sides(labels, work / f"{name}-labels.csv", patients)
    if not (bank / "bank.json").is_file():
        scanbank("init", bank, "--key-file", key)
    scanbank("ingest", bank, phantoms / "dicom", "--labels", labels, "--reports", phantoms / "reports.csv", "--key-file", key)
    return bank


def with_sides(labels: Path, out: Path, patients: int) -> Path:
    """A table of labels with the side of each row's patient, whose number is the end of the id."""
    with labels.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    last = round(patients * (1 - VALIDATED))
    for row in rows:
        row["split"] = "train" if int(row["patient_id"].rpartition("-")[2]) <= last else "val"
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return out
