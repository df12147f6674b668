"""Whole cohorts on disk: the same bytes, true tables, nothing left when it fails."""

from __future__ import annotations

import csv
import errno
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread

from scanbank.eval.phantoms.cohort import COHORTS, sample_patient, sample_studies
from scanbank.eval.phantoms.outfolder import CARD, MARK
from scanbank.eval.phantoms.write import Summary, write_cohort
from scanbank.store.errors import BankAccessError, BankExistsError, UsageError

pytestmark = pytest.mark.long

CHEST = COHORTS["chest"]
SEED = 1
SHORT = (6, 4)
"""Seeds whose first patient has one study of few images."""
_made: dict[Path, Summary] = {}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three chest patients, by two processes."""
    folder = tmp_path_factory.mktemp("phantoms")
    _made[folder] = write_cohort(folder / "out", CHEST, 3, SEED, workers=2, sheet=folder / "sheet.png")
    return folder / "out"


def rows(out: Path, name: str) -> list[dict[str, str]]:
    with (out / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def digests(out: Path, part: str = "") -> dict[str, str]:
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in (out / part).rglob("*") if path.is_file()}


def test_same_bytes_whatever_the_processes_and_the_number_of_patients(out: Path, tmp_path: Path) -> None:
    write_cohort(tmp_path / "one", CHEST, 1, SEED, workers=1)
    again, first = digests(tmp_path / "one"), digests(out)
    assert len(again) > 60
    of_patients = {name: digest for name, digest in again.items() if "PHANTOM" in name}
    assert of_patients == {name: first[name] for name in of_patients}
    assert set(of_patients) == {name for name in first if "00001" in name}
    for table in ("reports", "statements", "lesions"):
        assert rows(tmp_path / "one", table) == rows(out, table)[: len(rows(tmp_path / "one", table))]


def test_another_seed_other_patients(out: Path, tmp_path: Path) -> None:
    write_cohort(tmp_path / "other", CHEST, 1, SHORT[0], masks=False)
    assert not set(digests(tmp_path / "other").values()) & set(digests(out).values())
    assert not (tmp_path / "other" / "masks").exists()
    assert "--no-masks" in (tmp_path / "other" / "README.txt").read_text()


def test_labels_are_the_plan(out: Path) -> None:
    studies = [study for number in (1, 2, 3) for study in sample_studies(CHEST, sample_patient(CHEST, SEED, number))]
    found = rows(out, "labels")
    assert [row["study_uid"] for row in found] == [study.uid for study in studies]
    for row, study in zip(found, studies, strict=True):
        assert {name for name in row if row[name] == "1"} == study.findings
    assert [row["study_uid"] for row in rows(out, "reports")] == [study.uid for study in studies]
    assert sum(len(study.lesions) for study in studies) == len(rows(out, "lesions"))


def test_tables_tell_of_the_files(out: Path) -> None:
    headers = [dcmread(path, stop_before_pixels=True) for path in sorted((out / "dicom").rglob("*.dcm"))]
    of_series: dict[str, list[Any]] = {}
    for header in headers:
        of_series.setdefault(header.SeriesInstanceUID, []).append(header)
    series = {row["series_uid"]: row for row in rows(out, "series")}
    assert set(series) == set(of_series)
    for uid, row in series.items():
        images = of_series[uid]
        assert len(images) == int(row["images"])
        assert (images[0].StudyInstanceUID, images[0].PatientID) == (row["study_uid"], row["patient_id"])
        assert (images[0].ConvolutionKernel, int(images[0].SeriesNumber)) == (row["kernel"], int(row["series_number"]))
    card = json.loads((out / CARD).read_text())
    assert (card["images"], card["series"], card["studies"]) == (len(headers), len(series), len(rows(out, "labels")))


def test_references_are_true(out: Path) -> None:
    reports = {row["study_uid"]: row["report"] for row in rows(out, "reports")}
    labels = {row["study_uid"]: row for row in rows(out, "labels")}
    numbers = {path.name: int(path.stem[2:]) for path in (out / "dicom").rglob("*.dcm")}
    references = rows(out, "references")
    assert references
    for row in references:
        (folder,) = {path.parent for path in (out / "dicom").rglob("IM0001.dcm") if dcmread(path).SeriesInstanceUID == row["series_uid"]}
        image = dcmread(folder / next(name for name, number in numbers.items() if number == int(row["image"])))
        half = (image.Rows - 1) / 2 * float(image.PixelSpacing[0])
        assert image.ImagePositionPatient[2] + half * image.ImageOrientationPatient[5] == pytest.approx(float(row["z_mm"]), abs=0.01)
        assert row["snippet"] in reports[row["study_uid"]]
        assert row["image"] in row["snippet"]
        assert labels[row["study_uid"]][row["finding"]] == "1"


def test_masks_are_there_for_what_is_seen(out: Path) -> None:
    for row in rows(out, "series"):
        place = Path(row["patient_id"]) / _number(out, row["study_uid"]) / row["series_number"]
        seen = {lesion["finding"] for lesion in rows(out, "lesions") if lesion["study_uid"] == row["study_uid"] and lesion["low_z_mm"]}
        found = {path.name.removesuffix(".nii.gz") for path in (out / "masks" / "nifti" / place).glob("*")}
        assert found == (seen if row["nonuniform"] == "0" else set()) or row["sharp"] == "1"  # thinner slices may show more
        assert (out / "masks" / "seg" / place.with_suffix(".dcm")).is_file() == bool(seen)


def _number(out: Path, study: str) -> str:
    return next(path.parts[-3] for path in (out / "dicom").rglob("IM0001.dcm") if dcmread(path).StudyInstanceUID == study)


def test_summary_and_sheet(out: Path) -> None:
    summary = _made[out.parent]
    assert summary.bytes == sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    assert summary.findings == {name: sum(row[name] == "1" for row in rows(out, "labels")) for name in CHEST.labels_of(frozenset())}
    with Image.open(out.parent / "sheet.png") as picture:
        grey = np.asarray(picture)
    assert grey.shape[1] > grey.shape[0] > 300
    assert 20 < grey.mean() < 200
    assert not (out / MARK).exists()


@pytest.mark.parametrize(
    ("numbers", "text"),
    [((0, 0, 1), "patients is 0; expected 1"), ((1, -1, 1), "seed is -1; expected 0"), ((1, 0, 0), "workers is 0; expected 1")],
)
def test_numbers_out_of_range(tmp_path: Path, numbers: tuple[int, int, int], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        write_cohort(tmp_path / "out", CHEST, numbers[0], numbers[1], workers=numbers[2])
    assert not (tmp_path / "out").exists()


def test_sheet_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"FILE\.png in a folder that exists"):
        write_cohort(tmp_path / "out", CHEST, 1, 0, sheet=tmp_path / "no" / "a.png")
    with pytest.raises(UsageError, match=r"FILE\.png"):
        write_cohort(tmp_path / "out", CHEST, 1, 0, sheet=tmp_path / "a.jpg")


class Stops:
    """A listener that ends the job after a patient, as a full disk or Ctrl-C do."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def start(self, stage: str, total: int | None = None) -> None: ...

    def advance(self, steps: int = 1, note: str = "") -> None:
        raise self.error


@pytest.mark.parametrize(
    ("workers", "error", "raised", "text"),
    [
        (1, OSError(errno.ENOSPC, "No space left on device"), BankAccessError, r"no space left; about \d+ MB are needed"),
        pytest.param(
            *(2, PermissionError(errno.EACCES, "Permission denied", "/x/y"), BankAccessError, "/x/y: permission denied"),
            marks=pytest.mark.slow,
        ),
        (1, KeyboardInterrupt(), KeyboardInterrupt, None),
    ],
)
def test_what_was_begun_is_removed(
    tmp_path: Path, workers: int, error: BaseException, raised: type[BaseException], text: str | None
) -> None:
    with pytest.raises(raised, match=text):
        write_cohort(tmp_path / "out", CHEST, 2, SHORT[0], workers=workers, masks=False, progress=Stops(error))
    assert list(tmp_path.iterdir()) == []


def test_force_replaces(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_cohort(out, CHEST, 1, SHORT[0], masks=False)
    before = digests(out)
    with pytest.raises(BankExistsError, match="--force"):
        write_cohort(out, CHEST, 1, SEED, masks=False)
    assert digests(out) == before
    write_cohort(out, CHEST, 1, SHORT[1], masks=False, force=True)
    assert not set(digests(out).values()) & set(before.values())
    assert json.loads((out / CARD).read_text())["seed"] == SHORT[1]
