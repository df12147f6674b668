"""Heads in voxels: anatomy where it belongs, and each lesion seen where and as strong as the study says."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from scanbank.eval.phantoms.cohort import COHORTS, sample_patient, sample_studies
from scanbank.eval.phantoms.findings import HEAD, HEAD_DISTRACTORS
from scanbank.eval.phantoms.head.extraaxial import BLOOD_HU
from scanbank.eval.phantoms.model import Lesion, Region, Rendered, Study

HEAD_COHORT = COHORTS["head"]
BASE = replace(sample_studies(HEAD_COHORT, sample_patient(HEAD_COHORT, 5, 5))[0], lesions=(), distractors=(), contrast=False, age=45)


@cache
def _render(*lesions: Lesion, study: Study = BASE) -> Rendered:
    return HEAD_COHORT.render(replace(study, lesions=lesions))


def _within(rendered: Rendered, region: Region) -> np.ndarray:
    """HU of a region's voxels."""
    box = tuple(slice(s, s + n) for s, n in zip(region.start, region.voxels.shape, strict=True))
    return rendered.hu[box][region.voxels]


def _centre_mm(rendered: Rendered, region: Region) -> np.ndarray:
    """(z, y, x) of a region's centroid."""
    index = np.argwhere(region.voxels).mean(axis=0) + region.start
    return np.asarray(rendered.origin_mm) + index * rendered.spacing_mm


def _region(rendered: Rendered, index: int = 0) -> Region:
    region = rendered.regions[index]
    assert region is not None
    return region


def _lesion(finding: str, side: str = "", place: str = "", size: float = 0, severity: float = 0.8, variant: str = "") -> Lesion:
    return Lesion(finding, side, place, size, severity, variant, seed=11)  # pyright: ignore[reportArgumentType]


def test_a_normal_head_has_skull_brain_water_and_air() -> None:
    rendered = _render()
    hu = rendered.hu
    assert hu.dtype == np.float32
    assert np.isfinite(hu).all()
    level = round((85 - rendered.origin_mm[0]) / rendered.spacing_mm[0])
    plane = hu[level]
    bone = plane > 400
    rows, columns = np.flatnonzero(bone.any(axis=1)), np.flatnonzero(bone.any(axis=0))
    assert 130 < (columns[-1] - columns[0]) * rendered.spacing_mm[2] < 165  # an adult's head
    assert 155 < (rows[-1] - rows[0]) * rendered.spacing_mm[1] < 210
    inner = plane[rows[0] + 35 : rows[-1] - 35, columns[0] + 30 : columns[-1] - 30]
    brain = inner[(inner > 15) & (inner < 50)]
    assert brain.size > 0.6 * inner.size
    assert 27 < np.median(brain) < 38
    assert (inner < 12).any()
    for face in (hu[-1], hu[:, 0], hu[:, :, 0], hu[:, :, -1]):  # its last values go on beyond the grid
        assert (face < -900).mean() > 0.97


def test_gray_matter_is_denser_than_white() -> None:
    hu = _render().hu
    brain = hu[(hu > 20) & (hu < 46)]
    low, high = np.quantile(brain, [0.15, 0.85])
    assert 5 < high - low < 16


def test_the_same_study_gives_the_same_bytes() -> None:
    lesion = _lesion("intraparenchymal", "left", "frontal", 30, variant="acute")
    study = replace(BASE, lesions=(lesion,))
    assert HEAD_COHORT.render(study).hu.tobytes() == HEAD_COHORT.render(study).hu.tobytes()


@pytest.mark.parametrize("spec", HEAD, ids=lambda spec: spec.name)
def test_every_finding_shows_on_its_side(spec) -> None:
    side = next(s for s in ("left", *spec.sides) if s in spec.sides)
    size = (spec.size_mm[0] + spec.size_mm[1]) / 2
    lesion = _lesion(spec.name, side, spec.places[0], size, 0.8, spec.variants[0])
    rendered, plain = _render(lesion), _render()
    assert np.abs(rendered.hu - plain.hu).max() > 5
    low, high = rendered.origin_mm[0], rendered.origin_mm[0] + rendered.hu.shape[0] * rendered.spacing_mm[0]
    assert low <= rendered.depth_mm[0] <= high
    if spec.name in ("midline_shift", "mass_effect"):
        assert rendered.regions == (None,)
        return
    region = _region(rendered)
    assert region.voxels.any()
    x = _centre_mm(rendered, region)[2]
    assert x > 3 if side == "left" else abs(x) < 12


@pytest.mark.parametrize("place", ["frontal", "thalamus", "cerebellum"])
def test_bleeds_are_dense_and_as_large_as_said(place: str) -> None:
    rendered = _render(_lesion("intraparenchymal", "right", place, 28, 0.7, "acute"))
    region = _region(rendered)
    assert _centre_mm(rendered, region)[2] < 0
    assert 55 < np.median(_within(rendered, region)) < 78
    extent = max(n * s for n, s in zip(region.voxels.shape, rendered.spacing_mm, strict=True))
    assert 20 < extent < 40


@pytest.mark.parametrize("variant", ["acute", "chronic"])
def test_subdural_blood_is_as_thick_and_as_dense_as_said(variant: str) -> None:
    rendered = _render(_lesion("subdural", "left", "convexity", 12, 0.5, variant))
    region = _region(rendered)
    low, high = sorted(BLOOD_HU[variant])
    assert low - 3 < np.median(_within(rendered, region)) < high + 4
    middle = region.voxels[region.voxels.shape[0] // 2]
    thickest = middle.sum(axis=1).max() * rendered.spacing_mm[2]  # along x, across a collection at the side of the head
    assert 9 < thickest < 17
    assert middle.any(axis=1).sum() * rendered.spacing_mm[1] > 90  # a crescent that crosses the coronal suture


def test_epidural_blood_is_a_lens() -> None:
    lens, crescent = (
        _region(_render(_lesion(finding, "left", place, 14, 0.7, "acute"))).voxels
        for finding, place in (("epidural", "temporal"), ("subdural", "convexity"))
    )
    assert lens.any(axis=(0, 2)).sum() < 0.75 * crescent.any(axis=(0, 2)).sum()


@pytest.mark.parametrize(("side", "sign"), [("left", 1), ("right", -1)])
def test_midline_shift_moves_the_ventricles(side: str, sign: int) -> None:
    water = _lesion("hydrocephalus", severity=0.1)
    still, moved = _render(water), _render(water, _lesion("midline_shift", side, "", 10))
    centres = [_centre_mm(rendered, _region(rendered))[2] for rendered in (still, moved)]
    assert 5 < sign * (centres[1] - centres[0]) < 12


def test_hydrocephalus_widens_the_ventricles_with_severity() -> None:
    mild, severe = (_region(_render(_lesion("hydrocephalus", severity=s))).voxels.sum() for s in (0.1, 0.9))
    assert severe > 1.5 * mild


def test_mass_effect_empties_the_sulci_of_its_side() -> None:
    old = replace(BASE, distractors=("atrophy",))
    plain, pressed = _render(study=old), _render(_lesion("mass_effect", "left", severity=0.9), study=old)
    lost = (plain.hu > 0) & (plain.hu < 15) & (pressed.hu > 20)
    half = plain.hu.shape[2] // 2
    assert lost[:, :, half + 5 :].sum() > 4 * lost[:, :, : half - 5].sum()


@pytest.mark.parametrize("finding", ["infarct", "edema", "subarachnoid", "intraventricular"])
def test_severity_drives_the_contrast(finding: str) -> None:
    place = {"infarct": "middle_cerebral", "edema": "parietal", "subarachnoid": "basal_cisterns", "intraventricular": "lateral"}[finding]
    side = "midline" if finding == "subarachnoid" else "left"
    changes = []
    for severity in (0.1, 0.9):
        rendered, plain = _render(_lesion(finding, side, place, 50, severity)), _render()
        region = _region(rendered)
        changes.append(float(np.mean(_within(rendered, region) - _within(plain, region))))
    assert abs(changes[1]) > abs(changes[0]) + 3
    assert (changes[1] < 0) == (finding in ("infarct", "edema"))


def test_a_fracture_is_a_gap_in_bone() -> None:
    lesion = _lesion("fracture", "left", "parietal", 0, 0.8, "linear")
    rendered, plain = _render(lesion), _render()
    region = _region(rendered)
    assert np.median(_within(plain, region)) > 600
    assert np.median(_within(rendered, region)) < 350


def test_air_within_the_skull() -> None:
    rendered = _render(_lesion("pneumocephalus", "left", "frontal", 0, 0.8))
    assert np.median(_within(rendered, _region(rendered))) < -600


@pytest.mark.parametrize("name", [name for name in HEAD_DISTRACTORS if name != "motion"])
def test_distractors_show_in_voxels_and_mark_nothing(name: str) -> None:
    rendered = _render(study=replace(BASE, distractors=(name,)))
    assert np.abs(rendered.hu - _render().hu).max() > 4
    assert rendered.regions == ()
