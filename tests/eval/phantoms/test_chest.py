"""Chest phantoms: what is painted is where it was planned, and looks as it should."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from scanbank.eval.phantoms.chest import body, distractors, heart, lungs
from scanbank.eval.phantoms.chest.render import LESIONS, anatomy, render
from scanbank.eval.phantoms.chest.scene import Scene
from scanbank.eval.phantoms.cohort import cohort_named, sample_patient, sample_studies
from scanbank.eval.phantoms.findings import CHEST, CHEST_DISTRACTORS
from scanbank.eval.phantoms.model import Lesion, Region, Study
from scanbank.eval.phantoms.seeds import generator

COHORT = cohort_named("chest")
SPECS = {spec.name: spec for spec in CHEST}
SHAPED = ("cardiomegaly", "pericardial_effusion")
"""Lesions that are painted with the anatomy."""
ANATOMICAL = ("fissure_thickening", "costal_calcification", "epicardial_fat")
"""Distractors of which at least a part is."""


@cache
def bare(number: int = 3) -> Study:
    """A study with neither lesions nor distractors."""
    patient = sample_patient(COHORT, 17, number)
    return replace(sample_studies(COHORT, patient)[0], lesions=(), distractors=(), contrast=False)


@cache
def body_of(study: Study) -> Scene:
    return anatomy(study)


def fresh(study: Study) -> Scene:
    """A scene to paint on, without painting the body again."""
    scene = body_of(study)
    canvas = copy(scene.canvas)
    canvas.hu = canvas.hu.copy()
    return replace(scene, canvas=canvas)


def lesion(finding: str, side: str = "", place: str = "", size: float = 0, severity: float = 0.8, variant: str = "") -> Lesion:
    return Lesion(finding, side, place, size, severity, variant, 5)  # pyright: ignore[reportArgumentType]


def painted(item: Lesion, number: int = 3) -> tuple[Scene, Region]:
    study = bare(number)
    scene = fresh(replace(study, lesions=(item,)) if item.finding in SHAPED else study)
    weight, box = LESIONS[item.finding](scene, item, generator(item.seed, "shape"))
    region = scene.canvas.region(weight >= min(0.5, 0.7 * float(weight.max())), box)
    assert region is not None
    return scene, region


def hu_of(item: Lesion) -> np.ndarray:
    scene, region = painted(item)
    part = tuple(slice(s, s + n) for s, n in zip(region.start, region.voxels.shape, strict=True))
    return scene.canvas.hu[part][region.voxels]


def middle_mm(item: Lesion) -> np.ndarray:
    scene, region = painted(item)
    at = np.argwhere(region.voxels).mean(axis=0) + region.start
    return at * scene.canvas.spacing_mm + scene.canvas.origin_mm


def test_a_study_renders_to_the_same_bytes_with_a_region_for_each_lesion():
    items = (
        lesion("nodule", "right", "upper_lobe", 9, variant="solid"),
        lesion("mass", "left", "upper_lobe", 45, variant="solid"),
        lesion("cardiomegaly"),
    )
    study = replace(bare(), lesions=items, distractors=CHEST_DISTRACTORS)
    first, again = render(study), render(study)
    assert first.hu.tobytes() == again.hu.tobytes()
    assert first.depth_mm == again.depth_mm
    assert first.hu.dtype == np.float32
    low, high = first.origin_mm[0], first.origin_mm[0] + (first.hu.shape[0] - 1) * first.spacing_mm[0]
    assert all(low <= z <= high for z in first.depth_mm)
    sizes = [int(region.voxels.sum()) for region in first.regions if region is not None]
    assert len(sizes) == 3
    assert sizes[0] < sizes[1] < sizes[2]
    assert np.isfinite(first.hu).all()
    assert (first.hu[:, [0, -1]] < -900).all()  # air in front and below the table, so nothing is smeared beyond the grid


@pytest.mark.parametrize("spec", CHEST, ids=lambda spec: spec.name)
def test_every_kind_of_lesion_is_painted_on_its_side(spec):
    for index, variant in enumerate(spec.variants):
        for side in [side for side in spec.sides if side != "bilateral"] or spec.sides:
            place = spec.places[index % len(spec.places)]
            if spec.name == "lymphadenopathy":
                place = "subcarinal" if side == "midline" else "hilar"
            elif spec.name == "ground_glass_opacity" and "diffuse" in (variant, place):
                continue
            item = lesion(spec.name, side, place, spec.size_mm[1] * 0.5, 0.9, variant)
            x = middle_mm(item)[2]
            if side in ("left", "right") and spec.name != "medical_device":  # wires and catheters end in the middle
                assert (x > 0) == (side == "left"), (item, x)


def test_fluid_air_calcium_and_metal_have_their_values():
    assert 0 <= np.median(hu_of(lesion("pleural_effusion", "right", size=35, variant="free"))) <= 20
    assert np.median(hu_of(lesion("pneumothorax", "left", size=25))) < -950
    assert np.median(hu_of(lesion("coronary_calcification", place="three_vessel"))) > 200
    assert hu_of(lesion("medical_device", "left", variant="pacemaker")).max() > 2000
    assert 0 <= np.median(hu_of(lesion("pericardial_effusion", size=15))) <= 30


def test_free_fluid_lies_at_the_back_and_free_air_in_front():
    assert middle_mm(lesion("pleural_effusion", "right", size=35, variant="free"))[1] > 30
    assert middle_mm(lesion("pneumothorax", "left", size=15))[1] < 20


def test_sizes_are_those_of_the_plan():
    for size in (10.0, 20.0):
        scene, region = painted(lesion("nodule", "right", "lower_lobe", size, variant="solid"))
        volume = region.voxels.sum() * np.prod(scene.canvas.spacing_mm)
        assert (6 * volume / np.pi) ** (1 / 3) == pytest.approx(size, rel=0.2)
    small, large = (painted(lesion("pleural_effusion", "left", size=s, variant="free"))[1] for s in (10, 40))
    assert large.voxels.sum() > 4 * small.voxels.sum()


def test_severity_makes_lesions_easier_to_see():
    plain = body_of(bare()).canvas.hu
    for finding, place, variant in (("ground_glass_opacity", "upper_lobe", "patchy"), ("emphysema", "diffuse", "centrilobular")):
        changes = []
        for severity in (0.1, 0.5, 0.9):
            item = lesion(finding, SPECS[finding].sides[0], place, SPECS[finding].size_mm[1] * 0.5, severity, variant)
            changes.append(np.abs(painted(item)[0].canvas.hu - plain).sum(dtype=np.float64))
        assert changes[0] < changes[1] < changes[2], (finding, changes)


@pytest.mark.parametrize("number", [1, 3, 6])
def test_hearts_are_as_wide_as_the_finding_says(number):
    plain = _heart_share(bare(number))
    large = _heart_share(replace(bare(number), lesions=(lesion("cardiomegaly", severity=0.3),)))
    assert 0.36 < plain < 0.54
    assert large > 0.54
    assert large > plain + 0.03


def _heart_share(study: Study) -> float:
    """The cardiothoracic ratio as one would measure it on the images."""
    scene = body.start(study)
    scene.lung = lungs.outline(scene, lungs.diaphragm(scene))
    made = heart.shape(scene)
    across = np.flatnonzero((made.bag < 0).any(axis=(0, 1)))
    chest = max(int(np.ptp(np.flatnonzero((level < 0).any(axis=0)))) for level in scene.wall[made.box[0]])
    return int(np.ptp(across)) / chest


def test_the_body_has_the_anatomy_that_readers_count_on():
    canvas = body_of(bare()).canvas
    z, x = canvas.z[:, 0, 0], canvas.x[0, 0]
    level = canvas.hu[np.argmin(np.abs(z + 20))]
    lung = (level > -930) & (level < -700)
    assert 750 < lung[:, x > 0].sum() < lung[:, x < 0].sum()  # the heart lies to the left
    low = canvas.hu[np.argmin(np.abs(z + 105))]
    liver = (low > 20) & (low < 100)
    assert liver[:, x < 0].sum() > 1.2 * liver[:, x > 0].sum()
    assert (canvas.hu[0] > 350).any()  # bone


def test_contrast_brightens_vessels_and_changes_nothing_else():
    plain = body_of(bare()).canvas.hu
    enhanced = body_of(replace(bare(), contrast=True)).canvas.hu
    voxel = np.prod(body_of(bare()).canvas.spacing_mm) * 1e-6
    litres = np.count_nonzero(enhanced > plain + 80) * voxel
    assert 0.3 < litres < 2.5
    air = np.abs(enhanced - plain)[plain < -950]
    assert (air < 1).mean() > 0.99
    assert air.max() < 100


@pytest.mark.parametrize("name", CHEST_DISTRACTORS)
def test_each_distractor_changes_the_picture_but_for_motion(name):
    plain = body_of(bare()).canvas.hu
    study = replace(bare(), distractors=(name,))
    if name in ANATOMICAL:
        after = anatomy(study).canvas.hu
    else:
        scene = replace(fresh(bare()), study=study)
        distractors.paint(scene)
        after = scene.canvas.hu
    assert (name == "breathing_motion") == bool(np.array_equal(after, plain))  # the scanner shows the motion
