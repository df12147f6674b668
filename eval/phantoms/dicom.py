"""A series as CT images in DICOM (PS3.3 A.3): the header is made once, and for each image only what differs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from ...store.windows import PRESETS
from .acquire import LOWEST_HU, corner_mm, row_direction
from .model import Acquired, Series, Study
from .seeds import generator
from .uids import uid

NOTICE = "Synthetic phantom made by scanbank. No patient."
IMPLEMENTATION = UID(uid("scanbank", "phantoms"))
BITS = 12

_WINDOWS = {"chest": ("mediastinum", "lung"), "head": ("brain", "bone")}
"""The window shown first with the soft and with the sharp kernel; the other one second."""
_BODY_PARTS = {"chest": "CHEST", "head": "HEAD"}


def write_images(folder: Path, study: Study, acquired: Acquired) -> list[Dataset]:
    """Write IM0001.dcm and so on into a new folder, in the order of InstanceNumber (Explicit VR Little Endian).

    Returns:
        The images' data sets without pixels, which derived objects refer to.
    """
    folder.mkdir(parents=True)
    images = headers(study, acquired)
    for number, (image, hu) in enumerate(zip(images, acquired.hu, strict=True), 1):
        full = _like(image)
        full.PixelData = (hu - np.int16(LOWEST_HU)).astype("<u2").tobytes()
        full["PixelData"].VR = "OW"
        full.file_meta = image.file_meta
        dcmwrite(folder / image_name(number), full, enforce_file_format=True)
    return images


def image_name(number: int) -> str:
    """The file of an image by its InstanceNumber."""
    return f"IM{number:04d}.dcm"


def headers(study: Study, acquired: Acquired) -> list[Dataset]:
    """One data set for each image, without pixels."""
    series = acquired.series
    common = _of_study(study)
    common.update(_of_series(study, series))
    common.update(_of_pixels(series, acquired.hu))
    return [_image(common, series, index) for index in range(len(acquired.hu))]


def _of_study(study: Study) -> Dataset:
    """Patient, General Study, Patient Study, Frame of Reference and General Equipment modules."""
    patient, source = study.patient, study.source
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.PatientName = f"PHANTOM^{patient.cohort.upper()}^{patient.number:05d}"
    made.PatientID = patient.id
    made.IssuerOfPatientID = "SCANBANK PHANTOMS"
    made.PatientBirthDate = ""
    made.PatientSex = patient.sex
    made.PatientAge = f"{study.age:03d}Y"
    made.PatientComments = NOTICE
    made.QualityControlSubject = "YES"
    made.StudyInstanceUID = study.uid
    made.StudyDate = made.SeriesDate = made.AcquisitionDate = made.ContentDate = f"{study.day:%Y%m%d}"
    made.StudyTime = made.SeriesTime = made.AcquisitionTime = made.ContentTime = _time_of(study)
    made.AccessionNumber = study.accession
    made.StudyID = str(study.number)
    made.StudyDescription = f"CT {_BODY_PARTS[patient.cohort]}{' with contrast' if study.contrast else ''} (synthetic phantom)"
    made.ReferringPhysicianName = ""
    made.FrameOfReferenceUID = uid(study.uid, "frame of reference")
    made.PositionReferenceIndicator = ""
    made.Manufacturer = source.maker
    made.ManufacturerModelName = source.model
    made.InstitutionName = f"Synthetic department {source.name}"
    made.SoftwareVersions = "scanbank"
    return made


def _time_of(study: Study) -> str:
    seconds = int(generator(study.seed, "time").integers(7 * 3600, 21 * 3600))
    return f"{seconds // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}"


def _of_series(study: Study, series: Series) -> Dataset:
    """General Series, Contrast/Bolus, CT Image and VOI LUT modules, as far as all images share them."""
    cohort = study.patient.cohort
    made = Dataset()
    made.Modality = "CT"
    made.SeriesInstanceUID = series.uid
    made.SeriesNumber = series.number
    made.SeriesDescription = f"{_BODY_PARTS[cohort].title()} {series.thickness_mm:g} mm {series.kernel}, synthetic phantom"
    made.ProtocolName = f"Synthetic {cohort}"
    made.BodyPartExamined = _BODY_PARTS[cohort]
    made.PatientPosition = "HFS"
    if study.contrast:
        made.ContrastBolusAgent = "Iodine, synthetic"
        made.ContrastBolusRoute = "INTRAVENOUS"
    made.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    made.AcquisitionNumber = 1
    made.ImageComments = NOTICE
    made.BurnedInAnnotation = "NO"
    made.LossyImageCompression = "00"
    made.KVP = str(study.source.kvp)
    made.ConvolutionKernel = series.kernel
    made.SliceThickness = f"{series.thickness_mm:g}"
    made.ReconstructionDiameter = f"{series.fov_mm:.3f}"
    made.GantryDetectorTilt = f"{series.tilt_deg:.3f}"
    made.RescaleIntercept, made.RescaleSlope, made.RescaleType = str(LOWEST_HU), "1", "HU"
    names = _WINDOWS[cohort][:: -1 if series.sharp else 1]
    windows = [PRESETS[name] for name in names]
    made.WindowCenter = [f"{(window.lo + window.hi) / 2:g}" for window in windows]
    made.WindowWidth = [f"{window.hi - window.lo:g}" for window in windows]
    made.WindowCenterWidthExplanation = [name.upper() for name in names]
    return made


def _of_pixels(series: Series, hu: NDArray[np.int16]) -> Dataset:
    """Image Plane and Image Pixel modules, as far as all images share them."""
    made = Dataset()
    made.PixelSpacing = [f"{series.pixel_mm:.9f}"] * 2
    made.ImageOrientationPatient = [f"{value:.9f}" for value in (1.0, 0.0, 0.0, *row_direction(series))]
    made.Rows, made.Columns = hu.shape[1:]
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, BITS, BITS - 1, 0
    return made


def _image(common: Dataset, series: Series, index: int) -> Dataset:
    """SOP Common, General Image and Image Plane of one image; it shares the elements of `common`."""
    made = _like(common)
    made.SOPClassUID = CTImageStorage
    made.SOPInstanceUID = uid(series.uid, index + 1)
    made.InstanceNumber = index + 1
    made.ImagePositionPatient = [f"{value:.6f}" for value in corner_mm(series, index)]
    made.SliceLocation = f"{series.positions_mm[index]:.3f}"
    made.file_meta = file_meta(made)
    return made


def _like(data: Dataset) -> Dataset:
    """A data set that shares the elements of another and can be given more."""
    made = Dataset()
    made.update(data)
    return made


def file_meta(data: Dataset) -> FileMetaDataset:
    """Of a file that this code writes: the same whatever wrote the bytes."""
    made = FileMetaDataset()
    made.MediaStorageSOPClassUID, made.MediaStorageSOPInstanceUID = data.SOPClassUID, data.SOPInstanceUID
    made.TransferSyntaxUID = ExplicitVRLittleEndian
    made.ImplementationClassUID, made.ImplementationVersionName = IMPLEMENTATION, "SCANBANK"
    return made
