"""What a bank knows of encoders: those of its feature sets, those that were adapted, and what they were adapted from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .specs import EncoderSpec

if TYPE_CHECKING:
    from .bank import Bank


def known_specs(bank: Bank) -> dict[str, EncoderSpec]:
    """By digest."""
    rows = bank.snapshot.latest("encoders", "spec") if bank.snapshot.files("encoders") else []
    kept = {row["encoder"]: EncoderSpec.from_dict(json.loads(row["spec"])) for row in rows}
    return kept | {one.key.encoder.digest: one.key.encoder for one in bank.feature_sets}
