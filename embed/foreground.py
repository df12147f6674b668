"""Foregrounds by classical rules on HU: the body without the couch, the aerated lungs, the head above the neck.

Rules look at means of blocks of about 2 mm; within such a block of the border the scan's own voxels decide. What is done in the
plane is done slice by slice, so that thick slices, uneven steps, a tilted gantry and single slices need no rule of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..store.errors import UnknownNameError, ViewError
from ..store.scan import Volume
from .working_grid import IN_PLANE, Mask, Spacing, WorkingGrid, at_edges, closed, dilated, eroded, labelled, refined, working_grid

_TISSUE_HU = -300.0
"""Between air and fat."""
_SHELL_MM = 5.0
"""Half the thickness of a couch's or head rest's shell: what is thinner is cut off, and taken back where it lies on the body."""
_THICK_MM = 12.0
"""A part of a body holds a diamond of this radius in some plane; a couch is hollow or thin."""
_GAP_MM = 4.0
_OPEN_AIR_HU = -900.0
"""Air that reaches the edge of a plane is outside where its median is below this; above, it is lung that a crop cuts."""

_AIR_HU = -400.0
_AIRWAY_HU, _AIRWAY_CM2 = -900.0, 12.0
_GAS_HU = -940.0
_LUNG_CM2, _LUNG_PART = 20.0, 0.1
_VESSEL_MM, _VESSEL_CM2 = 6.0, 5.0

_BONE_HU = 200.0
_SUTURE_MM = 5.0
_BRAIN_HU = (-50.0, 150.0)
_BRAIN_CM2, _CRANIUM_CM2 = 10.0, 25.0
_RIM = 0.6
"""Share of an enclosed part's rim that is bone, at least."""
_NECK_MM = 180.0


def foreground(name: str, volume: Volume) -> Mask:
    """The mask of one of `FOREGROUNDS` on a scan: (Z, Y, X), as `volume.voxels`.

    Raises:
        ViewError: the scan has no HU or no pixel spacing, or there is no such thing in it.
        UnknownNameError: no rule has this name.
    """
    if name not in FOREGROUNDS:
        raise UnknownNameError("foreground", name, FOREGROUNDS)
    if not volume.has_hu:
        raise ViewError(f"mask {name} is found by HU, and the image has grey values only: leave the mask out, or ingest masks of your own")
    return FOREGROUNDS[name](volume.voxels, volume.spacing_mm)


def body(hu: NDArray[np.number], spacing: Spacing) -> Mask:
    """The patient with all that is inside, without couch, head rest and blankets.

    Tissue is above -300 HU. Shells up to 10 mm thick are cut off by an opening; of what is left, parts count that are at least
    24 mm thick somewhere. Holes are filled plane by plane, and so is air at the edge of a plane whose median is above -900 HU:
    lung in a tight crop.

    Args:
        hu: (Z, Y, X) in the canonical frame.
        spacing: (z, y, x) in mm; z may be unknown.

    Returns:
        (Z, Y, X).

    Raises:
        ViewError: nothing is tissue, or the pixel spacing is unknown.
    """
    grid = working_grid(hu, spacing)
    return refined(_body(grid), grid, np.asarray(hu) > _TISSUE_HU)


def lung(hu: NDArray[np.number], spacing: Spacing) -> Mask:
    """Aerated lung with its vessels and nodules up to 5 cm2, without the trachea; no consolidation, effusion or pneumothorax.

    Air in the body is below -400 HU. Islands of a plane under 12 cm2 with a mean below -900 HU are airways or bowel; parts whose
    median is below -940 HU are gas. The largest part must reach 20 cm2 in a plane; others count from a tenth of its volume on.

    Args and returns as for `body`.

    Raises:
        ViewError: no part is large enough, or the pixel spacing is unknown.
    """
    grid = working_grid(hu, spacing)
    return refined(_lung(grid), grid, np.asarray(hu) < _AIR_HU)


def head(hu: NDArray[np.number], spacing: Spacing) -> Mask:
    """The head: the body from the vertex down to the narrowest plane of the neck.

    The skull is bone above 200 HU with gaps of up to 10 mm closed; the cranial cavity is the soft tissue that it encloses in a
    plane. The neck is looked for within 180 mm below the cavity. What is not connected, such as a raised hand, is left out.

    Args and returns as for `body`.

    Raises:
        ViewError: bone encloses less than 25 cm2 in every plane, or the pixel spacing is unknown.
    """
    grid = working_grid(hu, spacing)
    whole = _body(grid)
    cavity = cranial_cavity(grid, whole)
    areas = cavity.sum(axis=(1, 2)) * grid.pixel_cm2
    base = int(areas.argmax())
    while base > 0 and areas[base - 1] >= _BRAIN_CM2:
        base -= 1
    reach = 0 if spacing[0] is None else round(_NECK_MM / grid.spacing[0])
    lowest = max(0, base - reach)
    widths = whole[lowest : base + 1].sum(axis=(1, 2))
    # of planes alike, the lowest: a head whose scan ends before the neck is kept to its end
    neck = lowest + int(np.flatnonzero(widths <= widths.min() * 1.02)[0])
    whole[:neck] = False
    labels, _ = labelled(whole)
    own = np.unique(labels[cavity])
    return refined(np.isin(labels, own[own > 0]), grid, np.asarray(hu) > _TISSUE_HU)


FOREGROUNDS: Mapping[str, Callable[[NDArray[np.number], Spacing], Mask]] = {"body": body, "lung": lung, "head": head}


def cranial_cavity(grid: WorkingGrid, whole: Mask) -> Mask:
    """The soft tissue that bone encloses plane by plane, on the working grid.

    Args:
        grid: the scan.
        whole: its body, on the same grid.

    Raises:
        ViewError: it is too little for a cranium.
    """
    bone = closed(whole & (grid.hu > _BONE_HU), grid.steps(_SUTURE_MM))
    labels, count = labelled(~bone, IN_PLANE)
    areas = np.bincount(labels.ravel(), minlength=count + 1) * grid.pixel_cm2
    enclosed = areas >= _BRAIN_CM2
    enclosed[np.unique(labels[~whole & ~bone])] = False
    enclosed[0] = False
    cavity = np.zeros_like(bone)
    places = ndimage.find_objects(labels)
    edged = np.pad(bone, ((0, 0), (1, 1), (1, 1)))  # what the scan's edge bounds is bounded by no bone
    for label in np.flatnonzero(enclosed):
        place = places[label - 1]
        part = np.pad(labels[place] == label, ((0, 0), (1, 1), (1, 1)))
        rim = dilated(part, 1) & ~part
        around = (place[0], *(slice(s.start, s.stop + 2) for s in place[1:]))
        mean = float(grid.hu[place][part[:, 1:-1, 1:-1]].mean())
        if edged[around][rim].mean() >= _RIM and _BRAIN_HU[0] < mean < _BRAIN_HU[1]:
            cavity[place] |= part[:, 1:-1, 1:-1]
    largest = float(cavity.sum(axis=(1, 2)).max() * grid.pixel_cm2)
    if largest < _CRANIUM_CM2:
        raise ViewError(
            f"mask head: no skull is found; the largest plane that bone encloses has {largest:.1f} cm2, expected at least "
            f"{_CRANIUM_CM2:g}: leave the mask out, or take mask body"
        )
    return cavity


def _body(grid: WorkingGrid) -> Mask:
    tissue = grid.hu > _TISSUE_HU
    shell = grid.steps(_SHELL_MM)
    opened = dilated(eroded(tissue, shell), shell, tissue)
    if not opened.any():
        raise ViewError(
            f"mask body: {int(tissue.sum())} of {tissue.size} blocks of 2 mm are above {_TISSUE_HU:g} HU, and none is part of something "
            f"{2 * _SHELL_MM:g} mm thick (HU from {grid.hu.min():.0f} to {grid.hu.max():.0f}): leave the mask out"
        )
    labels, count = labelled(opened)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    core = np.unique(labels[eroded(opened, grid.steps(_THICK_MM))])
    core = core[core > 0] if (core > 0).any() else np.array([sizes.argmax()])
    own = dilated(np.isin(labels, core), shell, tissue)
    return _filled(closed(own, grid.steps(_GAP_MM)), grid)


def _filled(own: Mask, grid: WorkingGrid) -> Mask:
    """With its holes, plane by plane."""
    labels, count = labelled(~own, IN_PLANE)
    hole = np.ones(count + 1, np.bool_)
    outer = at_edges(labels)
    hole[outer] = np.asarray(ndimage.median(grid.hu, labels, outer)) > _OPEN_AIR_HU
    hole[0] = True
    return hole[labels]


def _lung(grid: WorkingGrid) -> Mask:
    whole = _body(grid)
    air = whole & (grid.hu < _AIR_HU)
    islands, count = labelled(air, IN_PLANE)
    areas = np.bincount(islands.ravel(), minlength=count + 1) * grid.pixel_cm2
    means = np.nan_to_num(ndimage.mean(grid.hu, islands, np.arange(count + 1)))
    airway = (areas < _AIRWAY_CM2) & (means < _AIRWAY_HU)
    airway[0] = True
    labels, count = labelled(~airway[islands])
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    kept, largest, places = np.zeros_like(air), 0, ndimage.find_objects(labels)
    found = 0.0
    for label in np.argsort(-sizes, kind="stable"):
        if sizes[label] <= _LUNG_PART * largest:
            break
        place = places[label - 1]
        part = labels[place] == label
        area = float(part.sum(axis=(1, 2)).max() * grid.pixel_cm2)
        if np.median(grid.hu[place][part]) < _GAS_HU:
            continue
        found = max(found, area)
        if largest or area >= _LUNG_CM2:
            largest = largest or int(sizes[label])
            kept |= _with_vessels(labels == label, grid)
    if not largest:
        raise ViewError(
            f"mask lung: no lung is found; the largest plane of aerated tissue in the body has {found:.1f} cm2, expected at least "
            f"{_LUNG_CM2:g}: leave the mask out, or take mask body"
        )
    return kept & whole


def _with_vessels(part: Mask, grid: WorkingGrid) -> Mask:
    """One lung with what it encloses in a plane, up to the size of a vessel or nodule."""
    part = closed(part, grid.steps(_VESSEL_MM))
    labels, count = labelled(~part, IN_PLANE)
    hole = np.bincount(labels.ravel(), minlength=count + 1) * grid.pixel_cm2 <= _VESSEL_CM2
    hole[at_edges(labels)] = False
    hole[0] = True
    return hole[labels]
