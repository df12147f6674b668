"""Sentences: filled templates and what they claim."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from ..model import Pointer, Side

T = TypeVar("T")
Status = Literal["present", "absent", "uncertain"]

_PART = re.compile(r"\[([^\[\]{}]*\{[^\[\]]*)\]")
_FIELD = re.compile(r"\{(\w+)\}")
# A vowel by sound: "an 8 mm", "an 11 mm", "an 18 mm", "an SDH"; but "a unilateral".
_AN = re.compile(r"\b([Aa]) (?=[aeioAEIO]|u(?!ni)|8|1[18](?!\d)|S[AD]H\b)")


@dataclass(frozen=True)
class Claim:
    finding: str
    status: Status
    side: Side = ""
    lesion: int | None = None
    pointer: Pointer | None = None


@dataclass(frozen=True)
class Sentence:
    text: str
    claims: tuple[Claim, ...] = ()


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    return options[int(rng.integers(len(options)))]


def fields_of(template: str) -> tuple[str, ...]:
    return tuple(_FIELD.findall(template))


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template without its fields; bracketed parts with an empty field are left out. A field that has no value stays as it is."""

    def part(match: re.Match[str]) -> str:
        return match[1] if all(values.get(name, "?") for name in _FIELD.findall(match[1])) else ""

    kept = _PART.sub(part, template)
    return _FIELD.sub(lambda match: values.get(match[1], match[0]), kept)


def finished(text: str, english: bool) -> str:
    """As it is printed: one space between words, none before a comma, the first letter large, `an` before a vowel."""
    text = re.sub(r" {2,}", " ", text).strip()
    text = re.sub(r" +([,.;:)])", r"\1", text)
    text = re.sub(r"^[,;:] *", "", text)
    if english:
        text = _AN.sub(r"\1n ", text)
    return text[:1].upper() + text[1:]


def with_reference(text: str, reference: str) -> str:
    """`reference` at the field `ref`, or before the sentence's full stop."""
    if "{ref}" in text:
        return text.replace("{ref}", reference)
    return f"{text[:-1]}{reference}." if text.endswith(".") else text + reference


def before_stop(text: str, clause: str) -> str:
    return f"{text[:-1]}{clause}." if text.endswith(".") else text + clause
