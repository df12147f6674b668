"""Synthetic DICOM files for tests, written with pydicom: series of single-frame CT, and enhanced multi-frame CT."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    generate_uid,
)

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_NATIVE = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)


def uid_of(*parts: object) -> str:
    """A UID that depends on `parts` alone."""
    return generate_uid(entropy_srcs=[str(part) for part in parts])


def stored_values(n: int, shape: tuple[int, int], seed: int = 0) -> NDArray[np.int16]:
    """(n, rows, columns) stored values of 12 bits; no plane is like another."""
    return np.random.default_rng(seed).integers(0, 4096, (n, *shape)).astype(np.int16)


def write_series(
    folder: Path,
    *,
    n: int = 5,
    shape: tuple[int, int] = (16, 12),
    positions: Sequence[Sequence[float] | None] | None = None,
    orientation: Sequence[float] | None = AXIAL,
    step: float = 2.0,
    spacing: tuple[float, float] | None = (0.75, 0.5),
    slope: float | None = 1.0,
    intercept: float | None = -1024.0,
    transfer_syntax: str = ExplicitVRLittleEndian,
    patient_id: str = "patient",
    study_uid: str | None = None,
    series_uid: str | None = None,
    modality: str = "CT",
    seed: int = 0,
    voxels: NDArray[Any] | None = None,
    bits_stored: int = 16,
    prefix: str = "slice",
    number_from: int = 1,
    elements: Sequence[dict[str, Any]] | None = None,
    encoder_options: dict[str, Any] | None = None,
    **extra_elements: Any,
) -> list[Path]:
    """Write one file per slice and return the paths, in the order of `positions`.

    Args:
        folder: made where missing.
        n: slices; `voxels` and `positions` overrule it.
        shape: (rows, columns).
        positions: LPS mm of each first voxel; by default `step` apart along the normal from (-50, -60, 100). A None in it
            leaves ImagePositionPatient out.
        orientation: six cosines; None leaves ImageOrientationPatient out.
        step: mm between slices where `positions` is not given.
        spacing: mm (between rows, between columns); None leaves PixelSpacing out.
        slope: RescaleSlope; None leaves it out, as for `intercept`.
        intercept: RescaleIntercept.
        transfer_syntax: native ones are written, others encoded by pydicom.
        patient_id: PatientID.
        study_uid: by default made of patient and seed, as `series_uid`; '' leaves it out.
        series_uid: SeriesInstanceUID.
        modality: Modality.
        seed: of the voxels and the UIDs.
        voxels: (n, rows, columns) stored values; their dtype gives bits and sign.
        bits_stored: BitsStored.
        prefix: of the file names.
        number_from: InstanceNumber of the first.
        elements: keyword to value, one dict per slice.
        encoder_options: for lossy transfer syntaxes, such as `j2k_cr=[4]` or `jls_error=3`.
        extra_elements: keyword to value for every slice; None deletes the element.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if voxels is None:
        voxels = stored_values(len(positions) if positions is not None else n, shape, seed)
    study = uid_of("study", patient_id, seed) if study_uid is None else study_uid
    series = uid_of("series", patient_id, seed) if series_uid is None else series_uid
    places = default_positions(len(voxels), orientation or AXIAL, step) if positions is None else positions
    paths = []
    for k, pixels in enumerate(voxels):
        data = _image(pixels, bits_stored)
        data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, uid_of("image", patient_id, series, seed, prefix, k)
        data.PatientID, data.PatientName, data.Modality = patient_id, "Doe^Jane", modality
        data.StudyInstanceUID, data.SeriesInstanceUID = study, series
        data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        data.InstanceNumber = number_from + k
        place = places[k]
        data.ImagePositionPatient = None if place is None else [f"{x:.6f}" for x in place]
        data.ImageOrientationPatient = None if orientation is None else [f"{c:.9f}" for c in orientation]
        data.PixelSpacing = None if spacing is None else list(spacing)
        data.SliceThickness = 99  # wrong on purpose: nothing may use it
        data.RescaleSlope, data.RescaleIntercept = slope, intercept
        for keyword, value in {**extra_elements, **(elements[k] if elements else {})}.items():
            setattr(data, keyword, value)
        for name in [element.keyword for element in data if element.value is None or element.value == ""]:
            delattr(data, name)
        path = folder / f"{prefix}{k:03d}.dcm"
        save(data, path, transfer_syntax, **(encoder_options or {}))
        paths.append(path)
    return paths


def write_enhanced(
    path: Path,
    *,
    positions: Sequence[Sequence[float]] | None,
    shape: tuple[int, int] = (16, 12),
    orientation: Sequence[float] = AXIAL,
    spacing: tuple[float, float] = (0.75, 0.5),
    rescale: Sequence[tuple[float, float]] = ((1.0, -1024.0),),
    temporal: Sequence[int] | None = None,
    transfer_syntax: str = ExplicitVRLittleEndian,
    patient_id: str = "patient",
    seed: int = 0,
    voxels: NDArray[Any] | None = None,
    **extra_elements: Any,
) -> Path:
    """Write an enhanced multi-frame CT, one frame per position.

    Orientation and pixel spacing are shared, positions per frame; one pair (slope, intercept) in `rescale` is shared, more
    are per frame. `temporal` gives TemporalPositionIndex per frame. `positions` None writes no functional groups at all.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    count = len(positions) if positions is not None else 2
    if voxels is None:
        voxels = stored_values(count, shape, seed)
    data = _image(voxels, 16)
    data.SOPClassUID, data.SOPInstanceUID = EnhancedCTImageStorage, uid_of("enhanced", patient_id, seed)
    data.PatientID, data.Modality, data.InstanceNumber = patient_id, "CT", 1
    data.StudyInstanceUID, data.SeriesInstanceUID = uid_of("study", patient_id, seed), uid_of("series", patient_id, seed)
    data.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    data.NumberOfFrames = count
    if positions is not None:
        shared = Dataset()
        shared.PlaneOrientationSequence = [_item(ImageOrientationPatient=[f"{c:.9f}" for c in orientation])]
        shared.PixelMeasuresSequence = [_item(PixelSpacing=list(spacing), SliceThickness=99)]
        groups = []
        for index, position in enumerate(positions):
            own = Dataset()
            own.PlanePositionSequence = [_item(ImagePositionPatient=[f"{x:.6f}" for x in position])]
            own.FrameContentSequence = [_item(**({} if temporal is None else {"TemporalPositionIndex": temporal[index]}))]
            slope, intercept = rescale[index % len(rescale)]
            pair = [_item(RescaleSlope=slope, RescaleIntercept=intercept, RescaleType="HU")]
            (shared if len(rescale) == 1 else own).PixelValueTransformationSequence = pair
            groups.append(own)
        data.SharedFunctionalGroupsSequence, data.PerFrameFunctionalGroupsSequence = [shared], groups
    for keyword, value in extra_elements.items():
        setattr(data, keyword, value)
    save(data, path, transfer_syntax)
    return path


def default_positions(n: int, orientation: Sequence[float] = AXIAL, step: float = 2.0) -> list[tuple[float, float, float]]:
    """`n` positions from (-50, -60, 100), `step` mm apart along row x column."""
    normal = np.cross(orientation[:3], orientation[3:])
    return [tuple(np.array([-50.0, -60.0, 100.0]) + k * step * normal) for k in range(n)]


def save(data: Dataset, path: Path, transfer_syntax: str, **encoder_options: Any) -> None:
    """Write a data set as a file in a transfer syntax, compressed where it is one that compresses (JPEG 2000: from 32 x 32 on)."""
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID, data.file_meta.MediaStorageSOPInstanceUID = data.SOPClassUID, data.SOPInstanceUID
    data.file_meta.TransferSyntaxUID = UID(transfer_syntax) if transfer_syntax in _NATIVE else ExplicitVRLittleEndian
    if transfer_syntax == ExplicitVRBigEndian:
        data.PixelData = np.frombuffer(data.PixelData, f"u{data.BitsAllocated // 8}").byteswap().tobytes()
    if transfer_syntax not in _NATIVE:
        data.compress(transfer_syntax, generate_instance_uid=False, **encoder_options)
    dcmwrite(path, data, enforce_file_format=True)


def _image(pixels: NDArray[Any], bits_stored: int) -> Dataset:
    data = Dataset()
    data.Rows, data.Columns = pixels.shape[-2:]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = 8 * pixels.dtype.itemsize
    data.BitsStored = min(bits_stored, data.BitsAllocated)
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    data.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    data["PixelData"].VR = "OW" if data.BitsAllocated > 8 else "OB"
    return data


def _item(**elements: Any) -> Dataset:
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item
