"""Scans and images from the bytes of a request, through the readers that ingest uses, with nothing written anywhere."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ...embed.decoding import Decoded, Job
from ...store.errors import ReadError
from ...store.local_map import Located
from ...store.readers import nifti
from ...store.readers.dicom_headers import read_header
from ...store.readers.dicom_pixels import load as load_dicom
from ...store.readers.dicom_record import DicomHeader
from ...store.readers.dicom_series import group
from ...store.readers.dicom_syntax import CLASSES
from ...store.readers.pictures import pixels_of
from ...store.readers.sources import source_of
from ...store.scan import Rejected, ScanHeader, Source
from ...store.windows import Window
from .archives import GZIP, ZIP, gunzip, unzip
from .budget import Share
from .limits import Limits
from .memory_files import memory_files
from .notes import Scan, header_notes, hu_notes
from .problems import Problem

Decode = Callable[[Job], Decoded]
"""Does a job in a process of its own."""

_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
_NIFTI = ((344, b"n+1\0"), (344, b"ni1\0"), (4, b"n+2\0\r\n\x1a\n"))

# Pillow's debug lines would hold chunks of the file.
logging.getLogger("PIL").setLevel(logging.WARNING)


def read_volume(files: list[bytearray], limits: Limits, share: Share, decode: Decode, accept_hu: bool = False) -> Scan:
    """One scan: a NIfTI file, packed or not, an archive of DICOM files, or the files themselves. `files` is emptied.

    `decode` does what libraries in C parse, compressed frames. The rest is read here, which saves a copy: voxels of NIfTI and uncompressed
    DICOM are taken as they lie by numpy, once Python has read the header, and deflated ones are unpacked by zlib.

    Raises:
        Problem: 422 where it is none of these or several scans, or its values are no HU and `accept_hu` is not set; 413 where it is
            too large.
        ReadError: it cannot be read; the message holds nothing private.
    """
    if not files:
        raise Problem(422, "no file was sent; expected a scan")
    first = files[0]
    if len(files) > 1 and any(one.startswith((ZIP, GZIP)) or _is_nifti(one) for one in files):
        raise Problem(422, f"{len(files)} files were sent; expected one archive, one NIfTI file, or DICOM files alone")
    if first.startswith(ZIP):
        files[:] = unzip(first, limits)
        del first
        share.take(sum(map(len, files)))
        if len(files) > 1 and any(map(_is_nifti, files)):
            raise Problem(422, f"the archive holds a NIfTI file among {len(files)}; expected it alone, or DICOM files")
    elif first.startswith(GZIP):
        files[0] = first = gunzip(first, limits)
        share.take(len(first))
        if not _is_nifti(first):
            raise Problem(422, "the gzip stream holds no NIfTI file")
    scan = _nifti(files, limits) if _is_nifti(files[0] if files else b"") else _dicom(files, limits, decode)
    return _checked(scan, accept_hu)


def read_image(data: bytearray, exported_window: Window | None, limits: Limits, decode: Decode, accept_hu: bool = False) -> Scan:
    """A PNG or JPEG as a volume of one slice without HU, or a DICOM file of one.

    Raises:
        Problem: 422 where it is none of these, or its values are no HU and `accept_hu` is not set; 413 where it has too many pixels.
        ReadError: as `read_volume`.
    """
    if not data.startswith(_PICTURES):
        if data.startswith((ZIP, GZIP)) or _is_nifti(data):
            raise Problem(422, "expected PNG, JPEG or a DICOM file of one slice; scans go to /v1/embed/volume")
        scan = _dicom([data], limits, decode, usual=("single_slice",))
        if scan.volume.voxels.shape[scan.volume.slice_axis] != 1:
            raise Problem(422, "the DICOM file holds several slices; scans go to /v1/embed/volume")
    else:
        with memory_files([data]) as (path,):
            if pixels_of(path) > limits.max_pixels:
                raise Problem(413, f"an image has more than {limits.max_pixels} pixels")
            scan = Scan(decode(Job(Located("image", (source_of(path),), exported_window), 1)).volume)
    return _checked(scan, accept_hu)


def _is_nifti(data: bytes | bytearray) -> bool:
    return any(data[at : at + len(magic)] == magic for at, magic in _NIFTI)


def _nifti(files: list[bytearray], limits: Limits) -> Scan:
    with memory_files(files) as (path,):
        header = nifti.scan(path)
        if isinstance(header, Rejected):
            raise ReadError(header.reason)
        _check_voxels(header, limits)
        return Scan(nifti.load([Source(path)]), header_notes(header, 1, ()))


def _dicom(files: list[bytearray], limits: Limits, decode: Decode, usual: Sequence[str] = ()) -> Scan:
    with memory_files(files) as paths:
        read = [read_header(path) for path in paths]
        headers = [one for one in read if isinstance(one, DicomHeader)]
        found = group(headers)
        rejected = [*(one for one in read if isinstance(one, Rejected)), *found.rejected]
        if not found.scans:
            raise ReadError(_why(rejected))
        if len(found.scans) > 1:
            raise Problem(422, f"the files make {len(found.scans)} scans (series, or stacks of one); expected one")
        header = next(iter(found.scans))
        _check_voxels(header, limits)
        notes = header_notes(header, len(paths), rejected, usual)
        if all(CLASSES.get(one.syntax) == "native" for one in headers):
            return Scan(load_dicom(header.sources), notes)
        return Scan(decode(Job(Located("dicom", header.sources, None), len(header.slices))).volume, notes)


def _why(rejected: Sequence[Rejected]) -> str:
    reasons = Counter(one.reason for one in rejected).most_common(1)
    return f"no scan in it: {reasons[0][0]}" if reasons else "no scan in it"


def _check_voxels(header: ScanHeader, limits: Limits) -> None:
    if header.rows * header.columns > limits.max_pixels:
        raise Problem(413, f"a slice of the scan has more than {limits.max_pixels} pixels")
    if header.rows * header.columns * len(header.slices) > limits.max_voxels:
        raise Problem(413, f"the scan has more than {limits.max_voxels} voxels")


def _checked(scan: Scan, accept_hu: bool) -> Scan:
    lowest, highest = scan.volume.voxels.min(), scan.volume.voxels.max()
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise ReadError("the scan holds values that are not finite numbers (NaN or infinite)")
    if lowest == highest:
        raise ReadError("every voxel of the scan has the same value")
    return replace(scan, notes=(*scan.notes, *hu_notes(scan.volume, accept_hu=accept_hu)))
