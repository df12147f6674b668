"""Images that stand in a page."""

from __future__ import annotations

import base64
import io

from PIL import Image


def data_uri(image: Image.Image) -> str:
    """The image as WebP, within an address."""
    file = io.BytesIO()
    image.save(file, "WEBP", quality=88)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
