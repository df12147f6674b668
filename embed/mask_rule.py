"""What `ViewSpec.mask` says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from ..store.errors import UsageError, ViewError

FOREGROUND_NAMES = ("body", "lung", "head")
_USER, _CROP = "user:", ":crop"


@final
@dataclass(frozen=True)
class MaskRule:
    """What `ViewSpec.mask` says."""

    name: str
    """One of `FOREGROUND_NAMES`; empty for a mask of the user's."""
    finding: str
    """Of a mask of the user's."""
    crop: bool
    """The box around it instead of the voxels in it."""


def parse_mask(text: str) -> MaskRule:
    """`body`, `lung`, `head` or `user:FINDING`, each with `:crop` at the end or without.

    Raises:
        UsageError: it is none of these.
    """
    crop = text.endswith(_CROP)
    name = text.removesuffix(_CROP)
    finding = name.removeprefix(_USER) if name.startswith(_USER) else ""
    if name not in FOREGROUND_NAMES and not finding:
        raise UsageError(
            f"mask {text!r} is unknown; choose one of {', '.join(FOREGROUND_NAMES)} or user:FINDING, with :crop for the box around it"
        )
    return MaskRule("" if finding else name, finding, crop)


def check_mask(text: str, align: str = "") -> None:
    """Raises ViewError where a view's mask is none, or crops what is aligned."""
    try:
        rule = parse_mask(text) if text else None
    except UsageError as error:
        raise ViewError(f"view has {error}") from error
    if rule and rule.crop and align:
        raise ViewError("view is aligned to a reference and cropped to a mask; leave one of them out, or keep the mask without :crop")
