"""Synthetic CT series for benchmarks: real DICOM files, uncompressed, with headers as scanners write them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

_ROOT = "1.2.826.0.1.3680043.8.498"
_PLACEHOLDER = b"999999"
"""Stands in ids for the number of the scan, which has as many digits: a header is written once and patched for each scan."""

_DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "InstanceCreationDate", "DateOfLastCalibration")
_TIMES = ("StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime", "InstanceCreationTime", "TimeOfLastCalibration")
_PLAIN: dict[str, Any] = {
    "SpecificCharacterSet": "ISO_IR 100",
    "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
    "InstanceCreatorUID": f"{_ROOT}.7",
    "AccessionNumber": "A999999",
    "Modality": "CT",
    "Manufacturer": "SIEMENS",
    "InstitutionName": "Synthetic University Hospital",
    "InstitutionAddress": "1 Phantom Street, District of Benchmarks, 00000",
    "ReferringPhysicianName": "Referring^Physician",
    "StationName": "CTAWP00001",
    "StudyDescription": "CT CHEST W CONTRAST, SYNTHETIC",
    "SeriesDescription": "Thorax 1.0 Br40 3",
    "InstitutionalDepartmentName": "Department of Radiology",
    "PerformingPhysicianName": "Performing^Physician",
    "OperatorsName": "Operator^One",
    "ManufacturerModelName": "SOMATOM Force",
    "PatientName": "Synthetic^Patient",
    "PatientID": "P999999",
    "PatientBirthDate": "19500101",
    "PatientSex": "F",
    "PatientAge": "065Y",
    "PatientSize": "1.70",
    "PatientWeight": "70",
    "ContrastBolusAgent": "Contrast",
    "BodyPartExamined": "CHEST",
    "ScanOptions": "FAST",
    "SliceThickness": "1",
    "KVP": "120",
    "DataCollectionDiameter": "500",
    "DeviceSerialNumber": "00000",
    "SoftwareVersions": "syngo CT VA50A",
    "ProtocolName": "Thorax_Routine (Adult)",
    "ReconstructionDiameter": "400",
    "DistanceSourceToDetector": "1085.6",
    "DistanceSourceToPatient": "595",
    "GantryDetectorTilt": "0",
    "TableHeight": "150",
    "RotationDirection": "CW",
    "ExposureTime": "500",
    "XRayTubeCurrent": "300",
    "Exposure": "150",
    "FilterType": "FLAT",
    "GeneratorPower": "50",
    "FocalSpots": "1.2",
    "ConvolutionKernel": ["Br40d", "3"],
    "PatientPosition": "HFS",
    "RevolutionTime": 0.5,
    "SingleCollimationWidth": 0.6,
    "TotalCollimationWidth": 57.6,
    "TableSpeed": 137.0,
    "TableFeedPerRotation": 68.4,
    "SpiralPitchFactor": 1.2,
    "DataCollectionCenterPatient": [0.0, -150.0, 100.0],
    "ReconstructionTargetCenterPatient": [0.0, -150.0, 100.0],
    "ExposureModulationType": "XYZ_EC",
    "EstimatedDoseSaving": 20.0,
    "CTDIvol": 8.5,
    "StudyInstanceUID": f"{_ROOT}.1.999999",
    "SeriesInstanceUID": f"{_ROOT}.2.999999",
    "StudyID": "1",
    "SeriesNumber": "3",
    "AcquisitionNumber": "2",
    "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
    "FrameOfReferenceUID": f"{_ROOT}.3.999999",
    "PositionReferenceIndicator": "",
    "ImageComments": "Synthetic image for benchmarks; it shows nobody",
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "PixelSpacing": ["0.78125", "0.78125"],
    "BitsAllocated": 16,
    "BitsStored": 16,
    "HighBit": 15,
    "PixelRepresentation": 1,
    "WindowCenter": ["40", "-600"],
    "WindowWidth": ["400", "1200"],
    "RescaleIntercept": "-1024",
    "RescaleSlope": "1",
    "RescaleType": "HU",
    "WindowCenterWidthExplanation": ["WINDOW1", "WINDOW2"],
    "RequestingPhysician": "Requesting^Physician",
    "RequestedProcedureDescription": "CT CHEST W CONTRAST",
    "PerformedProcedureStepStartDate": "20200101",
    "PerformedProcedureStepStartTime": "120000",
    "PerformedProcedureStepID": "A999999",
    "PerformedProcedureStepDescription": "CT CHEST W CONTRAST, SYNTHETIC",
}


@dataclass(frozen=True)
class Series:
    """Scans that differ in their ids and in one voxel a slice; noise of 12 bits elsewhere."""

    slices: int
    size: int
    """Rows and columns."""
    seed: int = 0

    def write(self, folder: Path, scans: int) -> list[Path]:
        """One subfolder a scan with one file a slice; the files in order of scan and position."""
        folders = [folder / f"scan{scan:04d}" for scan in range(scans)]
        for made in folders:
            made.mkdir(parents=True)
        paths: list[list[Path]] = [[] for _ in folders]
        for index, (head, pixels) in enumerate(self._images()):
            for scan, made in enumerate(folders):
                number = b"%06d" % (100_000 + scan)
                # The last voxel is the scan's own, so that no scan is a copy of another.
                body = pixels[:-2] + int(scan).to_bytes(2, "little")
                path = made / f"IM{index:05d}.dcm"
                path.write_bytes(head.replace(_PLACEHOLDER, number) + body)
                paths[scan].append(path)
        return [path for of_scan in paths for path in of_scan]

    def _images(self) -> Iterator[tuple[bytes, bytes]]:
        """For each slice the file's bytes up to the pixel values, and those."""
        random = np.random.default_rng(self.seed)
        for index in range(self.slices):
            pixels = random.integers(0, 4096, (self.size, self.size), dtype=np.int16).tobytes()
            buffer = DicomBytesIO()
            dcmwrite(buffer, _slice(index, self.size, pixels), enforce_file_format=True)
            yield buffer.getvalue()[: -len(pixels)], pixels


def elements_of(path: Path) -> tuple[int, int, int]:
    """Elements of a file's header, private ones among them, and bytes of the header."""
    from pydicom import dcmread

    data = dcmread(path, stop_before_pixels=True)
    every = list(data.iterall())
    return len(every), sum(element.tag.is_private for element in every), path.stat().st_size - data.Rows * data.Columns * 2


def _slice(index: int, size: int, pixels: bytes) -> Dataset:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, f"{_ROOT}.4.999999.{100_000 + index}"
    for keyword in _DATES:
        setattr(data, keyword, "20200101")
    for keyword in _TIMES:
        setattr(data, keyword, f"12{index // 60:02d}{index % 60:02d}.250000")
    for keyword, value in _PLAIN.items():
        setattr(data, keyword, value)
    data.InstanceNumber = index + 1
    data.ImagePositionPatient, data.SliceLocation = [-200, -350, -100 + index], -100 + index
    data.TablePosition = float(index)
    data.Rows = data.Columns = size
    data.ReferencedStudySequence = [_referenced("1.2.840.10008.3.1.2.3.1", 5)]
    data.ReferencedImageSequence = [_referenced(CTImageStorage, 6), _referenced(CTImageStorage, 8)]
    data.ProcedureCodeSequence = [_code("CTCHEST", "CT chest with contrast")]
    data.RequestAttributesSequence = [Dataset()]
    data.RequestAttributesSequence[0].ScheduledProcedureStepDescription = "CT CHEST W CONTRAST"
    data.RequestAttributesSequence[0].ScheduledProtocolCodeSequence = [_code("CTC", "CT chest")]
    for group, vrs in (
        (0x0019, "DS LO SL IS DS DS SL CS"),
        (0x0021, "DS IS FL OB LO IS"),
        (0x0029, "CS LO OB CS LO OB"),
        (0x0051, "LO SH LO LO"),
    ):
        block = data.private_block(group, f"SYNTHETIC CT HEADER {group:02X}", create=True)
        for offset, vr in enumerate(vrs.split()):
            block.add_new(0x10 + offset, vr, _PRIVATE[vr])
    data.PixelData = pixels
    data["PixelData"].VR = "OW"
    return data


_PRIVATE: dict[str, Any] = {
    "DS": "123.4567",
    "IS": "1024",
    "SL": 7,
    "FL": 0.25,
    "LO": "vendor's note of some length, as found",
    "SH": "SHORT",
    "CS": "CODE",
    "OB": bytes(range(256)) * 6,
}


def _referenced(sop_class: str, kind: int) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, f"{_ROOT}.{kind}.999999"
    return item


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "L", meaning
    return item
