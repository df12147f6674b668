"""From what a user types to a place. A new kind of object store is a file beside this and a line here."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import UsageError
from .base import Place
from .local import LocalPlace


def place_of(path: str | os.PathLike[str]) -> Place:
    """Raises UsageError for a scheme that is not known."""
    text = os.fspath(path)
    scheme = text.partition("://")[0] if "://" in text else ""
    if scheme == "s3":
        from .s3 import S3Place  # loads what talks to it

        return S3Place(text)
    if scheme:
        raise UsageError(f"{text}: {scheme}:// is no place for a bank; give a folder, or s3://BUCKET/PREFIX")
    return LocalPlace(Path(text).expanduser().absolute())
