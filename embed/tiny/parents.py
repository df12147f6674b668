"""What the bundled releases of `tiny` were made from, by their cards alone: no weights are opened, and no torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

RELEASES = Path(__file__).parent / "releases"
"""One folder for each version that was released; none is ever removed."""


@final
@dataclass(frozen=True)
class Bundled:
    """A release that another was made from."""

    name: str
    parent: str
    """Digest of what it was made from itself; empty where it was made from nothing."""


def bundled_parents() -> dict[str, Bundled]:
    """By digest, the releases that others were made from."""
    cards: dict[str, dict[str, Any]] = {}
    for path in sorted(RELEASES.glob("*/card.json")):
        before, _, version = path.parent.name.rpartition("-")
        cards[f"{f'tiny-{before}' if before else 'tiny'}@{version}"] = json.loads(path.read_text())
    made = [card for card in cards.values() if "parent" in card]
    return {card["parent"]: Bundled(name := card["training"]["parent"], cards[name].get("parent", "")) for card in made}
