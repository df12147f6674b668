"""What a request may hold, checked before it waits for a model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...embed.encoder import Encoder, Side
from ...store.errors import UsageError
from ...store.windows import PRESETS, Window, parse_window, parse_windows
from .limits import Limits
from .problems import Problem


def check_texts(texts: Sequence[str], limits: Limits) -> list[str]:
    """The texts. Raises Problem 413 for too many or too long ones, 422 for what is no Unicode."""
    if len(texts) > limits.max_items:
        raise Problem(413, f"texts: has {len(texts)} entries; expected at most {limits.max_items}")
    for k, text in enumerate(texts):
        if len(text) > limits.max_text:
            raise Problem(413, f"texts.{k}: has {len(text)} characters; expected at most {limits.max_text}")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Problem(422, f"texts.{k}: is no valid Unicode (a lone surrogate)") from None
    return list(texts)


def check_rows(encoder: Encoder, side: Side, rows: NDArray[np.float32], limits: Limits) -> None:
    """Raises Problem for rows that the encoder would refuse: they must not cost those of other requests their batch."""
    if len(rows) > limits.max_items:
        raise Problem(413, f"body: has {len(rows)} rows; expected at most {limits.max_items}")
    if rows.shape[1] not in encoder.channels:
        takes = " or ".join(map(str, sorted(encoder.channels)))
        raise Problem(422, f"body: the model takes {takes} channels (axis 1)")
    if encoder.size is not None and rows.shape[-2:] != encoder.size:
        raise Problem(422, f"body: the model takes planes of {encoder.size[0]}x{encoder.size[1]} pixels (the last two axes)")
    if not np.isfinite(rows).all():
        raise Problem(422, f"body: {side} rows hold values that are not finite (NaN or infinite)")


def windows_of(texts: Sequence[str]) -> list[tuple[Window, ...]]:
    """The windows of each view. Raises Problem 422."""
    try:
        return [parse_windows(text) for text in texts]
    except UsageError:
        raise _bad_window("window") from None


def exported_window_of(text: str | None) -> Window | None:
    """The window that an image was saved with. Raises Problem 422."""
    try:
        return None if text is None else parse_window(text)
    except UsageError:
        raise _bad_window("exported_window") from None


def _bad_window(name: str) -> Problem:
    known = ", ".join(PRESETS)
    return Problem(422, f"{name}: expected one of {known}, LEVEL/WIDTH such as 40/80, or LO..HI such as 0..80; channels are joined by +")
