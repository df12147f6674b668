"""The releases of `tiny` that come along, and what they were made from, by their cards alone: no weights are opened, and no torch."""

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


def released() -> dict[str, Path]:
    """By name, such as `tiny@1` and `tiny-vocabfine@1`, the folders of what comes along: `1` and `vocabfine-1`."""
    found: dict[str, Path] = {}
    for path in sorted(RELEASES.glob("*/card.json")):
        before, _, version = path.parent.name.rpartition("-")
        found[f"{f'tiny-{before}' if before else 'tiny'}@{version}"] = path.parent
    return found


def bundled_parents() -> dict[str, Bundled]:
    """By digest, the releases that others were made from."""
    cards: dict[str, dict[str, Any]] = {name: json.loads((folder / "card.json").read_text()) for name, folder in released().items()}
    made = [card for card in cards.values() if "parent" in card]
    return {card["parent"]: Bundled(name := card["training"]["parent"], cards[name].get("parent", "")) for card in made}
