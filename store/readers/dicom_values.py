"""From raw element values to numbers and text (DICOM PS3.5 section 6.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pydicom.charset import convert_encodings, decode_bytes

from .dicom_elements import Elements, quiet

_CHARACTER_SET = 0x00080005


class BadValueError(ValueError):
    """An element's value is not what its name asks for. The message names the element, never its value."""


@dataclass(frozen=True, slots=True)
class Values:
    """Typed access to raw elements by tag."""

    elements: Elements

    def text(self, tag: int) -> str:
        """The text without its padding; '' where missing. Not ASCII: by the file's character set."""
        raw = self.elements.values.get(tag)
        if not raw:
            return ""
        raw = raw.strip(b" \0")
        if raw.isascii() and b"\x1b" not in raw:
            return raw.decode("ascii")
        names = (self.elements.values.get(_CHARACTER_SET) or b"").decode("ascii", "replace").strip(" \0").split("\\")
        try:
            with quiet():
                return decode_bytes(raw, convert_encodings([name.strip() for name in names]), {0x5C}).strip()
        except (LookupError, ValueError):
            return raw.decode("latin-1")

    def words(self, tag: int) -> tuple[str, ...]:
        """The values of a multi-valued text, in upper case."""
        return tuple(part.strip().upper() for part in self.text(tag).split("\\")) if self.elements.values.get(tag) else ()

    def numbers(self, tag: int, count: int, name: str) -> tuple[float, ...] | None:
        """`count` decimal numbers; None where missing or empty.

        Raises:
            BadValueError: another count, not numbers, or not finite.
        """
        raw = (self.elements.values.get(tag) or b"").strip(b" \0")
        if not raw:
            return None
        try:
            found = tuple(float(part.strip(b" \0")) for part in raw.split(b"\\"))
        except ValueError:
            found = ()
        if len(found) != count or not all(map(math.isfinite, found)):
            raise BadValueError(f"{name} is not {count} finite number{'s' if count > 1 else ''}")
        return found

    def number(self, tag: int, name: str) -> float | None:
        found = self.numbers(tag, 1, name)
        return None if found is None else found[0]

    def whole(self, tag: int) -> int | None:
        """An integer string; None where missing or no integer (InstanceNumber and the like are only hints)."""
        try:
            return int((self.elements.values.get(tag) or b"").strip(b" \0"))
        except ValueError:
            return None

    def short(self, tag: int, signed: bool = False) -> int | None:
        """The first of the binary 16-bit integers of an element; None where missing."""
        raw = self.elements.values.get(tag) or b""
        order = "little" if self.elements.little_endian else "big"
        return int.from_bytes(raw[:2], order, signed=signed) if len(raw) >= 2 else None
