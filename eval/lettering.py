"""The font of captions on pictures, with the letters of European languages: Pillow's own has no umlauts, and reports are quoted."""

from __future__ import annotations

from pathlib import Path

from PIL import ImageFont


def lettering(size: float) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib; `size` in pixels."""
    import matplotlib as mpl

    return ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)
