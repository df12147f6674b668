"""One spelling for names of findings that tables and finding sets write differently."""

from __future__ import annotations

import re


def slug(name: str) -> str:
    """A finding's name in lower case with one underscore for whatever is neither letter nor digit."""
    return re.sub(r"[\W_]+", "_", name.lower()).strip("_")
