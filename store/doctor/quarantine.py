"""`quarantine/<time>/`: what repair took out of a bank, under the names that it had, with a note of what and why."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from typing import final

from ..places import Place

FOLDER = "quarantine"
NOTE = "note.json"


@final
class Quarantine:
    """One folder for each repair; it is made when something is first put there."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.folder = f"{FOLDER}/{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
        self._why: dict[str, str] = {}

    @property
    def used(self) -> bool:
        """Whether anything was put there."""
        return bool(self._why)

    def keep(self, name: str, why: str) -> None:
        """A copy of a file, if it is there and can be read."""
        try:
            data = self._place.read(name)
        except OSError:
            return
        self.add(name, data, why)

    def take(self, name: str, why: str) -> None:
        """Move a file here. One that cannot be read is only deleted: there is nothing to keep."""
        self.keep(name, why)
        self._place.delete(name)

    def add(self, name: str, data: bytes, why: str) -> None:
        """Put bytes here under a name."""
        self._why[name] = why
        self._place.write(f"{self.folder}/{NOTE}", (json.dumps(self._why, indent=2) + "\n").encode())
        self._place.write(f"{self.folder}/{name}", data)
