"""One PNG, JPEG, TIFF or BMP file: what it is, and its grey values."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from ..errors import ReadError
from .sources import decoding

_FORMATS = ("PNG", "JPEG", "TIFF", "BMP")  # no other decoder of PIL is let near a file
_MAX_BYTES = 512 << 20
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each value of EXIF's orientation tag."""
_SWAP = (Image.Transpose.TRANSPOSE, Image.Transpose.ROTATE_270, Image.Transpose.TRANSVERSE, Image.Transpose.ROTATE_90)


@dataclass(frozen=True)
class Picture:
    """An image file, not decoded."""

    digest: bytes
    """sha256 of the file's bytes."""
    size: tuple[int, int]
    """(columns, rows) as it is looked at."""
    highest: int
    """255 or 65535."""
    lossy: bool


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    with decoding("image"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PIL muses about odd EXIF and palettes
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(BytesIO(data), formats=_FORMATS) as image:
            # A second picture of a JPEG (MPO) is a preview; a second page or frame elsewhere is another slice.
            frames = getattr(image, "n_frames", 1)
            if frames > 1 and image.format != "MPO":
                raise ReadError(f"image holds {frames} pages or frames; expected one slice: save each on its own")
            yield image


def _bytes(path: Path) -> bytes:
    with decoding("image"):
        if (size := path.stat().st_size) > _MAX_BYTES:
            raise ReadError(f"image has {size} bytes; expected at most {_MAX_BYTES}")
        return path.read_bytes()


def pixels_of(path: Path) -> int:
    """How many pixels an image file claims to have, from its header alone: no decoder sees what follows. Raises as `look`."""
    with _opened(_bytes(path)) as image:
        columns, rows = image.size
        return columns * rows


def look(path: Path) -> Picture:
    """What an image file says of itself, its pixels not decoded.

    Raises:
        ReadError: it is no image of these formats, is too big, or holds several pictures.
    """
    data = _bytes(path)
    with _opened(data) as image:
        turn = _turn(image, data)
        columns, rows = image.size
        size = (rows, columns) if turn in _SWAP else (columns, rows)
        return Picture(hashlib.sha256(data).digest(), size, _highest(image), image.format in ("JPEG", "MPO"))


def _turn(image: Image.Image, data: bytes) -> Image.Transpose | None:
    """What EXIF's orientation asks for, known without decoding where that can be."""
    late = image.format == "PNG" and "exif" not in image.info and b"eXIf" in data  # after the pixels
    if late or (image.format == "TIFF" and image.getexif().get(ExifTags.Base.Orientation, 1) != 1):
        image.load()  # PIL turns a TIFF itself, then
    elif image.format == "PNG" and "exif" not in image.info:
        return None  # asking PIL would decode the pixels to look behind them
    return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))


def _highest(image: Image.Image) -> int:
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        return 65535
    if image.mode in ("I", "F"):
        raise ReadError(
            f"image holds 32-bit values (mode {image.mode}), whose range is not known; expected 8 or 16 bits: save it as NIfTI or HDF5"
        )
    return 255


def grey(path: Path) -> tuple[NDArray[np.uint8] | NDArray[np.uint16], int]:
    """The grey values (Y, X), EXIF's orientation applied, and the highest that the format can hold: 255 or 65535.

    Colour becomes luminance (ITU-R 601), transparency is laid over black.

    Raises:
        ReadError: as `look`, or the pixels are damaged.
    """
    data = _bytes(path)
    with _opened(data) as image:
        turn, highest = _turn(image, data), _highest(image)
        turned = _on_black(image) if highest == 255 else image.copy()
        if turn is not None:
            turned = turned.transpose(turn)
        values = np.asarray(turned)
    return (values.astype(np.uint8, copy=False), highest) if highest == 255 else (values.astype(np.uint16), highest)


def _on_black(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        black = Image.new("RGBA", clear.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, clear).convert("L")
    return image.convert("RGB").convert("L") if image.mode in ("P", "CMYK", "YCbCr", "LAB", "HSV") else image.convert("L")
