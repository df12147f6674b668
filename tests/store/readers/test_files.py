from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pytest
from PIL import Image
from pydicom.data import get_testdata_file

from scanbank.store.errors import UsageError
from scanbank.store.readers.files import find, format_of
from scanbank.store.scan import Rejected


def touch(path: Path, content: bytes = b"text") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.dcm", "dicom"),
        ("A.DCM", "dicom"),
        ("a.nii", "nifti"),
        ("a.nii.gz", "nifti"),
        ("a.b.NII.GZ", "nifti"),
        ("a.h5", "hdf5"),
        ("a.hdf5", "hdf5"),
        ("a.png", "image"),
        ("a.jpg", "image"),
        ("a.JPEG", "image"),
        ("a.tif", "image"),
        ("a.gz", None),
        ("a.csv", None),
        ("a", None),
        (".DS_Store", None),
        ("._a.dcm", None),
        (".a.nii.gz", None),
    ],
)
def test_extensions(tmp_path: Path, name: str, expected: str | None) -> None:
    assert format_of(touch(tmp_path / name)) == expected


def test_first_bytes_tell_where_the_name_does_not(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4)), tmp_path / "a.nii")
    nibabel.save(nibabel.Nifti2Image(np.zeros((2, 2, 2), np.int16), np.eye(4)), tmp_path / "b.nii")
    nibabel.save(nibabel.Nifti1Pair(np.zeros((2, 2, 2), np.int16), np.eye(4)), tmp_path / "c.hdr")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["volume"] = np.zeros((2, 2, 2))
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    Image.new("L", (2, 2)).save(tmp_path / "a.jpg")
    for source, expected in (
        ("a.nii", "nifti"),
        ("b.nii", "nifti"),
        ("c.hdr", "nifti"),
        ("a.h5", "hdf5"),
        ("a.png", "image"),
        ("a.jpg", "image"),
    ):
        for name in ("plain", "odd.16583"):
            assert format_of(touch(tmp_path / name, (tmp_path / source).read_bytes())) == expected
    dicom = get_testdata_file("CT_small.dcm")
    assert isinstance(dicom, str)
    assert format_of(touch(tmp_path / "CT.1.3.12.16583", Path(dicom).read_bytes())) == "dicom"
    assert format_of(touch(tmp_path / "empty", b"")) is None


def names(*roots: Path) -> list[tuple[str, object]]:
    return [(path.name, kind) for path, kind in find(roots)]


def test_files_come_once_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b/2.dcm", "b/1.dcm", "b/a/3.nii", "z.png", "a.h5", "notes.txt", ".hidden/4.dcm", "b/.5.dcm"):
        touch(tmp_path / name)
    expected = [("a.h5", "hdf5"), ("notes.txt", None), ("z.png", "image"), ("1.dcm", "dicom"), ("2.dcm", "dicom"), ("3.nii", "nifti")]
    assert names(tmp_path) == expected
    assert names(tmp_path, tmp_path / "b", tmp_path / "z.png", tmp_path) == expected
    assert names(tmp_path / "b" / "a", tmp_path) == [expected[-1], *expected[:-1]]
    assert names(tmp_path / "b", tmp_path / "a.h5") == [*expected[3:], expected[0]]


def test_links(tmp_path: Path) -> None:
    real = touch(tmp_path / "data" / "1.dcm")
    touch(tmp_path / "outside" / "2.dcm")
    (tmp_path / "data" / "again.dcm").symlink_to(real)
    (tmp_path / "data" / "other.dcm").symlink_to(tmp_path / "outside" / "2.dcm")
    (tmp_path / "data" / "loop").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "away").symlink_to(tmp_path / "outside")
    (tmp_path / "data" / "self.dcm").symlink_to(tmp_path / "data" / "self.dcm")
    (tmp_path / "data" / "gone.nii.gz").symlink_to(tmp_path / "annexed")
    (tmp_path / "data" / "gone.txt").symlink_to(tmp_path / "annexed")
    found = list(find([tmp_path / "data"]))
    assert [(path.name, kind) for path, kind in found if not isinstance(kind, Rejected)] == [("1.dcm", "dicom"), ("other.dcm", "dicom")]
    rejected = [(path.name, kind.left_out) for path, kind in found if isinstance(kind, Rejected)]
    assert rejected == [("away", True), ("gone.nii.gz", False), ("self.dcm", False)]  # a loop loses nothing
    assert all(not isinstance(kind, Rejected) or kind.left_out is False for _, kind in find([tmp_path / "data", tmp_path / "outside"]))
    assert names(tmp_path / "data" / "away") == [("2.dcm", "dicom")]
    assert names(tmp_path / "data" / "loop", tmp_path / "data") == names(tmp_path / "data" / "loop")


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in the file system")
def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    touch(tmp_path / "1.dcm")
    assert names(tmp_path) == [("1.dcm", "dicom")]
    with pytest.raises(UsageError, match="neither a file nor a folder"):
        find([tmp_path / "pipe"])


def test_a_root_must_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        find([tmp_path, tmp_path / "gone"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    touch(tmp_path / "closed" / "1.dcm")
    touch(tmp_path / "odd").chmod(0)
    (tmp_path / "closed").chmod(0)
    try:
        found = dict(find([tmp_path]))
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert {path.name for path, kind in found.items() if isinstance(kind, Rejected)} == {"closed", "odd"}


def test_very_deep_folders(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*"d" * 300)
    touch(deep / "1.dcm")
    assert names(tmp_path) == [("1.dcm", "dicom")]


def test_real_folders(shared_data: Path) -> None:
    counts = Counter(kind for folder in ("totalseg", "dcm_qa_ct", "head_ct") for _, kind in find([shared_data / folder]))
    # 20 slices; 28 slices and a localizer, each of their folders with a DICOMDIR-like DIRFILE
    assert counts["nifti"] == 3
    assert counts["dicom"] >= 20 + 28 + 1
    assert counts["image"] == 50
