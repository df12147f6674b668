"""Foregrounds found by HU: against bodies made of ellipses, against the truth of phantoms, and on real scans where they are at hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from scanbank.embed.foreground import FOREGROUNDS, body, foreground, head, lung
from scanbank.eval.phantoms.acquire import acquire
from scanbank.eval.phantoms.chest.render import anatomy
from scanbank.eval.phantoms.cohort import COHORTS, sample_patient, sample_studies
from scanbank.eval.phantoms.head import outline
from scanbank.eval.phantoms.series import plan_series
from scanbank.eval.phantoms.volume import volume_of
from scanbank.store.errors import UnknownNameError, ViewError
from scanbank.store.readers import nifti
from scanbank.store.scan import Source, Volume

Mask = NDArray[np.bool_]
SPACING = (5.0, 2.0, 2.0)


def disc(centre: tuple[float, float], radii: tuple[float, float], shape: tuple[int, int] = (150, 200)) -> Mask:
    """An ellipse in voxels (y, x)."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    return ((y - centre[0]) / radii[0]) ** 2 + ((x - centre[1]) / radii[1]) ** 2 <= 1


TRUNK = disc((70, 100), (50, 75))
LUNGS = disc((65, 65), (30, 25)) | disc((65, 135), (30, 25))
TRACHEA = disc((60, 100), (5, 5))


def chest(planes: int = 6, couch: bool = True) -> NDArray[np.float32]:
    """A trunk with two lungs and a trachea on a couch that touches the back: a hollow box with foam in it."""
    plane = np.full(TRUNK.shape, -1000, np.float32)
    if couch:
        plane[119:140, 20:180] = 150
        plane[122:137, 23:177] = -920
    plane[TRUNK], plane[LUNGS], plane[TRACHEA] = 40, -850, -1000
    plane[disc((65, 60), (4, 4))] = 50  # a vessel within a lung
    return np.broadcast_to(plane, (planes, *plane.shape)).copy()


def dice(one: Mask, other: Mask) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


@pytest.mark.parametrize("planes", [6, 1])
def test_the_couch_is_no_body(planes: int) -> None:
    found = body(chest(planes), (5.0 if planes > 1 else None, 2.0, 2.0))
    assert all(dice(plane, TRUNK) > 0.99 for plane in found)
    assert np.array_equal(found, body(chest(planes), SPACING))
    assert not found[:, 128:].any()


def test_arms_are_body_and_a_blanket_is_none() -> None:
    hu = chest()
    arm = disc((80, 12), (11, 10))
    hu[:, arm] = 30
    hu[:, 12:14, 40:160] = -200  # 4 mm of cloth
    found = body(hu, SPACING)
    assert dice(found[0], TRUNK | arm) > 0.99
    assert not found[:, :15].any()


def test_lungs_are_without_the_trachea_and_with_their_vessels() -> None:
    found = lung(chest(), SPACING)
    assert all(dice(plane, LUNGS) > 0.97 for plane in found)
    assert not found[:, TRACHEA].any()
    assert found[:, 65, 60].all()


def test_a_crop_within_the_body_is_all_body_and_its_lungs_are_lung() -> None:
    cut = chest()[:, 40:95, 45:155]
    assert body(cut, SPACING).all()
    assert dice(lung(cut, SPACING)[0], LUNGS[40:95, 45:155]) > 0.97


def test_gas_is_no_lung() -> None:
    hu = chest()
    hu[hu == -850] = -995
    with pytest.raises(ViewError, match=r"no lung is found; the largest plane .* 0\.0 cm2, expected at least 20"):
        lung(hu, SPACING)


def person() -> tuple[NDArray[np.float32], list[int]]:
    """Axial planes of 5 mm from shoulders to vertex with raised hands, and the radius of each plane."""
    radii = [60] * 10 + [26] * 4 + [24] * 2 + [30] * 6 + [36] * 14
    hu = np.full((len(radii), 150, 200), -1000, np.float32)
    for plane, radius in zip(hu, radii, strict=True):
        plane[disc((70, 100), (radius, radius))] = 40
    for plane in hu[18:36]:
        plane[disc((70, 100), (33, 33))] = 900
        plane[disc((70, 100), (30, 30))] = 35
        plane[70:72, 60:75] = 40  # a suture: a gap of 4 mm
    hu[:, disc((20, 180), (10, 10))] = 40
    return hu, radii


def test_the_head_ends_at_the_narrowest_plane_of_the_neck() -> None:
    hu, radii = person()
    found = head(hu, SPACING)
    planes = found.any(axis=(1, 2))
    assert list(np.flatnonzero(planes)) == list(range(14, len(radii)))
    assert dice(found[30], disc((70, 100), (36, 36))) > 0.995
    assert not found[:, disc((20, 180), (10, 10))].any()


def test_a_head_scan_that_ends_above_the_neck_is_all_head() -> None:
    hu, _ = person()
    assert head(hu[18:], SPACING).any(axis=(1, 2)).all()
    assert head(hu[25:26], (None, 2.0, 2.0)).any()


def test_a_chest_has_no_head() -> None:
    with pytest.raises(ViewError, match="no skull is found"):
        head(chest(), SPACING)


@pytest.mark.parametrize("name", FOREGROUNDS)
def test_nothing_is_no_foreground(name: str) -> None:
    with pytest.raises(ViewError, match=r"mask body: 0 of \d+ blocks"):
        FOREGROUNDS[name](np.full((3, 40, 40), -1000, np.int16), SPACING)


def test_fine_voxels_decide_at_the_border() -> None:
    coarse = chest(2, couch=False)
    fine = coarse.repeat(4, axis=1).repeat(4, axis=2)
    assert dice(body(fine, (5.0, 0.5, 0.5))[0], TRUNK.repeat(4, axis=0).repeat(4, axis=1)) > 0.998


def test_what_a_rule_cannot_take_is_said() -> None:
    def volume(has_hu: bool = True, value: float = 0.0) -> Volume:
        voxels = np.full((1, 8, 8), value, np.float32)
        return Volume(voxels, np.eye(4), (None, None, None), 0, np.zeros(1), np.zeros(1), has_hu)

    with pytest.raises(ViewError, match="grey values only"):
        foreground("body", volume(has_hu=False))
    with pytest.raises(ViewError, match="spacing of pixels"):
        foreground("body", volume())
    with pytest.raises(ViewError, match="NaN"):
        foreground("body", replace(volume(value=np.nan), spacing_mm=(1.0, 1.0, 1.0)))
    with pytest.raises(UnknownNameError, match="did you mean 'lung'"):
        foreground("lungs", volume())


@pytest.mark.parametrize(("name", "least"), [("chest", {"body": 0.99, "lung": 0.94}), ("head", {"body": 0.98, "head": 0.98})])
def test_truth_of_phantoms(name: str, least: dict[str, float]) -> None:
    cohort = COHORTS[name]
    study = sample_studies(cohort, sample_patient(cohort, 3, 2))[0]
    scene = anatomy(study) if name == "chest" else outline.start(study)
    regions = [scene.canvas.region(scene.skin < 0), scene.canvas.region(getattr(scene, "lung", scene.skin) < 0)]
    rendered = replace(cohort.render(study), regions=tuple(regions))
    acquired = acquire(rendered, plan_series(study, rendered)[0], study.source.offset_hu)
    order = np.argsort(acquired.series.positions_mm, kind="stable")
    for region, (mask, score) in zip(acquired.regions, least.items(), strict=True):
        assert region is not None
        truth = np.zeros(acquired.hu.shape, np.bool_)
        truth[tuple(slice(at, at + n) for at, n in zip(region.start, region.voxels.shape, strict=True))] = region.voxels
        assert dice(foreground(mask, volume_of(acquired)), truth[order]) > score


def test_real_scans(shared_data: Path) -> None:
    folder = shared_data / "totalseg" / "tests" / "reference_files"
    abdomen = nifti.load((Source(folder / "example_ct_sm.nii.gz"),))
    found = foreground("body", abdomen)
    assert 0.6 < found.mean() < 0.7
    assert not found[:, 96:].any()  # the couch
    bases = foreground("lung", abdomen)
    assert bases[-5:].any()
    assert not bases[:15].any()  # bowel gas only
    for report in ("aorta_report/test_result", "pulmonary_report"):
        chest_crop = nifti.load((Source(folder / report / "models" / "ct_cropped.nii.gz"),))
        assert foreground("body", chest_crop).mean() > 0.95
        assert 0.3 < foreground("lung", chest_crop).mean() < 0.45
        with pytest.raises(ViewError, match="no skull"):
            foreground("head", chest_crop)
