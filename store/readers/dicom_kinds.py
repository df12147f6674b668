"""Which DICOM objects are CT images to be read, and why the others are left out."""

from __future__ import annotations

from collections.abc import Collection, Sequence

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED = frozenset({"1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"})
"""Enhanced CT, and legacy converted enhanced CT: geometry in functional groups."""

_CT = {CT_IMAGE} | ENHANCED
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_DIRECTORY = "1.2.840.10008.1.3.10"

# Only names of this list are ever repeated in a message: the element itself could hold anything.
_MODALITIES = frozenset(
    {
        "AR", "AU", "BDUS", "BI", "BMD", "CR", "DG", "DOC", "DX", "ECG", "EPS", "ES", "FID", "GM", "HC", "HD", "IO", "IOL", "IVOCT",
        "IVUS", "KER", "KO", "LEN", "LS", "M3D", "MG", "MR", "NM", "OAM", "OCT", "OP", "OPM", "OPT", "OPV", "OSS", "OT", "PLAN", "PR",
        "PT", "PX", "REG", "RESP", "RF", "RG", "RTDOSE", "RTIMAGE", "RTPLAN", "RTRECORD", "RTSTRUCT", "RWV", "SEG", "SM", "SMR", "SR",
        "SRF", "STAIN", "TEXTUREMAP", "TG", "US", "VA", "XA", "XC",
    }
)  # fmt: skip
_LOCALIZER = frozenset({"LOCALIZER", "SCOUT", "TOPOGRAM", "SURVIEW", "SCANOGRAM", "SCANO"})
_SCREEN = frozenset({"SCREEN SAVE", "SCREENSAVE", "PATIENT PROTOCOL", "PROTOCOL"})
_PARAMETRIC = frozenset(
    {
        "PERFUSION", "RCBF", "RCBV", "RMTT", "RTTP", "CBF", "CBV", "MTT", "TTP", "TMAX", "TTD", "PBV", "PBP", "PERMEABILITY",
        "FLOW_EXTRACTION", "IODINE_MAP", "ZEFF", "EFFECTIVE_Z",
    }
)  # fmt: skip
_RENDERED = frozenset({"VOLUME RENDER", "VOLUME RENDERING", "RENDERING", "VRT", "SSD"})
HU_RESCALE = frozenset({"", "HU", "US", "HU_MOD"})
"""Values of RescaleType (DICOM PS3.3 section C.11.1.1.2) that stand for HU; `US` is unspecified."""


def why_left_out(
    modality: str, sop_class: str, image_type: Sequence[str], has_image: bool, samples: int, photometric: str, rescale: str
) -> str | None:
    """The reason to leave an object out, None for a CT image.

    Args:
        modality: of (0008,0060).
        sop_class: SOP class UID, of the data set or else of the file meta information.
        image_type: values of ImageType in upper case.
        has_image: whether it has rows, columns or pixel data.
        samples: SamplesPerPixel.
        photometric: PhotometricInterpretation.
        rescale: RescaleType; '' where missing.
    """
    if sop_class == _DIRECTORY:
        return "a DICOMDIR: an index of files, not an image"
    if modality != "CT" and (modality or sop_class not in _CT):
        named = modality if modality in _MODALITIES else "unknown" if modality else "not given"
        return f"not a CT image: modality {named}"
    if not has_image and sop_class not in _CT:
        return "not an image"
    if sop_class == _SECONDARY_CAPTURE or sop_class.startswith(_SECONDARY_CAPTURE + "."):
        return "a secondary capture, not a CT image"
    if samples > 1 or (photometric and not photometric.startswith("MONOCHROME")):
        return "a colour image, not CT numbers"
    return why_type_left_out(image_type) or ("a map of another quantity than HU (RescaleType)" if rescale not in HU_RESCALE else None)


def why_type_left_out(image_type: Collection[str]) -> str | None:
    """The reason to leave an image out that its ImageType or FrameType gives."""
    kinds = set(image_type)
    if kinds & _LOCALIZER or any(kind.endswith(" TOP") for kind in kinds):
        return "a localizer (ImageType)"
    if kinds & _SCREEN or any("DOSE" in kind or kind.endswith(" PROT") for kind in kinds):
        return "a dose or protocol screen (ImageType)"
    if kinds & _PARAMETRIC:
        return "a parametric map, not HU (ImageType)"
    if kinds & _RENDERED:
        return "a rendering, not slices (ImageType)"
    return None
