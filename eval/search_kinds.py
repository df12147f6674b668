"""What can be searched for, and the kinds of feature sets that answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

Find = Literal["volume", "slice", "snippet", "report"]
"""What is looked for: scans, slices in them, pieces of report text, or reports."""
FINDS: tuple[Find, ...] = get_args(Find)
Per = Literal["study", "patient", "scan"]
"""What has at most one hit."""
PERS: tuple[Per, ...] = get_args(Per)

KINDS: Mapping[Find, tuple[str, ...]] = {
    "volume": ("volume", "slice"),
    "slice": ("slice", "depth"),
    "snippet": ("text",),
    "report": ("text",),
}
"""The kinds that have vectors of what is looked for."""
