"""How a scan is prepared, from what the user writes: windows, spacing, shape, size, slices."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..store.specs import ViewSpec
    from ..store.windows import Window

_SEPARATOR = re.compile(r"[x,]")


def windows_of(texts: Sequence[str] | None) -> list[tuple[Window, ...]]:
    """One view's channels for each window, from options that take commas and may be repeated.

    Raises:
        UsageError: a text is no window.
    """
    from ..store.windows import parse_windows

    return [parse_windows(part) for text in texts or () for part in text.split(",")]


def geometry_of(
    base: ViewSpec, *, spacing: str, shape: str, size: str, take: str, orientation: str, interpolation: str, fit: bool
) -> ViewSpec:
    """The encoder's own view, changed where the user says so; empty texts leave it as it is, and `none` takes a part out.

    Raises:
        UsageError: a text is not what it should be.
    """
    from ..store.slice_policy import check_policy

    view = base.fitted if fit else base
    if spacing:
        view = replace(view, spacing_mm=_numbers("--spacing", spacing, 3, "mm from Z to X, such as 1.5x0.75x0.75"))
    if shape:
        found = _numbers("--shape", shape, 3, "voxels from Z to X, such as 240x480x480")
        view = replace(view, shape=found and (int(found[0]), int(found[1]), int(found[2])))
    if size:
        found = _numbers("--size", size, 2, "pixels from Y to X, such as 224x224")
        view = replace(view, size=found and (int(found[0]), int(found[1])))
    if take:
        view = replace(view, slices=check_policy(take))
    if orientation:
        view = replace(view, orientation=orientation.upper())
    return replace(view, interpolation=interpolation) if interpolation else view


def aided(base: ViewSpec, mask: str, align: Path | None) -> ViewSpec:
    """The view with a mask, and aligned to a reference by the digest of what it holds.

    Raises:
        UsageError: there is no such mask, or the reference cannot be read.
    """
    from ..embed.mask_rule import parse_mask

    if mask:
        parse_mask(mask)
        base = replace(base, mask=mask)
    if align is None:
        return base
    from ..embed.align import load_reference

    return replace(base, align=load_reference(align).digest)


def layers_of(text: str) -> tuple[int, ...]:
    """Block numbers from `12,18,24`.

    Raises:
        UsageError: one is no number over 0.
    """
    from ..store.errors import UsageError

    parts = [part.strip() for part in text.split(",") if part.strip()]
    for part in parts:
        if not part.isdigit() or int(part) < 1:
            raise UsageError(f"--layers {text!r} has {part!r}; expected block numbers from 1, such as 12,18,24")
    return tuple(dict.fromkeys(map(int, parts)))


def _numbers(option: str, text: str, count: int, form: str):
    from ..store.errors import UsageError

    if text == "none":
        return None
    try:
        found = tuple(float(part) for part in _SEPARATOR.split(text))
    except ValueError:
        found = ()
    if len(found) != count or not all(0 < value < 1e6 for value in found) or ("mm" not in form and any(v % 1 for v in found)):
        raise UsageError(f"{option} {text!r} is not understood; write {form}, or none")
    return found
