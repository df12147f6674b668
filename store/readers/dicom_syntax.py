"""Transfer syntaxes: which are read, and which lose information."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydicom.config import IGNORE
from pydicom.uid import UID

Class = Literal["native", "lossless", "lossy"]

IMPLICIT_LE = "1.2.840.10008.1.2"
EXPLICIT_LE = "1.2.840.10008.1.2.1"
DEFLATED_LE = "1.2.840.10008.1.2.1.99"
EXPLICIT_BE = "1.2.840.10008.1.2.2"
RLE = "1.2.840.10008.1.2.5"

_JPEG = "1.2.840.10008.1.2.4."
JPEG_LS = (_JPEG + "80", _JPEG + "81")
CLASSES: Mapping[str, Class] = {
    IMPLICIT_LE: "native",
    EXPLICIT_LE: "native",
    DEFLATED_LE: "native",
    EXPLICIT_BE: "native",
    RLE: "lossless",
    **dict.fromkeys((_JPEG + last for last in ("57", "70", "80", "90", "201", "202")), "lossless"),
    # Those that may be either count as lossy: what a decoder makes of them is not guaranteed bit by bit.
    **dict.fromkeys((_JPEG + last for last in ("50", "51", "53", "55", "81", "91", "203")), "lossy"),
}
"""Every transfer syntax that is read (DICOM PS3.6 table A-1), by what it does to the pixels."""

IMAGECODECS = "imagecodecs"
PLUGINS: Mapping[str, tuple[str, ...]] = {
    RLE: ("pylibjpeg", "pydicom"),
    **dict.fromkeys((_JPEG + last for last in ("90", "91")), ("gdcm", "pylibjpeg")),
    **dict.fromkeys((_JPEG + last for last in ("201", "202", "203")), ("pylibjpeg",)),
    **dict.fromkeys(JPEG_LS, ("pyjpegls",)),
    # 53 and 55 were retired in 2004, but they lie in archives
    **dict.fromkeys((_JPEG + last for last in ("50", "51", "53", "55")), (IMAGECODECS,)),
    **dict.fromkeys((_JPEG + last for last in ("57", "70")), ("gdcm",)),
}
"""Decoders by transfer syntax, in the order they are tried: pydicom's plug-ins, and imagecodecs for lossy JPEG.

gdcm is not tried on JPEG-LS and lossy JPEG: given damaged frames it ends the whole process, which no `except` can stop.
"""


def name_of(syntax: str) -> str:
    """The registered name, for messages; never the text of the header itself, which could hold anything."""
    name = UID(syntax, validation_mode=IGNORE).name
    return name if name != syntax else "unknown"


def preference(syntax: str) -> int:
    """The rank among copies of one image: uncompressed, lossless, lossy, unreadable."""
    return {"native": 0, "lossless": 1, "lossy": 2}.get(CLASSES.get(syntax, ""), 3)
