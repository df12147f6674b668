"""Which folders a cohort may be written to, and that files of others stay."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from scanbank.eval.phantoms.outfolder import CARD, MARK, check, clear
from scanbank.store.errors import BankAccessError, BankExistsError

OURS = (
    "dicom/PHANTOM-CHEST-00001/1/2/IM0001.dcm",
    "masks/nifti/PHANTOM-CHEST-00001/1/2/nodule.nii.gz",
    "masks/seg/PHANTOM-CHEST-00001/1/2.dcm",
    "labels.csv",
    "README.txt",
    ".reports.csv.0a1b2c3d.tmp",
)
FOREIGN = ("notes.txt", "dicom/PHANTOM-CHEST-00001/1/2/mine.dcm", "dicom/other/1/2/IM0001.dcm", "masks/extra.csv", "sub/labels.csv")


def fill(out: Path, *names: str, card: bool = True) -> Path:
    for name in names:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("x")
    if card:
        (out / CARD).write_text(json.dumps({"format": 1, "cohort": "chest", "seed": 3, "patients": 5}))
    return out


@pytest.mark.parametrize("there", [False, True])
def test_new_or_empty(tmp_path: Path, there: bool) -> None:
    out = tmp_path / "deep" / "out"
    if there:
        out.mkdir(parents=True)
    check(out, force=False, needed=1)
    assert out.exists() == there


def test_a_cohort_is_replaced_only_when_asked(tmp_path: Path) -> None:
    out = fill(tmp_path / "out", *OURS)
    with pytest.raises(BankExistsError, match=r"cohort chest, seed 3, of 5 patients; .*--force"):
        check(out, force=False, needed=1)
    check(out, force=True, needed=1)
    (out / MARK).touch()
    with pytest.raises(BankExistsError, match="was not finished"):
        check(out, force=False, needed=1)
    clear(out)
    assert [path.name for path in out.iterdir()] == [MARK]


def test_an_unfinished_cohort_has_a_mark(tmp_path: Path) -> None:
    out = fill(tmp_path / "out", OURS[0], MARK, card=False)
    with pytest.raises(BankExistsError, match="was not finished"):
        check(out, force=False, needed=1)
    check(out, force=True, needed=1)


@pytest.mark.parametrize("name", FOREIGN)
def test_files_of_others_are_never_removed(tmp_path: Path, name: str) -> None:
    out = fill(tmp_path / "out", *OURS, name)
    with pytest.raises(BankExistsError, match="not written by"):
        check(out, force=True, needed=1)
    clear(out)
    assert [path for path in out.rglob("*") if path.is_file()] == [out / name]


def test_links_are_never_followed(tmp_path: Path) -> None:
    other = fill(tmp_path / "other", "IM0001.dcm", card=False)
    out = fill(tmp_path / "out", "dicom/PHANTOM-CHEST-00001/1/1/IM0001.dcm")
    (out / "dicom/PHANTOM-CHEST-00001/1/2").symlink_to(other)
    with pytest.raises(BankExistsError, match=r"dicom/PHANTOM-CHEST-00001/1/2"):
        check(out, force=True, needed=1)
    clear(out)
    assert (other / "IM0001.dcm").is_file()


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("card", ["[]", "{", '{"cohort": "chest"}'])
def test_other_folders_are_refused(tmp_path: Path, force: bool, card: str) -> None:
    out = fill(tmp_path / "out", "labels.csv", card=False)
    (out / CARD).write_text(card)
    with pytest.raises(BankExistsError, match="holds no phantom cohort"):
        check(out, force=force, needed=1)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(BankExistsError, match="is a file"):
        check(tmp_path / "out", force=True, needed=1)


def test_no_room(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(BankAccessError, match=r"MB are needed and \d+ MB are free"):
        check(tmp_path / "a" / "b", force=False, needed=free + 10**12)
