"""DICOM Segmentation (PS3.3 section A.51): its segments and what they refer to, and their frames as a mask on a grid of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread

from ..errors import ReadError
from ..geometry import canonical
from ..scan import Source, Volume
from .dicom_elements import quiet
from .dicom_geometry import lay_out, normal_of
from .dicom_record import Frame
from .sources import MAX_VOXELS, decoding

_SOP_CLASS = "1.2.840.10008.5.1.4.1.1.66.4"
_SAME_MM = 0.01
_HALF = 0.5
"""Of a fractional segmentation: from here on a voxel is in it."""


@dataclass(frozen=True)
class SegHeader:
    """What a file says of itself, in clear: nothing of it may be stored."""

    labels: tuple[tuple[int, str], ...]
    """(segment number, SegmentLabel)."""
    series_uids: tuple[str, ...]
    sop_uids: tuple[str, ...]
    """Of the images it refers to."""


def read_seg_header(path: Path) -> SegHeader | None:
    """The segments of a file and what they refer to; None where it is no segmentation.

    Raises:
        ReadError: it is one, and cannot be read.
    """
    with decoding("DICOM segmentation"), quiet():
        data = dcmread(path, stop_before_pixels=True, force=True)
        if str(data.get("SOPClassUID", "")) != _SOP_CLASS and data.get("Modality") != "SEG":
            return None
        labels = tuple((int(one.SegmentNumber), str(one.SegmentLabel)) for one in data.get("SegmentSequence") or ())
        series: dict[str, None] = {}
        images: dict[str, None] = {}
        for one in data.get("ReferencedSeriesSequence") or ():
            series[str(one.get("SeriesInstanceUID", ""))] = None
            images |= {str(image.ReferencedSOPInstanceUID): None for image in one.get("ReferencedInstanceSequence") or ()}
    if not labels:
        raise ReadError("DICOM segmentation names no segment")
    return SegHeader(labels, tuple(uid for uid in series if uid), tuple(images))


def load(sources: Sequence[Source]) -> Volume:
    """The segments of one file together: voxels are 1 in one of them, else 0. `frame` of a source is a segment's number.

    Frames that the file leaves out are empty: between planes that are not neighbours, and beyond the outer ones, lies nothing.

    Raises:
        ReadError: the file cannot be read, or no frame is of these segments.
    """
    wanted = {source.frame for source in sources}
    with decoding("DICOM segmentation"), quiet():
        data = dcmread(sources[0].path)
        if int(data.Rows) * int(data.Columns) * int(data.get("NumberOfFrames", 1)) > MAX_VOXELS:
            raise ReadError(f"DICOM segmentation holds more than {MAX_VOXELS} voxels")
        pixels = np.asarray(data.pixel_array).reshape(-1, int(data.Rows), int(data.Columns))
        planes = _planes(data, pixels, wanted)
    if not planes:
        raise ReadError("DICOM segmentation has no frame of the segment")
    first = planes[0][0]
    normal = normal_of(first)
    planes.sort(key=lambda plane: float(normal @ np.array(plane[0].position)))
    return _volume(planes, normal, _thickness(data, planes, normal))


def _planes(data: Dataset, pixels: NDArray[Any], wanted: set[int]) -> list[tuple[Frame, NDArray[np.bool_]]]:
    """The frames of the segments wanted, with their places."""
    shared = data.SharedFunctionalGroupsSequence[0]
    kind = str(data.get("SegmentationType", "BINARY"))
    most = float(data.get("MaximumFractionalValue", 1) or 1)
    found: list[tuple[Frame, NDArray[np.bool_]]] = []
    for own, frame in zip(data.PerFrameFunctionalGroupsSequence, pixels, strict=True):
        if kind == "LABELMAP":
            inside = np.isin(frame, list(wanted))
        else:
            if int(_group(own, shared, "SegmentIdentificationSequence").ReferencedSegmentNumber) not in wanted:
                continue
            inside = frame >= _HALF * most if kind == "FRACTIONAL" else frame > 0
        measures = _group(own, shared, "PixelMeasuresSequence")
        x, y, z = (float(value) for value in _group(own, shared, "PlanePositionSequence").ImagePositionPatient)
        rows, columns = (float(value) for value in measures.PixelSpacing)
        cosines = tuple(float(value) for value in _group(own, shared, "PlaneOrientationSequence").ImageOrientationPatient)
        found.append((Frame(position=(x, y, z), orientation=cosines, spacing=(rows, columns)), inside))
    return found


def _group(own: Dataset, shared: Dataset, name: str) -> Dataset:
    return (own.get(name) or shared[name].value)[0]


def _thickness(data: Dataset, planes: list[tuple[Frame, NDArray[np.bool_]]], normal: NDArray[np.float64]) -> float:
    """How far a plane reaches, both sides together."""
    shared, own = data.SharedFunctionalGroupsSequence[0], data.PerFrameFunctionalGroupsSequence[0]
    measures = _group(own, shared, "PixelMeasuresSequence")
    said = float(measures.get("SpacingBetweenSlices") or measures.get("SliceThickness") or 0)
    if said > 0:
        return said
    gaps = np.diff([normal @ np.array(frame.position) for frame, _ in planes])
    gaps = gaps[gaps > _SAME_MM]
    return float(gaps.min()) if len(gaps) else 1.0


def _volume(planes: list[tuple[Frame, NDArray[np.bool_]]], normal: NDArray[np.float64], thickness: float) -> Volume:
    """Planes at one place joined, and empty ones where the file left some out."""
    empty = np.zeros_like(planes[0][1])
    frames: list[Frame] = []
    stack: list[NDArray[np.bool_]] = []
    before = -np.inf
    for frame, inside in planes:
        at = np.array(frame.position)
        gap = float(normal @ at) - before
        if gap <= _SAME_MM:
            stack[-1] = stack[-1] | inside
            continue
        if gap > 1.5 * thickness:
            if frames:
                frames.append(_shifted(frames[-1], normal * min(thickness, gap / 2)))
                stack.append(empty)
            if gap > 2.5 * thickness:
                frames.append(_shifted(frame, -normal * thickness))
                stack.append(empty)
        frames.append(frame)
        stack.append(inside)
        before = float(normal @ at)
    frames.append(_shifted(frames[-1], normal * thickness))
    stack.append(empty)
    rows, columns = empty.shape
    layout = lay_out(frames, rows, columns)
    if layout.reversed:
        frames, stack = frames[::-1], stack[::-1]
        layout = lay_out(frames, rows, columns)
    voxels, affine, axis, _ = canonical(np.stack(stack).astype(np.int16), layout.affine)
    spacing: list[float] = [float(np.linalg.norm(affine[:3, 2 - a])) for a in range(3)]
    spacing[axis] = float(layout.spacing_mm[0] or thickness)
    return Volume(voxels, affine, (spacing[0], spacing[1], spacing[2]), axis, layout.z_mm, layout.positions_mm, has_hu=False)


def _shifted(frame: Frame, by: NDArray[np.float64]) -> Frame:
    x, y, z = (float(a + b) for a, b in zip(frame.position or (0, 0, 0), by, strict=True))
    return Frame(position=(x, y, z), orientation=frame.orientation, spacing=frame.spacing)
