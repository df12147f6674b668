"""HU windows: presets by name, numbers by `LEVEL/WIDTH` or `LO..HI`. Digests go by number, never by name."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from .errors import UnknownNameError, UsageError

AS_IS = "as-is"
"""The name of 'no window': an image's own range of grey values is taken as it is (no HU)."""

_DECIMALS = 9
"""So that 0.15/0.1 and 0.1..0.2 are one window."""
_NUMBER = r"[-+]?(?:\d+(?:\.(?!\.)\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_LEVEL_WIDTH = re.compile(rf"\s*({_NUMBER})\s*/\s*({_NUMBER})\s*")
_LO_HI = re.compile(rf"\s*({_NUMBER})\s*\.\.\s*({_NUMBER})\s*")


@dataclass(frozen=True, order=True)
class Window:
    """The closed range [lo, hi] in HU that maps linearly onto an encoder's input range."""

    lo: float
    hi: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.lo) and math.isfinite(self.hi) and self.lo < self.hi):
            raise UsageError(f"window {self.lo:g}..{self.hi:g} is empty; expected LO < HI, in HU, such as 0..80")

    @classmethod
    def of_level(cls, level: float, width: float) -> Window:
        """The window [level - width/2, level + width/2], in HU."""
        return cls(round(level - width / 2, _DECIMALS), round(level + width / 2, _DECIMALS))

    @property
    def label(self) -> str:
        """The preset's name where the numbers are a preset's, else `LO..HI`."""
        return _NAMES.get((self.lo, self.hi), f"{self.lo:g}..{self.hi:g}")


PRESETS: dict[str, Window] = {
    "brain": Window.of_level(40, 80),
    "subdural": Window.of_level(80, 200),
    "bone": Window.of_level(600, 2800),
    "brain-wide": Window(-20, 180),
    "lung": Window.of_level(-600, 1500),
    "mediastinum": Window.of_level(40, 400),
    "ctclip": Window(-1000, 1000),
}
"""Window presets in HU, level/width as commonly set on workstations; the first name of equal numbers labels them."""

# `blood` (0..80) and `brain` (40/80) are the same numbers; so are `brain-wide` and `subdural` (-20..180).
ALIASES: dict[str, str] = {"blood": "brain"}

_NAMES: dict[tuple[float, float], str] = {}
for _name, _window in PRESETS.items():
    _NAMES.setdefault((_window.lo, _window.hi), _name)


def parse_window(text: str) -> Window:
    """A window from a preset's name, `LEVEL/WIDTH` or `LO..HI`.

    Raises:
        UsageError: the text is none of these (the nearest preset is suggested) or the range is empty.
    """
    if match := _LEVEL_WIDTH.fullmatch(text):
        level, width = float(match[1]), float(match[2])
        if width <= 0:
            raise UsageError(f"window {text!r} has width {width:g}; expected LEVEL/WIDTH with a width over 0")
        return Window.of_level(level, width)
    if "..." in text:  # which of the dots belong to a number?
        raise UsageError(f"window {text!r} has three dots; write LO..HI with two, such as -1000..1000")
    if match := _LO_HI.fullmatch(text):
        return Window(float(match[1]), float(match[2]))
    name = text.strip().lower()
    name = ALIASES.get(name, name)
    if name not in PRESETS:
        raise UnknownNameError("window", text, [*PRESETS, *ALIASES, AS_IS], "Or give LEVEL/WIDTH such as 40/80, or LO..HI such as 0..80")
    return PRESETS[name]


def parse_windows(text: str) -> tuple[Window, ...]:
    """The channels of one view: windows joined by `+`, such as `brain+subdural+bone`; `as-is` gives ().

    Raises:
        UsageError: as `parse_window`, or `as-is` does not stand alone.
    """
    parts = text.split("+")
    if AS_IS in (part.strip().lower() for part in parts):
        if len(parts) > 1:
            raise UsageError(f"window {text!r} joins {AS_IS} to others; grey values as they are stand alone")
        return ()
    return tuple(parse_window(part) for part in parts)
