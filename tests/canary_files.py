"""Files of every format that is read, full of canaries: texts that no bank may hold, each planted once."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import h5py
import nibabel
import numpy as np
from nibabel.nifti1 import Nifti1Extension
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom import Dataset, config, dcmread, dcmwrite
from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom.dataelem import DataElement

from dicom_files import write_series

TEXTS = frozenset("AE AS CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT".split())  # noqa: SIM905 - value representations
BYTES = frozenset("OB OD OF OL OV OW UN".split())  # noqa: SIM905
STRUCTURE = frozenset(
    {0x00080005, 0x00080008, 0x00080016, 0x00080060, 0x00080018, 0x00200013, 0x00200032, 0x00200037, 0x00280004, 0x00280008, 0x00280030}
    | {0x00281052, 0x00281053, 0x00281054, 0x00283000, 0x00280002, 0x7FE00008, 0x7FE00009, 0x7FE00010}
)
"""What decides whether and how a file is read; with canaries in these, files of their own (`odd_files`) are left out or fail."""
NAMES = ("Ångström^Öljeræv", "山田^太郎衛門", "Иванова^Людмила", "김희중^아무개씨", "Ζαχαρίας^Ελένη")


class Canaries:
    """Makes texts that occur nowhere else, and keeps what they were planted in."""

    def __init__(self) -> None:
        self.planted: dict[str, str] = {}
        self._number = count()

    def text(self, where: str) -> str:
        return self.note(f"ZQ{next(self._number):05d}KJ", where)

    def note(self, text: str, where: str) -> str:
        self.planted[text] = where
        return text

    def of(self, vr: str, where: str) -> Any:
        """A valid value of a value representation."""
        n = next(self._number)
        day = date(1911, 3, 3) + timedelta(days=n)
        if vr == "DA":
            self.note(day.isoformat(), where)
        values: dict[str, Any] = {
            "DA": f"{day:%Y%m%d}",
            "DT": f"{day:%Y%m%d}{n % 24:02d}{n % 60:02d}07.{731000 + n % 9000:06d}",
            "TM": f"{n % 24:02d}{n % 60:02d}{n // 60 % 60:02d}.{731000 + n % 9000:06d}",
            "UI": f"1.2.826.0.1.3680043.99.731.{n}",
            "IS": str(1_310_000_000 + n),
            "DS": f"{7_310_000 + n}.125",
            "PN": f"Zqvornam{n:05d}^Kjnachnam",
        }
        return self.note(values[vr], where) if vr in values else self.text(where)


def plant_everywhere(data: Dataset, canaries: Canaries, value: Callable[[str, str], Any]) -> None:
    """A canary in every element of the dictionary that holds text or bytes, in an item of every sequence, and in private blocks."""
    for tag, vr, keyword in _dictionary():
        if vr == "SQ":
            data.add(DataElement(tag, "SQ", [_item(canaries, value, f"within {keyword}")]))
        elif vr in BYTES:
            data.add(DataElement(tag, vr, (canaries.text(keyword) * 16).encode()))
        else:
            _put(data, tag, vr, value(vr, keyword))
    for group in (0x0009, 0x0029, 0x7FE1):
        _private(data, group, canaries)


def _dictionary() -> Iterator[tuple[int, str, str]]:
    repeated = {int(tag.replace("x", "0"), 16): entry for tag, entry in RepeatersDictionary.items() if re.match("[56]0xx", tag)}
    for tag, entry in sorted((DicomDictionary | repeated).items()):
        vr = next((part for part in entry[0].split(" or ") if part in TEXTS | BYTES | {"SQ"}), "")
        if vr and tag >> 16 > 4 and tag not in STRUCTURE and tag & 0xFFFF and tag >> 16 < 0xFFFE:
            yield tag, vr, entry[4] or f"{tag:08x}"


def _put(data: Dataset, tag: int, vr: str, value: Any) -> None:
    """Text that does not fit its representation is written under another: a reader goes by the tag."""
    fits = vr not in ("IS", "DS") or not str(value).startswith("ZQ")
    data.add(DataElement(tag, vr if fits else "LO", value, validation_mode=config.IGNORE))


def _item(canaries: Canaries, value: Callable[[str, str], Any], where: str) -> Dataset:
    """Elements that are read where they stand outside of sequences, and an item within the item."""
    item, deep = Dataset(), Dataset()
    for keyword, tag, vr in (("PatientName", 0x00100010, "PN"), ("TextValue", 0x0040A160, "UT")):
        _put(item, tag, vr, value(vr, f"{keyword} {where}"))
    item.add(DataElement(0x00081155, "UI", value("UI", f"UID {where}"), validation_mode=config.IGNORE))
    _put(deep, 0x00080020, "DA", value("DA", f"StudyDate deep {where}"))
    _private(deep, 0x0011, canaries, few=True)
    item.add(DataElement(0x00081110, "SQ", [deep]))
    return item


def _private(data: Dataset, group: int, canaries: Canaries, *, few: bool = False) -> None:
    block = data.private_block(group, canaries.text(f"private creator {group:04x}"), create=True)
    for offset, vr in enumerate(("LO",) if few else ("LO", "PN", "LT", "DA", "UI"), start=1):
        text = canaries.text(f"private {vr}")
        block.add_new(offset, vr if vr in ("LO", "LT", "PN") else "LO", text)
    for offset, vr in () if few else ((0x10, "UN"), (0x11, "OB")):
        block.add_new(offset, vr, (canaries.text(f"private {vr}") * 2).encode())


def rewrite(path: Path, change: Callable[[Dataset], None], charset: str = "ISO_IR 192", meta: Canaries | None = None) -> None:
    """A DICOM file with its data set changed, whatever pydicom thinks of the values."""
    before = config.settings.writing_validation_mode
    config.settings.writing_validation_mode = config.IGNORE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = dcmread(path)
            data.SpecificCharacterSet = charset
            change(data)
            if meta:
                for keyword in ("SourceApplicationEntityTitle", "SendingApplicationEntityTitle", "ImplementationVersionName"):
                    setattr(data.file_meta, keyword, meta.text(f"file meta {keyword}"))
            dcmwrite(path, data)
    finally:
        config.settings.writing_validation_mode = before


def odd_files(folder: Path, canaries: Canaries) -> None:
    """Files with a canary where the reader looks for structure, or that cannot be read: left out, failed, or read all the same."""
    texts: dict[str, tuple[int, ...]] = {
        "CS": (0x00080060, 0x00280004, 0x00281054, 0x00080008, 0x00180015, 0x00100040),
        "UI": (0x00080016, 0x00080018),
        "LO": (0x00200032, 0x00200037, 0x00280030, 0x00281052, 0x00281053, 0x00280008, 0x00200013, 0x00283000, 0x00101010, 0x00180060),
    }
    for vr, tags in texts.items():
        for n, tag in enumerate(tags):
            path = _one(folder / canaries.text("folder"), canaries, seed=100 + n + 20 * len(vr) + tag % 1000)
            text = canaries.text(f"structure {tag:08x}")
            rewrite(path, lambda data, tag=tag, vr=vr, text=text: data.add(DataElement(tag, vr, text, validation_mode=config.IGNORE)))
    path = _one(folder / canaries.text("folder"), canaries, seed=301)
    rewrite(path, lambda _: None, charset=canaries.text("SpecificCharacterSet"))
    path = _one(folder / canaries.text("folder"), canaries, seed=302)
    rewrite(path, lambda data: setattr(data, "InstanceNumber", int(canaries.note("19630714", "InstanceNumber"))))
    path = _one(folder / canaries.text("folder"), canaries, seed=303)
    maker, model, kernel = (canaries.text(f"beside a known {word}") for word in ("maker", "model", "kernel"))

    def known(data: Dataset) -> None:
        data.Manufacturer, data.ManufacturerModelName = f"SIEMENS {maker}", f"LightSpeed {model}"
        data.ConvolutionKernel = [f"bone {kernel}", kernel]

    rewrite(path, known)
    path = _one(folder / canaries.text("folder"), canaries, seed=304)  # frames that no decoder takes
    data = path.read_bytes()
    path.write_bytes(data.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.4.", 1))
    path = _one(folder / canaries.text("folder"), canaries, seed=305)
    path.write_bytes(path.read_bytes()[:-100])
    path = _one(folder / canaries.text("folder"), canaries, seed=306)  # read, and refused when it is decoded
    rewrite(path, lambda data: setattr(data, "PixelData", bytes(len(data.PixelData))))
    for suffix in ("dcm", "nii", "nii.gz", "h5", "png", "jpg"):
        name = canaries.text("name of a file that cannot be read")
        magic = {"dcm": b"\0" * 128 + b"DICM", "nii.gz": b"\x1f\x8b\x08\0", "h5": b"\x89HDF\r\n\x1a\n", "png": b"\x89PNG\r\n\x1a\n"}
        (folder / f"{name}.{suffix}").write_bytes(magic.get(suffix, b"") + canaries.text("bytes of it").encode() * 60)
    (folder / canaries.text("a link")).with_suffix(".dcm").symlink_to(folder / canaries.text("where a link leads"))
    with h5py.File(folder / f"{canaries.text('file')}.h5", "w") as file:
        file["volume"] = h5py.ExternalLink(canaries.text("file of a link"), canaries.text("data set of a link"))
    with h5py.File(folder / f"{canaries.text('file')}.h5", "w") as file:
        file.create_dataset("volume", data=np.zeros((3, 4, 4))).attrs["spacing_mm"] = canaries.text("no spacing")


def _one(folder: Path, canaries: Canaries, seed: int) -> Path:
    (path,) = write_series(folder, n=1, seed=seed, patient_id=canaries.text("PatientID"), prefix=canaries.text("file name"))
    return path


def other_formats(folder: Path, canaries: Canaries) -> None:
    """NIfTI, HDF5 and pictures with canaries in all their texts; the pictures are a stack numbered by dates."""
    rng = np.random.default_rng(7)
    voxels = rng.integers(-1000, 1000, (8, 9, 5)).astype(np.int16)
    image = nibabel.Nifti1Image(voxels, np.diag([0.7, 0.7, 2.5, 1]))
    for field in ("descrip", "aux_file", "intent_name", "db_name"):
        image.header[field] = canaries.text(f"NIfTI {field}").encode()
    image.header.extensions.append(Nifti1Extension("comment", canaries.text("NIfTI extension").encode()))
    nibabel.save(image, folder / f"{canaries.text('NIfTI file')}.nii.gz")
    with h5py.File(folder / f"{canaries.text('HDF5 file')}.h5", "w") as file:
        data = file.create_dataset(canaries.text("HDF5 data set"), data=voxels + 1)
        data.attrs["spacing_mm"] = (2.5, 0.7, 0.7)
        data.attrs["unit"] = canaries.text("HDF5 unit")
        for holder in (file, data):
            holder.attrs[canaries.text("HDF5 attribute name")] = canaries.text("HDF5 attribute")
    stack = folder / canaries.text("folder of a stack")
    stack.mkdir()
    for n in range(3):
        info, exif = PngInfo(), Image.Exif()
        info.add_text("Comment", canaries.text("PNG tEXt"))
        info.add_text("Title", canaries.text("PNG zTXt"), zip=True)
        info.add_itxt("Author", canaries.text("PNG iTXt"))
        exif[0x010E] = canaries.text("EXIF ImageDescription")
        name = canaries.note(f"1952041{n + 1}", "date in a picture's name")
        picture = Image.fromarray(rng.integers(0, 255, (12, 10)).astype(np.uint8))
        picture.save(stack / f"{canaries.text('picture')}_{name}.png", pnginfo=info, exif=exif)
    twice = folder / canaries.text("folder of a stack that cannot be read")
    twice.mkdir()
    number = canaries.note("19520501", "number that occurs twice")
    for n in range(2):
        exif = Image.Exif()
        exif[0x010E], exif[0x013B] = canaries.text("EXIF ImageDescription"), canaries.text("EXIF Artist")
        picture = Image.fromarray(rng.integers(0, 255, (12, 10)).astype(np.uint8))
        picture.save(twice / f"{'ab'[n]}_{number}.jpg", exif=exif, comment=canaries.text("JPEG comment").encode())
