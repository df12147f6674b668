"""What a bank knows of encoders: those of its feature sets, those that were adapted, and what they were adapted from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .errors import BankDamagedError
from .specs import EncoderSpec

if TYPE_CHECKING:
    from .bank import Bank


def read_spec(row: Mapping[str, Any]) -> EncoderSpec:
    """The spec in a row of the table `encoders`.

    Raises:
        BankDamagedError: it is none, or not that of the row's digest: a bank may come from anyone.
    """
    try:
        spec = EncoderSpec.from_dict(json.loads(row["spec"]))
        if spec.digest == row["encoder"] and spec.name == row["name"]:
            return spec
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    raise BankDamagedError(f"table encoders: the row of {row['name']!r} describes another encoder; restore it from a copy of the bank")


def known_specs(bank: Bank) -> dict[str, EncoderSpec]:
    """By digest."""
    rows = bank.snapshot.latest("encoders", "name", "spec") if bank.snapshot.files("encoders") else []
    kept = {row["encoder"]: read_spec(row) for row in rows}
    return kept | {one.key.encoder.digest: one.key.encoder for one in bank.feature_sets}
