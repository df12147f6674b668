"""Masks as one DICOM Segmentation a series (PS3.3 A.51), through highdicom: a segment for each finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import Segmentation, SegmentDescription
from highdicom.sr import CodedConcept
from numpy.typing import NDArray
from pydicom import dcmwrite
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from .dicom import NOTICE, file_meta
from .uids import uid

_SERIES = 100
"""SeriesNumber of a segmentation above that of its images."""

_ABNORMAL = Code("49755003", "SCT", "Morphologically Abnormal Structure")
_OBJECT = Code("260787004", "SCT", "Physical object")
_HEMORRHAGE = Code("50960005", "SCT", "Hemorrhage")

_TYPES: dict[str, Code] = {
    "nodule": Code("27925004", "SCT", "Nodule"),
    "mass": Code("4147007", "SCT", "Mass"),
    "ground_glass_opacity": Code("112120", "DCM", "Ground glass opacity"),
    "pleural_effusion": Code("60046008", "SCT", "Pleural effusion"),
    "pneumothorax": Code("36118008", "SCT", "Pneumothorax"),
    "cardiomegaly": Code("287272002", "SCT", "Cardiomegaly"),
    "pericardial_effusion": Code("373945007", "SCT", "Pericardial effusion"),
    "lymphadenopathy": Code("30746006", "SCT", "Lymphadenopathy"),
    "medical_device": Code("40388003", "SCT", "Implant, device"),
    "intraparenchymal": _HEMORRHAGE,
    "subarachnoid": _HEMORRHAGE,
    "intraventricular": _HEMORRHAGE,
    "subdural": _HEMORRHAGE,
    "epidural": _HEMORRHAGE,
    "edema": Code("79654002", "SCT", "Edema"),
}
"""Codes of PS3.16. A finding that has none there is named by a code of our own."""
_OWN_SCHEME = "99SCANBANK"


def type_of(finding: str) -> Code:
    """SegmentedPropertyTypeCodeSequence of a finding."""
    return _TYPES.get(finding) or Code(finding.upper()[:16], _OWN_SCHEME, finding.replace("_", " ").capitalize())


def write_seg(path: Path, images: Sequence[Dataset], masks: Mapping[str, NDArray[np.bool_]]) -> None:
    """Write a BINARY segmentation; frames without a voxel are omitted.

    Args:
        path: the file.
        images: the series' data sets, in the order of the masks' slices; pixels are not needed.
        masks: finding to (slices, rows, columns); at least one, none empty.
    """
    first = images[0]
    maker = AlgorithmIdentificationSequence("scanbank phantom", Code("SIMULATION", _OWN_SCHEME, "Simulation"), "1")
    segments = [
        SegmentDescription(
            segment_number=number,
            segment_label=finding,
            segmented_property_category=_concept(_OBJECT if finding == "medical_device" else _ABNORMAL),
            segmented_property_type=_concept(type_of(finding)),
            algorithm_type="AUTOMATIC",
            algorithm_identification=maker,
            tracking_uid=uid(first.SeriesInstanceUID, "segment", finding),
            tracking_id=finding,
        )
        for number, finding in enumerate(masks, 1)
    ]
    made = Segmentation(
        source_images=images,
        pixel_array=np.stack(list(masks.values()), axis=-1),
        segmentation_type="BINARY",
        segment_descriptions=segments,
        series_instance_uid=uid(first.SeriesInstanceUID, "segmentation"),
        series_number=_SERIES + int(first.SeriesNumber),
        sop_instance_uid=uid(first.SeriesInstanceUID, "segmentation", 1),
        instance_number=1,
        manufacturer="scanbank",
        manufacturer_model_name="scanbank phantom",
        software_versions="1",
        device_serial_number="1",
        content_label="TRUTH",
        content_description=NOTICE,
        content_creator_name="scanbank^phantom",
        series_description="Truth of a synthetic phantom",
    )
    _forget_now(made, first)
    made.file_meta = file_meta(made)
    dcmwrite(path, made, enforce_file_format=True)


def _concept(code: Code) -> CodedConcept:
    return CodedConcept(code.value, code.scheme_designator, code.meaning)


def _forget_now(made: Dataset, image: Dataset) -> None:
    """Dates and UIDs that were taken from the clock and from chance become those of the study."""
    for kind in ("Date", "Time"):
        for stage in ("Content", "Series", "InstanceCreation"):
            setattr(made, f"{stage}{kind}", image[f"Study{kind}"].value)
    for item in made.ContributingEquipmentSequence:
        item.ContributionDateTime = image.StudyDate + image.StudyTime
    organization = uid(made.SOPInstanceUID, "dimensions")
    for item in (*made.DimensionOrganizationSequence, *made.DimensionIndexSequence):
        item.DimensionOrganizationUID = organization
