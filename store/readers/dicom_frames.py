"""The frames of an enhanced multi-frame CT: geometry and rescale from functional groups (DICOM PS3.3 section C.7.6.16)."""

from __future__ import annotations

from typing import Any, BinaryIO

from pydicom import Dataset, dcmread

from .dicom_elements import BadElementsError, quiet
from .dicom_kinds import HU_RESCALE, why_type_left_out
from .dicom_record import Frame
from .dicom_values import BadValueError

_SHARED, _PER_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"


def read_frames(file: BinaryIO, count: int) -> tuple[tuple[Frame, ...], bool, str | None]:
    """The frames to be read, whether each has a rescale, and why none is read (None where some are).

    Raises:
        BadElementsError: the functional groups cannot be parsed.
        BadValueError: their number or a value in them is wrong.
    """
    file.seek(0)
    try:
        with quiet():
            data = dcmread(file, stop_before_pixels=True, force=True, specific_tags=[_SHARED, _PER_FRAME])
            shared = (data.get(_SHARED) or [Dataset()])[0]
            groups = list(data.get(_PER_FRAME) or ())
    except Exception as error:  # a parser on hostile bytes may raise anything
        raise BadElementsError(f"its functional groups cannot be read ({type(error).__name__})") from error
    if not groups:
        return (), False, "several frames in one file without geometry of their own"
    if len(groups) != count:
        raise BadValueError(f"functional groups for {len(groups)} frames where NumberOfFrames says {count}")
    try:
        with quiet():
            read = [_frame(index, group, shared) for index, group in enumerate(groups)]
    except Exception as error:  # values are converted on access, by pydicom
        raise BadValueError(f"a functional group holds a value of the wrong kind ({type(error).__name__})") from error
    kept = tuple(frame for frame, _, reason in read if reason is None)
    return kept, all(rescaled for _, rescaled, _ in read), None if kept else next(reason for _, _, reason in read)


def _frame(index: int, own: Dataset, shared: Dataset) -> tuple[Frame, bool, str | None]:
    def value(group: str, name: str) -> Any:
        for source in (own, shared):
            items = source.get(group)
            if items and items[0].get(name) is not None:
                return items[0].get(name)
        return None

    def text(group: str, name: str) -> str:
        found = value(group, name)
        return "" if found is None else str(found)

    def numbers(group: str, name: str, count: int) -> tuple[float, ...] | None:
        found = value(group, name)
        if found is None or found == "":
            return None
        listed = tuple(float(part) for part in found)
        if len(listed) != count or not all(abs(number) < 1e9 for number in listed):
            raise BadValueError(name)
        return listed

    position = numbers("PlanePositionSequence", "ImagePositionPatient", 3)
    spacing = numbers("PixelMeasuresSequence", "PixelSpacing", 2)
    slope = value("PixelValueTransformationSequence", "RescaleSlope")
    intercept = value("PixelValueTransformationSequence", "RescaleIntercept")
    rescale = text("PixelValueTransformationSequence", "RescaleType")
    kinds = value("CTImageFrameTypeSequence", "FrameType") or ()
    frame = Frame(
        index=index,
        position=None if position is None else (position[0], position[1], position[2]),
        orientation=numbers("PlaneOrientationSequence", "ImageOrientationPatient", 6),
        spacing=(spacing[0], spacing[1]) if spacing and min(spacing) > 0 else None,
        slope=1.0 if slope is None else float(slope),
        intercept=0.0 if intercept is None else float(intercept),
        number=index + 1,
        phases=(
            text("FrameContentSequence", "StackID"),
            text("CTReconstructionSequence", "ConvolutionKernel"),
            text("FrameContentSequence", "FrameAcquisitionNumber"),
            text("FrameContentSequence", "TemporalPositionIndex"),
            text("FrameContentSequence", "FrameAcquisitionDateTime"),
            text("FrameContentSequence", "FrameReferenceDateTime"),
        ),
    )
    reason = why_type_left_out([kinds.upper()] if isinstance(kinds, str) else [str(kind).upper() for kind in kinds])
    if reason is None and rescale.upper() not in HU_RESCALE:
        reason = "a map of another quantity than HU (RescaleType)"
    return frame, slope is not None, reason
