"""Damaged and lying scans, each made of its number alone: what a disk, a network, a bad writer or an attacker leaves."""

from __future__ import annotations

import gzip
import random
import struct
import warnings
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import h5py
import imagecodecs
import nibabel
import numpy as np
from PIL import Image
from pydicom import DataElement, Dataset, dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from dicom_files import default_positions, stored_values, write_enhanced, write_series

JPEG = "1.2.840.10008.1.2.4."
SYNTAXES = (
    ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, RLELossless, JPEG2000Lossless,
    JPEGLSLossless, *(JPEG + last for last in ("50", "51", "57", "70", "201")),
)  # fmt: skip
SHAPE = (40, 36)
_SHORTS = (0, 1, 3, 7, 12, 13, 17, 32, 33, 64, 255, 4096, 32767, 65535)
_COUNTS = ("0", "1", "2", "5", "-1", "65536", "2147483647", "99999999999999", "1e9", "x", "")


def make(seed: int, folder: Path) -> Path:
    """One damaged file in `folder`, made where missing; the same seed makes the same bytes."""
    rng = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    whole, damages = rng.choice(KINDS)
    with warnings.catch_warnings(action="ignore"):  # pydicom's, of what it is made to write
        path = whole(folder, rng, seed)
        data = path.read_bytes()
        for _ in range(rng.choice((1, 1, 1, 2))):
            data = rng.choice(damages)(data, rng)
    path.write_bytes(data)
    return path


def _native_or_compressed(folder: Path, rng: random.Random, seed: int) -> Path:
    syntax = rng.choice(SYNTAXES)
    plain = not syntax.startswith(JPEG) or syntax in (JPEG2000Lossless, JPEGLSLossless)
    (path,) = write_series(folder, n=1, shape=SHAPE, seed=seed, patient_id=f"p{seed}", transfer_syntax=syntax if plain else RLELossless)
    if not plain:
        data = dcmread(path)
        pixels = stored_values(1, SHAPE, seed)[0].astype(np.uint16)
        last = syntax.rpartition(".")[2]
        if last == "50":
            data.BitsAllocated, data.BitsStored, data.HighBit = 8, 8, 7
            frame = imagecodecs.jpeg8_encode((pixels >> 4).astype(np.uint8))
        elif last == "51":
            data.BitsStored, data.HighBit = 12, 11
            frame = imagecodecs.jpeg8_encode(pixels, bitspersample=12)
        elif last == "201":
            data.BitsStored, data.HighBit = 12, 11
            frame = imagecodecs.htj2k_encode(pixels)
        else:
            data.BitsStored, data.HighBit = 16, 15
            frame = imagecodecs.ljpeg_encode(pixels, bitspersample=16)
        data.PixelRepresentation = 0
        data.PixelData = encapsulate([bytes(frame)])
        data["PixelData"].VR = "OB"
        data.file_meta.TransferSyntaxUID = UID(syntax)
        data.save_as(path, enforce_file_format=True)
    return path


def _enhanced(folder: Path, rng: random.Random, seed: int) -> Path:
    syntax = rng.choice((ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, RLELossless, JPEG2000Lossless))
    voxels = stored_values(3, SHAPE, seed)
    return write_enhanced(
        folder / "e.dcm", positions=default_positions(3), voxels=voxels, seed=seed, patient_id=f"p{seed}", transfer_syntax=syntax
    )


def _nifti(folder: Path, rng: random.Random, seed: int) -> Path:
    kind = rng.choice((nibabel.Nifti1Image, nibabel.Nifti2Image))
    dtype = rng.choice((np.int16, np.float32, np.uint8))
    array = np.random.default_rng(seed).integers(0, 200, (12, 10, 8)).astype(dtype)
    path = folder / rng.choice(("a.nii", "a.nii.gz"))
    nibabel.save(kind(array, np.diag([0.7, 0.7, 2, 1])), path)
    return path


def _hdf5(folder: Path, rng: random.Random, seed: int) -> Path:
    with h5py.File(folder / "a.h5", "w") as file:
        voxels = np.random.default_rng(seed).integers(-1000, 1000, (8, 16, 16)).astype(np.int16)
        options = rng.choice(({}, {"compression": "gzip", "chunks": (2, 16, 16)}, {"compression": "lzf"}))
        file.create_dataset("volume", data=voxels, **options).attrs["spacing_mm"] = (2.0, 1.0, 1.0)
    return folder / "a.h5"


def _picture(folder: Path, rng: random.Random, seed: int) -> Path:
    path = folder / rng.choice(("1.png", "1.jpg", "1.tif", "1.bmp"))
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (24, 20)).astype(np.uint8)).save(path)
    return path


def _flip(data: bytes, rng: random.Random, end: int | None = None) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 4, 40))):
        if out:
            out[rng.randrange(min(len(out), end or len(out)))] ^= 1 << rng.randrange(8)
    return bytes(out)


def _flip_head(data: bytes, rng: random.Random) -> bytes:
    return _flip(data, rng, 600)


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))] if rng.random() < 0.7 and data else data[: max(0, len(data) - rng.randrange(1, 20))]


def _splice(data: bytes, rng: random.Random) -> bytes:
    """A block of zeros, ones, noise or other bytes of the file over a part of it, or between."""
    length, at = rng.choice((2, 16, 512)), rng.randrange(max(1, len(data)))
    start = rng.randrange(max(1, len(data)))
    block = rng.choice((b"\0" * length, b"\xff" * length, rng.randbytes(length), data[start : start + length]))
    return data[:at] + block + data[at + rng.choice((0, length)) :]


def _lie_dicom(data: bytes, rng: random.Random) -> bytes:
    """The data set is parsed, a number or word in it replaced, and written again; where that fails, bytes are flipped."""
    try:
        dataset = dcmread(BytesIO(data))
        for _ in range(rng.choice((1, 2, 3))):
            _lie(dataset, rng)
        out = BytesIO()
        dataset.save_as(out, enforce_file_format=False, overwrite=True)
        return out.getvalue()
    except Exception:  # noqa: BLE001 - what is damaged already may not be parsed
        return _flip(data, rng)


def _lie(dataset: Dataset, rng: random.Random) -> None:
    words = {
        "PhotometricInterpretation": ("MONOCHROME1", "RGB", "PALETTE COLOR", "YBR_FULL_422", "\\", ""),
        "NumberOfFrames": _COUNTS,
        "RescaleSlope": ("0", "-1", "1e300", "nan", "x", "1E-30", "3.5"),
        "RescaleIntercept": ("1e30", "-inf", "", "99999"),
        "PixelSpacing": ("0\\0", "1e9\\1e-9", "-1\\1", "nan\\1", "1"),
        "ImagePositionPatient": ("nan\\0\\0", "1e12\\0\\0", "0\\0", "0\\0\\0\\0"),
        "ImageOrientationPatient": ("1\\0\\0\\1\\0\\0", "0\\0\\0\\0\\0\\0", "nan\\0\\0\\0\\1\\0", "1\\1\\1\\1\\1\\1"),
    }
    shorts = ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel", "PlanarConfiguration")
    name = rng.choice((*words, *shorts, *shorts, "SmallestImagePixelValue", "PixelPaddingValue", "fragments", "fragments", "syntax"))
    if name in words:
        dataset[name] = dataset.data_element(name) or Dataset().__class__().setdefault(name, None)
        # as text, which pydicom would not write for a number
        dataset[name] = DataElement(tag_for_keyword(name) or 0, "LO", rng.choice(words[name]))
    elif name in shorts or name.endswith("PixelValue") or name.endswith("PaddingValue"):
        setattr(dataset, name, rng.choice(_SHORTS))
    elif name == "syntax":
        dataset.file_meta.TransferSyntaxUID = UID(rng.choice((*SYNTAXES, "1.2.840.10008.1.2.4.100", "1.2.3", "")))
    else:
        _lie_in_fragments(dataset, rng)


def _lie_in_fragments(dataset: Dataset, rng: random.Random) -> None:
    """Lengths and offsets of encapsulated frames, or too much or little of native ones."""
    pixels = dataset.PixelData
    if not dataset.file_meta.TransferSyntaxUID.is_compressed:
        dataset.PixelData = rng.choice((b"", pixels[:2], pixels * 3, pixels[:-2]))
        return
    frames = list(generate_frames(pixels, number_of_frames=int(dataset.get("NumberOfFrames", 1) or 1)))
    choice = rng.randrange(5)
    if choice == 0:
        table = struct.pack(f"<{len(frames)}L", *(rng.choice((0, 1, 7, 0xFFFFFFFF, 0x7FFFFFFF, 64)) for _ in frames))
        body = encapsulate(frames, has_bot=False)[8:]
        dataset.PixelData = b"\xfe\xff\x00\xe0" + struct.pack("<L", len(table)) + table + body
    elif choice == 1:
        dataset.PixelData = encapsulate(frames, has_bot=False, fragments_per_frame=rng.choice((2, 3, 5)))
    elif choice == 2:
        dataset.PixelData = encapsulate([frame[: rng.randrange(len(frame) + 1)] or b"\0\0" for frame in frames])
    elif choice == 3:
        dataset.PixelData = encapsulate([_flip(frame, rng, 40) for frame in frames])
    else:
        out = bytearray(pixels)
        struct.pack_into("<L", out, rng.choice((4, 12)), rng.choice((0, 1, 0xFFFFFFFF, 0x7FFFFFFE, len(pixels))))
        dataset.PixelData = bytes(out)


def _lie_nifti(data: bytes, rng: random.Random) -> bytes:
    """A field of the header replaced, in a compressed file too."""
    packed = data[:2] == b"\x1f\x8b"
    try:
        whole = bytearray(gzip.decompress(data) if packed else data)
        second = whole[:4] == struct.pack("<i", 540)
        at, code, values = rng.choice(
            (
                (16 + 8 * rng.randrange(8), "<q", (-1, 0, 1, 3, 7, 2**31, 2**62, 65535)) if second
                else (40 + 2 * rng.randrange(8), "<h", (-1, 0, 1, 3, 7, 32767, -32768, 1024)),
                (12 if second else 70, "<h", (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 768, 1024, 1280, 1536, 1792, 2304, -5)),
                (14 if second else 72, "<h", (0, 1, 7, 64, 32000)),
                (168, "<q", (0, -1, 1, 2**40, 10)) if second else (108, "<f", (0.0, -1.0, 1e30, float("nan"), 10.0, 353.5)),
                (176, "<d", (float("nan"), 0.0, 1e300, float("inf"))) if second else (112, "<f", (float("nan"), 0.0, 1e38, float("inf"))),
                (184, "<d", (float("nan"), 1e300)) if second else (116, "<f", (float("nan"), 1e38, float("-inf"))),
                (400, "<d", (float("nan"), 0.0, 1e300)) if second else (280 + 4 * rng.randrange(12), "<f", (float("nan"), 0.0, 1e38)),
                (0, "<i", (0, 348, 540, -1, 2**31 - 1, 0x5C010000)),
            )
        )  # fmt: skip
        struct.pack_into(code, whole, at, rng.choice(values))
    except Exception:  # noqa: BLE001 - what is damaged already may not be unpacked
        return _flip(data, rng)
    return gzip.compress(bytes(whole), 1) if packed else bytes(whole)


def _bomb(data: bytes, rng: random.Random) -> bytes:
    """A header that declares much, before a stream that unpacks to a lot more than is in the file; or several streams in a row."""
    header = bytearray(540 if rng.random() < 0.5 else 352)
    side = rng.choice((512, 1200, 32767))
    if len(header) == 540:
        struct.pack_into("<i8s", header, 0, 540, b"n+2\0\r\n\x1a\n")
        struct.pack_into("<hh8qq", header, 12, 4, 16, 3, side, side, side, 1, 1, 1, 1, 0)
        struct.pack_into("<q", header, 168, 544)
    else:
        struct.pack_into("<i", header, 0, 348)
        struct.pack_into("<8h", header, 40, 3, side, side, side, 1, 1, 1, 1)
        struct.pack_into("<hh", header, 70, 4, 16)
        struct.pack_into("<f", header, 108, 352.0)
        header[344:348] = b"n+1\0"
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    stream = packer.compress(bytes(header)) + b"".join(packer.compress(bytes(1 << 20)) for _ in range(rng.choice((1, 8, 64))))
    return (stream + packer.flush()) * rng.choice((1, 3)) + rng.choice((b"", b"\0" * 100, data[:50]))


_ANY = (_flip, _flip_head, _cut, _splice)
_Whole = Callable[[Path, random.Random, int], Path]
_Damage = Callable[[bytes, random.Random], bytes]
_DICOM: tuple[_Damage, ...] = (*_ANY, _lie_dicom, _lie_dicom, _lie_dicom, _lie_dicom)
KINDS: tuple[tuple[_Whole, tuple[_Damage, ...]], ...] = (
    (_native_or_compressed, _DICOM),
    (_native_or_compressed, _DICOM),
    (_native_or_compressed, _DICOM),
    (_enhanced, _DICOM),
    (_nifti, (*_ANY, _lie_nifti, _lie_nifti, _lie_nifti, _bomb)),
    (_nifti, (*_ANY, _lie_nifti, _lie_nifti, _lie_nifti, _lie_nifti)),
    (_hdf5, _ANY),
    (_picture, _ANY),
)
"""Makers of whole files, and what may be done to them."""
