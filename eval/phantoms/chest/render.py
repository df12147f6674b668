"""A chest from its parts, in the order in which one hides the other."""

from __future__ import annotations

import numpy as np

from ..canvas import Canvas
from ..model import Region, Rendered, Study
from ..seeds import generator
from ..table import paint_table
from . import (
    abdomen,
    airspace,
    body,
    bones,
    cardiac,
    devices,
    distractors,
    emphysema,
    focal,
    heart,
    lungs,
    mediastinum,
    nodes,
    pleura,
    vessels,
)
from .scene import Marked, Scene

LESIONS = {
    "emphysema": emphysema.emphysema,
    "ground_glass_opacity": airspace.ground_glass,
    "consolidation": airspace.consolidation,
    "nodule": focal.nodule,
    "mass": focal.mass,
    "lymphadenopathy": nodes.lymphadenopathy,
    "pleural_effusion": pleura.effusion,
    "pneumothorax": pleura.pneumothorax,
    "cardiomegaly": cardiac.cardiomegaly,
    "pericardial_effusion": cardiac.pericardial_effusion,
    "coronary_calcification": cardiac.coronary_calcification,
    "medical_device": devices.device,
}
"""In the order of painting: what displaces tissue comes after what fills it, metal last."""


def render(study: Study) -> Rendered:
    """The body of a study of the chest cohort, with all of its lesions."""
    scene = anatomy(study)
    found = _lesions(scene)
    paint_table(scene.canvas, study.source.table, body.table_top_mm(study.patient, scene.frame))
    regions = [_region(scene.canvas, *mark) for mark in found]
    depths = [scene.canvas.depth_of(region) for region in regions]
    return scene.canvas.rendered(list(regions), depths)


def anatomy(study: Study) -> Scene:
    """All but lesions and table; those lesions that are the heart's shape are in it."""
    scene = body.start(study)
    dome = lungs.diaphragm(scene)
    scene.lung = lungs.outline(scene, dome)
    shape = heart.shape(scene)
    np.maximum(scene.lung[shape.box], -shape.outer, out=scene.lung[shape.box])
    body.paint(scene)
    abdomen.paint(scene, dome)
    lungs.paint(scene)
    vessels.paint(scene)
    heart.paint(scene, shape)
    mediastinum.paint(scene)
    bones.paint(scene)
    distractors.paint(scene)
    return scene


def _lesions(scene: Scene) -> list[Marked]:
    """Paint the lesions, and mark each, in the study's order."""
    order = list(LESIONS)
    marks: dict[int, Marked] = {}
    for index, lesion in sorted(enumerate(scene.study.lesions), key=lambda item: order.index(item[1].finding)):
        marks[index] = LESIONS[lesion.finding](scene, lesion, generator(lesion.seed, "shape"))
    return [marks[index] for index in range(len(scene.study.lesions))]


def _region(canvas: Canvas, weight: np.ndarray, box: tuple[slice, slice, slice]) -> Region:
    """Where a lesion is more than half; of one thinner than a voxel, where it is most."""
    peak = float(weight.max())
    region = canvas.region(weight >= min(0.5, 0.7 * peak), box) if peak > 0 else None
    assert region is not None, "a lesion has no voxels"
    return region
