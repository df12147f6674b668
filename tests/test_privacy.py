"""Nothing that names a person, a file or an examination is in a bank, its reports or its answers: canaries in all that comes in."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from typer.testing import CliRunner, Result

from byte_search import Needles, search
from canary_files import NAMES, Canaries, odd_files, other_formats, plant_everywhere, rewrite
from dicom_files import write_series
from scanbank.scripts.cli import app
from scanbank.store import Bank
from scanbank.store.schema import TABLES

pytestmark = pytest.mark.long

PATIENTS = 12
REPORT = """Patient: {name}, DOB 03/14/1957, MRN {mrn}. Accession number: {accession}.
Referring physician: {doctor}
COMPARISON: CT of {day}, performed by Dr. {doctor} at 14:35.
FINDINGS: No effusion. Mrs. {name} was called at +49 761 {phone}. See https://pacs.example/{url} or mail {mail}@example.org.
IMPRESSION: Nodule in the left upper lobe. Signed by: {doctor}, MD"""


class Cohort:
    """A folder of scans and tables, and every text in it that may go nowhere."""

    def __init__(self, folder: Path) -> None:
        self.canaries = Canaries()
        self.root = folder / self.canaries.text("root folder")
        self.scans = self.root / self.canaries.text("folder of scans")
        self.scans.mkdir(parents=True)
        self.texts: list[str] = []
        self.patients = [self._patient(i) for i in range(PATIENTS)]
        odd_files(self.scans, self.canaries)
        other_formats(self.scans, self.canaries)
        self.labels, self.reports, self.unscrubbed = self._labels(), self._reports("reports"), self._unscrubbed()

    def _patient(self, i: int) -> dict[str, str]:
        canaries = self.canaries
        (study, series) = (canaries.of("UI", f"{level}InstanceUID") for level in ("Study", "Series"))
        told = {"PatientID": canaries.text("PatientID"), "AccessionNumber": canaries.text("AccessionNumber")}
        told |= {"PatientName": canaries.note(NAMES[i], "PatientName") if i < len(NAMES) else canaries.text("PatientName")}
        told |= {"PatientBirthDate": canaries.of("DA", "PatientBirthDate"), "FrameOfReferenceUID": canaries.of("UI", "FrameOfReferenceUID")}
        paths = write_series(
            self.scans / canaries.text("folder"), n=3, seed=i, study_uid=study, series_uid=series, prefix=canaries.text("file name"),
            shape=(24, 24), patient_id=told["PatientID"],
        )  # fmt: skip

        def change(data: Dataset) -> None:
            for keyword, value in told.items():
                setattr(data, keyword, value)
            data.SOPInstanceUID = canaries.of("UI", "SOPInstanceUID")
            # The first with texts everywhere, whether an element may hold such or not; the second with valid values everywhere.
            if i < 2:
                ids = {tag: data[tag] for tag in (0x0020000D, 0x0020000E, 0x00100020, 0x00080050)} if i else {}
                plant_everywhere(data, canaries, canaries.of if i else lambda _, where: canaries.text(where))
                for element in ids.values():
                    data.add(element)

        for path in paths[1:] if i < 2 else ():  # what tells series apart is a canary there: each file would be a series of its own
            path.unlink()
        for path in paths[:1] if i < 2 else paths:
            rewrite(path, change, charset="ISO_IR 100" if i == 10 else "ISO_IR 192", meta=canaries)
        return told | {"StudyInstanceUID": study}

    def _table(self, name: str, rows: list[dict[str, Any]]) -> Path:
        path = self.root / f"{self.canaries.text(f'name of the table {name}')}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return path

    def _labels(self) -> Path:
        text = self.canaries.text
        rows = [
            {
                "patient_id": patient["PatientID"],
                "accession": patient["AccessionNumber"],
                "nodule": i % 2,
                "sex": text("a sex outside the vocabulary"),
                "vendor": f"GE {text('beside a vendor')}",
                "side": ("left", "right")[i % 2],
                "remark": text("an ignored column"),
            }
            for i, patient in enumerate(self.patients)
            if i
        ]
        return self._table("labels", [*rows, rows[0] | {"patient_id": text("PatientID"), "accession": text("an accession of no scan")}])

    def _reports(self, name: str) -> Path:
        rows = []
        for patient in self.patients[1:6]:
            told = {key: self.canaries.text(f"{key} in a report") for key in ("mrn", "accession", "url", "mail")}
            doctor = self.canaries.note(f"Kjell{next(iter(told.values()))[2:7]}son".replace("0", "o"), "physician in a report")
            told |= {"doctor": doctor, "day": self.canaries.note("19" + patient["PatientBirthDate"][2:4] + "-11-09", "date in a report")}
            told |= {"phone": self.canaries.note("73120" + told["mrn"][4:7] + " 9", "telephone number"), "name": "Zqanna " + "Kjberg"}
            rows.append({"accession": patient["AccessionNumber"], "report": REPORT.format(**told)})
        self.canaries.note("Zqanna Kjberg", "name in a report")
        self.canaries.note("03/14/1957", "birth date in a report")
        return self._table(name, rows)

    def _unscrubbed(self) -> Path:
        """Reports that no rule would clean: for --no-text."""
        rows = [
            {"accession": patient["AccessionNumber"], "report": f"Impression: {self.canaries.text('any word')} agrees with {NAMES[i]}."}
            for i, patient in enumerate(self.patients[6:9])
        ]
        return self._table("unscrubbed", rows)


def run(*words: str | Path, code: int = 0) -> Result:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, done.output
    return done


def test_nothing_private_is_in_a_bank_its_pages_or_its_answers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cohort = Cohort(tmp_path)
    caplog.clear()  # of what writing the files had pydicom say
    canaries = cohort.canaries
    place = tmp_path / canaries.text("folder that holds the bank")
    place.mkdir()
    bank, out = place / "bank", tmp_path / "out"
    out.mkdir()
    key = cohort.root / f"{canaries.text('name of the key')}.key"
    said: dict[str, Result] = {}
    said["init"] = run("init", bank, "--key-file", key)
    tables = ("--attributes", "sex,vendor", "--classes", "side", "--ignore", "remark", "--key-file", key)
    said["ingest"] = run("ingest", bank, cohort.scans, "--images", "stack", "--labels", cohort.labels, *tables, code=1)
    said["reports"] = run("ingest", bank, "--reports", cohort.reports, "--key-file", key)
    said["no text"] = run("ingest", bank, "--reports", cohort.unscrubbed, "--no-text", "--key-file", key)
    said["again"] = run("ingest", bank, cohort.scans, "--images", "stack", "--key-file", key, code=1)
    said["intensity"] = run("embed", bank, "--encoder", "intensity", "--window", "lung", code=1)
    said["tiny"] = run("embed", bank, "--encoder", "tiny", code=1)
    quick = ("--finding", "nodule", "--encoder", "tiny")
    said["sweep"] = run("sweep", bank, *quick, "--shots", "1", "--repeats", "1", "--heads", "prototype")
    said["zeroshot"] = run("zeroshot", bank, *quick)
    said["search"] = run("search", bank, "nodule", "--png", out / "hits.png")
    said["search json"] = run("search", bank, "nodule", "--json")
    said["report"] = run("report", bank, "-o", out / "page.html")
    said["status"] = run("status", bank)
    said["log"] = run("log", bank, "--json")
    said["failures"] = run("status", bank, "--failures")
    for table in (*TABLES, *(f"history_{name}" for name in TABLES)):
        said[f"sql {table}"] = run("sql", bank, f'SELECT * FROM "{table}"', "--format", "json")
        run("sql", bank, f'SELECT * FROM "{table}"', "-o", out / f"{table}.parquet", "--format", "parquet")

    opened = Bank.open(bank, key_file=key)
    volumes = opened.sql("SELECT kind, count(*) AS n FROM volumes GROUP BY 1 ORDER BY 1").to_pylist()
    read = {row["kind"]: row["n"] for row in volumes}
    assert read["dicom"] >= PATIENTS  # what is planted was read, not refused
    assert {"hdf5": 1, "image": 1, "nifti": 1}.items() <= read.items()
    assert opened.sql("SELECT count(*) FROM snippets").to_pylist()[0]["count_star()"] >= 10
    assert opened.sql("SELECT count(*) AS n FROM failures").to_pylist()[0]["n"] > 15
    needles = Needles(canaries.planted)
    found = search(bank, needles) + search(out, needles)
    assert found == []
    assert needles.within(caplog.text.encode()) == set()
    assert len(canaries.planted) > 8_000
    # What is printed is for whoever typed the paths; `status --failures` names files, and nothing names what is in them.
    for command, done in said.items():
        text = done.output
        for path in (cohort.labels, cohort.reports, cohort.unscrubbed, key, bank):
            text = text.replace(str(path), "").replace(path.name, "")
        seen = {canaries.planted[one] for one, _ in needles.within(text.encode())}
        assert command == "failures" or seen == set(), command
        assert not [place for place in seen if not re.search("folder|file|link|picture|table", place)], command
    assert "name of a file that cannot be read" in {canaries.planted[t] for t, _ in needles.within(said["failures"].output.encode())}
