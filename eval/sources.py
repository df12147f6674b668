"""Where each evaluation unit comes from: a hospital, a site, a scanner, as attributes tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..store.errors import UnknownNameError
from .quoting import quoted
from .units import FIRST_SOURCE

if TYPE_CHECKING:
    from ..store.bank import Bank
    from .units import Units

ATTRIBUTES = ("source", "site", "manufacturer")
"""What tells the source where nobody says which attribute does: the first of these that any of the units has."""


def unit_sources(bank: Bank, units: Units, attribute: str | None = None) -> NDArray[np.str_]:
    """(N,) the source of each unit, empty where unknown. What a table says goes before what a scan's header says; a slice has its scan's.

    Args:
        bank: where the attributes are.
        units: what is evaluated.
        attribute: the name of the attribute; by default the first of `ATTRIBUTES` that any of the units has.

    Raises:
        UnknownNameError: no scan of the bank has the attribute.
    """
    known = [row["name"] for row in bank.sql("SELECT DISTINCT name FROM attributes ORDER BY name").to_pylist()]
    if attribute is not None and attribute not in known:
        raise UnknownNameError("attribute", attribute, known, "`scanbank ingest BANK --labels FILE --attributes NAME` brings more")
    for name in (attribute,) if attribute is not None else ATTRIBUTES:
        found = _values(bank, units, name)
        if (found != "").any():
            return found
    return np.full(len(units), "", dtype=np.str_)


def _values(bank: Bank, units: Units, name: str) -> NDArray[np.str_]:
    # the last of a scan's rows counts
    rows = bank.sql(f"""SELECT item, value FROM attributes WHERE name = {quoted(name)} AND value IS NOT NULL
        ORDER BY source = {quoted(FIRST_SOURCE)}, source <> 'header', source DESC""")
    values = dict(zip(rows.column("item").to_pylist(), rows.column("value").to_pylist(), strict=True))
    return np.array([values.get(volume, "") for volume in units.volumes.tolist()], dtype=np.str_)
