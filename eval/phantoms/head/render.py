"""A head from its parts, in the order in which one hides the other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..canvas import Box
from ..model import Lesion, Region, Rendered, Study
from ..seeds import generator
from . import bleeds, brain, distractors, extraaxial, face, holder, infarct, outline, paint_brain, skull, trauma
from .brain import Brain
from .frame import Floats
from .scene import Marked, Scene
from .state import state_of

Painter = Callable[[Scene, Lesion, np.random.Generator, Brain], Marked]
_PAINTERS: dict[str, Painter] = {
    "hydrocephalus": bleeds.hydrocephalus,
    "infarct": infarct.infarct,
    "edema": bleeds.edema,
    "intraparenchymal": bleeds.intraparenchymal,
    "subarachnoid": bleeds.subarachnoid,
    "intraventricular": bleeds.intraventricular,
    "fracture": trauma.fracture,
    "pneumocephalus": trauma.pneumocephalus,
}
"""In the order of painting; collections between skull and brain come before these."""
_COLLECTIONS = {"subdural": extraaxial.subdural, "epidural": extraaxial.epidural}
_CAUSES = ("subdural", "epidural", "intraparenchymal", "infarct", "edema")
"""Of mass effect and shift."""
_VENTRICLES_Z_MM = 70.0


def render(study: Study) -> Rendered:
    """The body of a study of the head cohort, with all of its lesions."""
    scene = outline.start(study)
    state = state_of(study)
    skull.paint(scene)
    face.paint(scene)
    box = scene.box((-8, -92, -76), (147, 92, 76))
    layers = {i: extraaxial.taken(scene, lesion, box) for i, lesion in enumerate(study.lesions) if lesion.finding in _COLLECTIONS}
    tissue = brain.build(scene, state, np.maximum.reduce(list(layers.values())) if layers else None, box)
    paint_brain.paint(scene, state, tissue)
    distractors.paint(scene, tissue)
    found = _lesions(scene, tissue, layers)
    holder.paint(scene)
    regions = [_region(scene, found[i]) if i in found else None for i in range(len(study.lesions))]
    depths = [scene.canvas.depth_of(region) if region else _depth(scene, i, regions) for i, region in enumerate(regions)]
    return scene.canvas.rendered(list(regions), depths)


def _lesions(scene: Scene, tissue: Brain, layers: dict[int, Floats]) -> dict[int, Marked]:
    """Paint the lesions; what each has marked, by its index."""
    marks: dict[int, Marked] = {}
    for index, thick in layers.items():
        lesion = scene.study.lesions[index]
        marks[index] = _COLLECTIONS[lesion.finding](scene, lesion, generator(lesion.seed, "shape"), tissue, thick)
    order = list(_PAINTERS)
    others = [(i, lesion) for i, lesion in enumerate(scene.study.lesions) if lesion.finding in _PAINTERS]
    for index, lesion in sorted(others, key=lambda item: order.index(item[1].finding)):
        marks[index] = _PAINTERS[lesion.finding](scene, lesion, generator(lesion.seed, "shape"), tissue)
    return marks


def _region(scene: Scene, mark: Marked) -> Region | None:
    """Where a lesion is more than half; of one thinner than a voxel, where it is most."""
    weight, box = mark
    peak = float(weight.max(initial=0.0))
    return scene.canvas.region(weight >= min(0.5, 0.7 * peak), _whole(box, weight)) if peak > 0 else None


def _whole(box: Box, weight: Floats) -> Box:
    assert tuple(s.stop - s.start for s in box) == weight.shape, "a lesion's weights do not fill their box"
    return box


def _depth(scene: Scene, index: int, regions: list[Region | None]) -> float:
    """Of shift and mass effect: the level of the causing lesion for the one, of the ventricles for the other."""
    lesion = scene.study.lesions[index]
    level = scene.frame.height(_VENTRICLES_Z_MM)
    if lesion.finding == "midline_shift":
        return level
    causes = [
        region
        for other, region in zip(scene.study.lesions, regions, strict=True)
        if other.finding in _CAUSES and other.side in (lesion.side, "bilateral") and region is not None
    ]
    return scene.canvas.depth_of(max(causes, key=lambda region: int(region.voxels.sum()))) if causes else level
