"""Draws that the bank holds already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..heads import Support
from .draws import Draw
from .quoting import quoted
from .units import Units

if TYPE_CHECKING:
    from ..store.bank import Bank


def as_stored(bank: Bank, units: Units, draws: Sequence[Draw]) -> list[Draw]:
    """A draw that the bank holds is used as it is held, however this version would draw it."""
    place = {item: row for row, item in enumerate(units.items)}
    held: dict[str, list[int]] = {draw.name: [] for draw in draws}
    query = f"SELECT draw, item FROM draws WHERE finding = {quoted(units.finding)} ORDER BY draw, item"
    for row in bank.sql(query).to_pylist():
        if row["draw"] in held and row["item"] in place:
            held[row["draw"]].append(place[row["item"]])
    rows = {name: np.array(sorted(found), dtype=np.int64) for name, found in held.items() if found}
    return [replace(draw, support=Support(rows[draw.name], units.y[rows[draw.name]])) if draw.name in rows else draw for draw in draws]
