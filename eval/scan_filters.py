"""Scans that a condition keeps: one row a scan, of the view `volumes` and of what attributes say, and what was asked before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..store.errors import QueryError, UsageError
from .memory import Memory
from .quoting import quoted
from .units import FIRST_SOURCE
from .where import EXAMPLE, Condition, parse_where, told

if TYPE_CHECKING:
    from ..store.bank import Bank

_SECONDS = 20.0


def kept_scans(bank: Bank, text: str, memory: Memory) -> NDArray[np.int64]:
    """Ordinals of the volumes for which a condition is true, increasing; where it is null, it is not.

    Columns are those of the view `volumes`, and a column for each attribute, of numbers where all its values are numbers. An attribute
    that is called as a column of `volumes` is `attribute_NAME`. What a table says goes before what a scan's header says.

    Raises:
        UsageError: it is no condition on one scan's row, or DuckDB cannot work it out.
    """
    numeric = memory.get(bank, ("attributes",), lambda: _attributes(bank))
    own = memory.get(bank, ("columns",), lambda: tuple(bank.sql("SELECT * FROM volumes LIMIT 0").column_names))
    names = {f"attribute_{name}" if name.lower() in {one.lower() for one in own} else name: name for name in numeric}
    condition = parse_where(bank, text, lambda: {**dict.fromkeys(own, False), **dict.fromkeys(names, True)})
    return memory.get(bank, ("where", condition.sql), lambda: _kept(bank, condition, names, numeric))


def _attributes(bank: Bank) -> dict[str, bool]:
    """Each attribute's name, and whether all of its values are numbers."""
    answer = bank.sql("""SELECT name, bool_and(coalesce(isfinite(TRY_CAST(value AS DOUBLE)), false)) AS numeric
        FROM attributes WHERE value IS NOT NULL AND level <> 'slice' GROUP BY name ORDER BY name""")
    return {row["name"]: row["numeric"] for row in answer.to_pylist()}


def _kept(bank: Bank, condition: Condition, names: Mapping[str, str], numeric: Mapping[str, bool]) -> NDArray[np.int64]:
    asked = [name for name in condition.columns if name in names]
    columns = ", ".join(_pivoted(name, names[name], numbers=numeric[names[name]]) for name in asked)
    rows = "SELECT * FROM volumes"
    if asked:
        rows = f"""SELECT v.*, p.* EXCLUDE (item) FROM volumes v LEFT JOIN (
            SELECT item, {columns} FROM attributes WHERE value IS NOT NULL GROUP BY item) p ON p.item = v.volume"""
    try:
        answer = bank.sql(f"SELECT ordinal, ({condition.sql}) AS kept FROM ({rows}) ORDER BY ordinal", timeout_s=_SECONDS)
    except QueryError as error:
        raise told(error) from error
    found = answer.schema.field("kept").type
    if not pa.types.is_boolean(found):
        raise UsageError(f"the filter gives values of type {found}, not true or false; expected a condition such as {EXAMPLE}")
    kept = cast("pa.ChunkedArray", answer.column("kept")).fill_null(False).to_numpy(zero_copy_only=False).astype(bool)
    return answer.column("ordinal").to_numpy()[kept]


def _pivoted(column: str, name: str, *, numbers: bool) -> str:
    """The value of a scan's attribute as a column: a table's before a header's, of several the last by source."""
    rank = f"(source = {quoted(FIRST_SOURCE)}, source <> 'header', source)"
    value = f"arg_max(value, {rank}) FILTER (name = {quoted(name)})"
    return f'{f"TRY_CAST({value} AS DOUBLE)" if numbers else value} AS "{column.replace(chr(34), chr(34) * 2)}"'
