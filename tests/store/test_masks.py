"""Masks of the user's in a bank: whose they are, what they are called, and that nothing private stays."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from dicom_files import write_series
from patient_banks import searched
from phantom_bodies import ball, body, series, study
from scanbank.embed import open_encoder
from scanbank.embed.masks import on_grid
from scanbank.embed.pipeline import embed
from scanbank.eval.phantoms.acquire import acquire
from scanbank.eval.phantoms.dicom import write_images
from scanbank.eval.phantoms.masks import masks_of
from scanbank.eval.phantoms.model import Lesion, Series
from scanbank.eval.phantoms.nifti_masks import write_masks
from scanbank.eval.phantoms.seg import write_seg
from scanbank.store import Bank
from scanbank.store.errors import UsageError
from scanbank.store.forget import forget
from scanbank.store.ingest import ingest
from scanbank.store.local_map import Located
from scanbank.store.mask_findings import declared, finding_of
from scanbank.store.masks import MaskReport, ingest_masks, mask_paths, not_scans
from scanbank.store.readers import load_mask, load_volume
from scanbank.store.specs import ViewSpec
from scanbank.store.windows import Window

AFFINE = np.diag([-2.0, -2.0, 5.0, 1.0])


def nifti(path: Path, values: NDArray[np.int16]) -> Path:
    """(Z, Y, X) along feet to head, front to back, right to left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values.transpose(2, 1, 0), AFFINE), path)
    return path


def scan(seed: int = 0) -> NDArray[np.int16]:
    return np.random.default_rng(seed).integers(-1000, 1000, (4, 9, 8)).astype(np.int16)


def box() -> NDArray[np.int16]:
    mask = np.zeros((4, 9, 8), np.int16)
    mask[1:3, 2:6, 3:7] = 1
    return mask


def attach(bank: Bank, *paths: Path, findings: tuple[str, ...] = ()) -> MaskReport:
    return ingest_masks(bank, mask_paths(paths), findings)


def names(bank: Bank) -> list[str]:
    return [row["finding"] for row in bank.sql("SELECT finding FROM masks ORDER BY 1").to_pylist()]


@pytest.fixture
def scans(bank: Bank, tmp_path: Path) -> Bank:
    """Two NIfTI scans in a folder."""
    for seed, name in enumerate(("one.nii.gz", "two.nii")):
        nifti(tmp_path / "scans" / name, scan(seed))
    ingest(bank, [tmp_path / "scans"])
    return bank


def test_masks_are_known_by_their_names(scans: Bank, tmp_path: Path) -> None:
    for name in ("one_mask", "one_seg_LUNG", "two-segmentation-Left Lung", "two_seg_left-kidney", "three_mask", "one_seg_DrSmith"):
        nifti(tmp_path / "scans" / f"{name}.nii.gz", box())
    report = attach(scans, tmp_path / "scans")
    assert names(scans) == ["left_kidney", "left_lung", "lung", "mask"]
    assert report.reasons == {
        "its name, or its segment's label, is no finding that is known; say it with --mask-finding NAME or THEIRS=OURS": 1,
        "2 scans lie where it would belong; call it SCAN_mask or SCAN_seg_FINDING": 1,
    }
    assert report.left_out == 2  # the scans
    again = attach(scans, tmp_path / "scans" / "one_seg_DrSmith.nii.gz", findings=("DrSmith=nodule",))
    assert (again.findings, again.failed) == ({"nodule": 1}, 0)
    assert "smith" not in str(scans.sql("FROM failures").to_pylist()).lower()


def test_masks_of_the_same_name_in_a_folder_that_says_of_what(scans: Bank, tmp_path: Path) -> None:
    nifti(tmp_path / "masks" / "liver" / "one.nii.gz", box())
    nifti(tmp_path / "masks" / "p17" / "two.nii.gz", box())
    assert attach(scans, tmp_path / "masks").masks == 2
    assert names(scans) == ["liver", "mask"]


def test_masks_beside_scans_are_no_scans(bank: Bank, tmp_path: Path) -> None:
    nifti(tmp_path / "a" / "one.nii.gz", scan())
    nifti(tmp_path / "a" / "one_mask.nii.gz", box())
    nifti(tmp_path / "a" / "masks" / "one.nii.gz", box())
    found = mask_paths([tmp_path / "a"])
    assert ingest(bank, [tmp_path / "a"], but=not_scans(found, [tmp_path / "a"], [tmp_path / "a"])).volumes == 2
    apart = not_scans(mask_paths([tmp_path / "a" / "masks"]), [tmp_path / "a" / "masks"], [tmp_path / "a"])
    assert {path.name for path in apart} == {"one.nii.gz"}


UNEVEN = series(positions_mm=(-25.0, -20.0, -15.0, -8.0, -1.0, 6.0, 13.0))


@pytest.mark.parametrize("planned", [series(), series(tilt_deg=14.0), UNEVEN], ids=["axial", "tilted", "uneven"])
def test_a_segmentation_finds_its_series_and_lies_on_it(bank: Bank, tmp_path: Path, planned: Series) -> None:
    made = study(*(Lesion(name, "left", "", 10, 0.5) for name in ("nodule", "pleural_effusion")))
    scanned = acquire(body(0, ball((0, 10, -20), 12), ball((-10, -20, 25), 14)), planned)
    images = write_images(tmp_path / "dicom" / "p" / "1", made, scanned)
    masks = masks_of(made, scanned)
    write_seg(tmp_path / "seg.dcm", images, masks)
    ingest(bank, [tmp_path / "dicom"])
    assert attach(bank, tmp_path / "seg.dcm").findings == {"nodule": 1, "pleural_effusion": 1}
    order = np.argsort(planned.positions_mm, kind="stable")
    for row in bank.sql("FROM masks").to_pylist():
        found, volume = bank.local_map.locate(row["mask"]), bank.local_map.locate(row["volume"])
        assert isinstance(found, Located)
        assert isinstance(volume, Located)
        assert np.array_equal(on_grid(load_mask(found), load_volume(volume)), masks[row["finding"]][order])
    if planned is not UNEVEN:  # the same as NIfTI, in a folder that ends alike
        write_masks(tmp_path / "nifti" / "p" / "1", planned, masks)
        again = attach(bank, tmp_path / "nifti")
        assert (again.masks, again.changed) == (0, 2)
        for row in bank.sql("FROM masks").to_pylist():
            found, volume = bank.local_map.locate(row["mask"]), bank.local_map.locate(row["volume"])
            assert found is not None
            assert volume is not None
            assert np.array_equal(on_grid(load_mask(found), load_volume(volume)), masks[row["finding"]][order])


def test_what_matches_nothing_is_told_and_heals(bank: Bank, tmp_path: Path) -> None:
    made = study(Lesion("nodule", "left", "", 10, 0.5))
    scanned = acquire(body(0, ball((0, 10, -20), 12)), series())
    images = write_images(tmp_path / "dicom", made, scanned)
    write_seg(tmp_path / "seg.dcm", images, masks_of(made, scanned))
    assert attach(bank, tmp_path / "seg.dcm").reasons == {"none of the images that it refers to is in the bank; ingest the scans first": 1}
    assert len(bank.sql("FROM failures WHERE stage = 'masks'").to_pylist()) == 1
    ingest(bank, [tmp_path / "dicom"])
    assert attach(bank, tmp_path / "seg.dcm").masks == 1
    assert not bank.sql("FROM failures WHERE stage = 'masks'").to_pylist()
    assert attach(bank, tmp_path / "dicom").left_out == len(images)


def test_a_mask_that_changed_leaves_vectors_of_the_old_one_behind(scans: Bank, tmp_path: Path) -> None:
    path = nifti(tmp_path / "scans" / "one_mask.nii.gz", box())
    attach(scans, path)
    encoder, view = open_encoder("intensity"), ViewSpec((Window(-1000, 1000),), mask="user:mask")
    first = embed(scans, encoder, [view], accept_hu=True)
    assert (first.volumes, first.failed) == (1, 1)
    before = scans.feature_sets[0].vectors()
    assert embed(scans, encoder, [view], accept_hu=True).volumes == 0
    nifti(path, np.roll(box(), 2, axis=1))
    assert attach(scans, path).changed == 1
    assert embed(scans, encoder, [view], accept_hu=True).volumes == 1
    assert not np.array_equal(scans.feature_sets[0].vectors()[-4:], before)


def test_equal_scans_may_have_masks_of_their_own(bank: Bank, tmp_path: Path) -> None:
    for name, shift in (("a", 0), ("b", 2)):
        nifti(tmp_path / name / f"{name}.nii", scan())
        nifti(tmp_path / name / f"{name}_mask.nii", np.roll(box(), shift, axis=1))
    ingest(bank, [tmp_path / "a" / "a.nii", tmp_path / "b" / "b.nii"])
    attach(bank, tmp_path / "a" / "a_mask.nii", tmp_path / "b" / "b_mask.nii")
    report = embed(bank, open_encoder("intensity"), [ViewSpec((Window(-1000, 1000),), mask="user:mask")], accept_hu=True)
    assert (report.volumes, report.copied) == (2, 0)
    one, other = bank.feature_sets[0].vectors().reshape(2, 4, -1)
    assert not np.array_equal(one, other)


def test_a_patient_is_forgotten_with_the_masks(bank: Bank, tmp_path: Path) -> None:
    for name in ("gone", "kept"):
        write_series(tmp_path / "scans" / name, n=3, patient_id=name, study_uid=f"1.{len(name)}.{name == 'gone':d}", seed=len(name))
        nifti(tmp_path / "masks" / name / "nodule.nii.gz", box())
    ingest(bank, [tmp_path / "scans"])
    assert attach(bank, tmp_path / "masks").masks == 2
    masks = {row["mask"]: row["volume"] for row in bank.sql("FROM masks").to_pylist()}
    own = {row["volume"] for row in bank.sql("FROM volumes").to_pylist() if row["patient"] == bank.key.pseudonym("patient", "gone")}
    (gone,) = (mask for mask, volume in masks.items() if volume in own)
    folder, card = bank.local_map.path.parent, tmp_path / "bank"
    forget(bank, ["gone"])
    assert bank.local_map.locate(gone) is None
    assert all(bank.local_map.locate(mask) for mask in masks if mask != gone)
    assert names(bank) == ["nodule"]
    needles = {"mask": gone.encode(), "path": str(tmp_path / "masks" / "gone").encode()}
    assert not searched(card, needles)
    assert not searched(folder, needles)


def test_names_that_are_findings() -> None:
    said = declared(["GTV-1=tumor", "odd"])
    assert finding_of("gtv 1", said, ()) == "tumor"
    assert finding_of("Odd", said, ()) == "odd"
    assert finding_of("Pleural Effusion", said, ()) == "pleural_effusion"
    assert finding_of("Jane Doe", said, ()) is None
    assert finding_of("honeycombing", said, {"honeycombing"}) == "honeycombing"
    with pytest.raises(UsageError, match="expected NAME or THEIRS=OURS"):
        declared(["=x"])
    with pytest.raises(UsageError, match="no masks in"):
        mask_paths([Path(__file__)])
