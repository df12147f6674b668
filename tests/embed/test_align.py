"""Rigid alignment: known turns and shifts are found again, and what does not fit is refused."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from rigid_moves import transform
from scanbank.embed.align import Reference, Rigid, load_reference, rigid_to_reference
from scanbank.store.errors import UsageError, ViewError
from scanbank.store.readers.grid import volume_of
from scanbank.store.scan import Volume

SHAPE, SPACING = (44, 60, 56), 3.0


def patient(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """HU at LPS mm: an egg with a shell, a nose and three unlike lumps, on a couch."""

    def egg(centre: tuple[float, float, float], *radii: float) -> np.ndarray:
        return np.asarray(sum(((a - c) / r) ** 2 for a, c, r in zip((x, y, z), centre, radii, strict=True)) <= 1)

    hu = np.full(np.broadcast_shapes(x.shape, y.shape, z.shape), -1000, np.float32)
    hu[np.broadcast_to((np.abs(y - 88) < 2) & (np.abs(x) < 70), hu.shape)] = 100
    for where, value in (
        (egg((0, -72, -22), 12, 16, 20), 40),
        (egg((0, 0, 0), 54, 74, 64), 900),
        (egg((0, 0, 0), 48, 68, 58), 35),
        (egg((-25, 20, 10), 12, 20, 10), -60),
        (egg((20, -25, -15), 9, 9, 18), 300),
        (egg((5, 30, -30), 20, 8, 8), 600),
    ):
        hu[where] = value
    return hu


def scanned(moved: np.ndarray, affine: np.ndarray, shape: tuple[int, int, int] = SHAPE) -> Volume:
    """The patient after moving by a transform (its frame to the scanner's), scanned on a grid."""
    k, j, i = np.meshgrid(*(np.arange(n, dtype=np.float64) for n in shape), indexing="ij")
    points = np.linalg.inv(moved) @ affine @ np.stack([i.ravel(), j.ravel(), k.ravel(), np.ones(i.size)])
    return volume_of(patient(*points[:3]).reshape(shape), affine, True)


def grid(spacing: tuple[float, float, float] = (SPACING, SPACING, SPACING), shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """(x, y, z, 1) to mm, around the origin; spacing and shape are (z, y, x)."""
    affine = np.diag([*reversed(spacing), 1.0])
    affine[:3, 3] = [-s * (n - 1) / 2 for s, n in zip(reversed(spacing), reversed(shape), strict=True)]
    return affine


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference(scanned(np.eye(4), grid()), "digest")


def off(found: Rigid, truth: np.ndarray) -> tuple[float, float]:
    """Degrees, and mm at the patient's middle."""
    rest = np.linalg.inv(truth) @ found.matrix
    cosine = np.clip((np.trace(rest[:3, :3]) - 1) / 2, -1, 1)
    return float(np.rad2deg(np.arccos(cosine))), float(np.linalg.norm(rest[:3, 3]))


THICK = grid((6.0, 1.5, 1.5), (30, 120, 110))
OBLIQUE = transform((25, 10, 0)) @ grid((3.0, 2.0, 2.0), (44, 90, 80))
TILTED = grid((3.0, 2.5, 2.5), (44, 70, 60)) + np.array([[0, 0, 0, 0], [0, 0, 0.9, -0.9 * 21.5], [0, 0, 0, 0], [0, 0, 0, 0]])


@pytest.mark.parametrize(
    ("degrees", "shift", "affine", "shape"),
    [
        pytest.param((8.0, -6.0, 12.0), (9.0, -12.0, 15.0), grid(), SHAPE, id="turned"),
        pytest.param((-20.0, 12.0, 25.0), (5.0, 10.0, -20.0), THICK, (30, 120, 110), id="thick", marks=pytest.mark.slow),
        pytest.param((5.0, 4.0, -10.0), (3.0, 3.0, 3.0), OBLIQUE, (44, 90, 80), id="oblique", marks=pytest.mark.slow),
        pytest.param((5.0, 4.0, -10.0), (3.0, 3.0, 3.0), TILTED, (44, 70, 60), id="tilted", marks=pytest.mark.slow),
    ],
)
def test_a_known_transform_is_found(
    reference: Reference,
    degrees: tuple[float, float, float],
    shift: tuple[float, float, float],
    affine: np.ndarray,
    shape: tuple[int, int, int],
) -> None:
    truth = transform(degrees, shift)
    found = rigid_to_reference(scanned(truth, affine, shape), reference)
    degrees_off, mm_off = off(found, truth)
    assert degrees_off < 1
    assert mm_off < 2
    assert found.correlation > 0.8
    assert found.overlap > 0.9


@pytest.mark.slow
def test_the_same_scans_give_the_same_transform(reference: Reference) -> None:
    volume = scanned(transform((3, 2, 5), (4, 0, 6)), grid())
    assert np.array_equal(rigid_to_reference(volume, reference).matrix, rigid_to_reference(volume, reference).matrix)


@pytest.mark.slow
def test_another_part_of_the_body_does_not_fit(reference: Reference) -> None:
    hu = np.full(SHAPE, -1000, np.float32)
    hu[:, 12:48, 6:50] = 40
    hu[:, 16:40, 10:24] = hu[:, 16:40, 32:46] = -850
    with pytest.raises(ViewError, match=r"does not fit the reference: correlation -?0\.\d\d \(expected 0\.5 or more\)"):
        rigid_to_reference(volume_of(hu, grid(), True), reference)


def test_a_thin_slab_is_refused(reference: Reference) -> None:
    with pytest.raises(ViewError, match=r"the scan spans 15 x 180 x 168 mm"):
        rigid_to_reference(scanned(np.eye(4), grid(), (5, 60, 56)), reference)


def test_a_reference_comes_from_a_nifti_file(tmp_path: Path) -> None:
    volume = scanned(np.eye(4), grid())
    image = nibabel.Nifti1Image(volume.voxels.transpose(2, 1, 0), np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.affine)
    for name in ("a.nii", "b.nii.gz"):
        nibabel.save(image, tmp_path / name)
    one, other = load_reference(tmp_path / "a.nii"), load_reference(tmp_path / "b.nii.gz")
    assert one.digest == other.digest
    assert np.allclose(one.volume.affine, volume.affine)
    with pytest.raises(UsageError, match="no such file"):
        load_reference(tmp_path / "c.nii")
    (tmp_path / "d.nii").write_bytes(b"no scan")
    with pytest.raises(UsageError, match=r"d\.nii: not a NIfTI file"):
        load_reference(tmp_path / "d.nii")
