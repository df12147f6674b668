"""Images of one request as the planes that a model takes, all under one view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from ...embed.views import check_view, slice_pixels
from ...store.specs import ViewSpec
from ...store.windows import Window
from .budget import Share
from .models import Served
from .notes import Scan
from .problems import Problem


@final
@dataclass(frozen=True)
class Planes:
    """What the images of a request became."""

    pixels: NDArray[np.float32]
    """(n, C, Y, X)."""
    view: ViewSpec
    notes: tuple[str, ...]


def image_pixels(
    files: list[bytearray],
    served: Served,
    windows: tuple[Window, ...] | None,
    exported: Window | None,
    read: Callable[[bytearray], Scan],
    share: Share,
) -> Planes:
    """All images under one view, as they are where they have no HU and no window is asked for. `files` is emptied as it goes.

    Raises:
        Problem: 422 where they are of several sizes; and as `read` does.
        ViewError: an image cannot give the view.
        EncoderError: the view does not fit the model.
    """
    encoder, planes = served.encoder, []
    view: ViewSpec | None = None
    notes: list[str] = []
    for k in range(len(files)):
        data, files[k] = files[k], bytearray()
        scan = read(data)
        volume = scan.volume
        if view is None:
            own = () if not volume.has_hu and exported is None else (exported,) if exported is not None else encoder.view.windows
            wanted, fitted = own if windows is None else windows, encoder.view.fitted
            view = fitted if wanted == fitted.windows else fitted.with_windows(wanted)
            encoder.check_view(view)
        check_view(view, volume)
        pixels = slice_pixels(volume, view, encoder.spec.input_range)
        if planes and pixels.shape != planes[0].shape:
            raise Problem(422, "the images are not all of one size, and the model's view does not resize them; send them one by one")
        share.take(pixels.nbytes)
        planes.append(pixels)
        notes += [f"image {k + 1}: {note}" if len(files) > 1 else note for note in scan.notes]
    assert view is not None
    return Planes(np.concatenate(planes), view, tuple(notes))
