"""`--where`: one SQL condition over one row a scan, checked before it runs.

What is checked is what runs: DuckDB parses the text, the tree is walked, and the condition that is asked of the bank is written anew
from the tree. So nothing that a text could hide from a reader (comments, a second statement, brackets that close early) gets through.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from ..store.errors import QueryError, UnknownNameError, UsageError
from ..store.vocabulary import allow
from .quoting import quoted

if TYPE_CHECKING:
    from ..store.bank import Bank

LONGEST = 2_000
"""Characters of a condition."""
EXAMPLE = "\"sex = 'F' AND spacing_z_mm <= 3\""
_SELECT = "SELECT "
_PARTS = frozenset({"CONJUNCTION", "COMPARISON", "OPERATOR", "BETWEEN", "CASE", "CAST", "TYPE", "CONSTANT", "COLUMN_REF", "FUNCTION"})
"""Classes of DuckDB's tree that speak of one row alone."""
_REFUSED: Mapping[str, str] = {
    "SUBQUERY": "a subquery (of a list, ask list_contains(flags, 'missing_slices'))",
    "WINDOW": "a window function",
    "STAR": "a star",
    "PARAMETER": "a parameter",
    "LAMBDA": "a lambda",
    "COLLATE": "a collation",
}
_NAMES = """
    + - * / // % ^ ** || ~~ !~~ ~~* !~~* ~~~ && @> <@ abs array_contains array_has ceil ceiling concat contains ends_with floor greatest
    ifnull ilike_escape instr isfinite isinf isnan least left len length like_escape list_contains list_has list_has_all list_has_any
    list_value ln log lower ltrim nullif not_ilike_escape not_like_escape position prefix regexp_full_match regexp_matches right round
    rtrim sqrt starts_with strpos substr substring suffix trim upper
"""
FUNCTIONS = frozenset(_NAMES.split())
"""Those of one row that give the same whenever they are asked, and no more than they are given."""


@final
@dataclass(frozen=True)
class Condition:
    """A condition that was checked."""

    sql: str
    """As DuckDB writes it: equal conditions are equal texts."""
    columns: tuple[str, ...]
    """That it asks for, by their own names, in alphabetical order."""


def parse_where(bank: Bank, text: str, columns: Callable[[], Mapping[str, bool]]) -> Condition:
    """A condition, checked.

    A text that a column of a vocabulary is compared with goes through it, as values did when they came in: `sex = 'F'` asks for `female`.

    Args:
        bank: its SQL parses.
        text: such as "sex = 'F' AND spacing_z_mm <= 3".
        columns: gives the columns that there are; True for those that may have a vocabulary.

    Raises:
        UsageError: it is empty, too long, no condition of one row, or asks for what reaches outside it.
        UnknownNameError: there is no such column.
    """
    if not text.strip():
        raise UsageError(f"the filter is empty; write a condition such as {EXAMPLE}")
    if len(text) > LONGEST:
        raise UsageError(f"the filter has {len(text)} characters; expected at most {LONGEST}")
    if any((ord(letter) < 32 and not letter.isspace()) or "\ud800" <= letter <= "\udfff" for letter in text):
        raise UsageError(f"the filter holds control characters or is no UTF-8; write a condition such as {EXAMPLE}")
    tree, item = _parsed(bank, text)
    there = columns()
    by_lower = {name.lower(): name for name in there}
    named: set[str] = set()
    for part in _parts(item):
        kind = part["class"]
        if kind not in _PARTS:
            raise UsageError(f"the filter holds {_REFUSED.get(kind, kind.lower())}; expected a condition on one scan's own row")
        if kind == "FUNCTION" and (part["function_name"].lower() not in FUNCTIONS or part.get("schema") or part.get("catalog")):
            raise UnknownNameError("function of a filter", part["function_name"], {name for name in FUNCTIONS if name.isidentifier()})
        if kind == "COLUMN_REF":
            named.add(_column(part, by_lower))
    _in_words_of_the_bank(item, {lower: name for lower, name in by_lower.items() if there[name]})
    written = bank.sql(f"SELECT json_deserialize_sql({quoted(json.dumps(tree))}) AS text").column("text")[0].as_py()
    return Condition(written.removeprefix(_SELECT), tuple(sorted(named)))


def _parsed(bank: Bank, text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """DuckDB's tree of a query that selects the text, and the one item that it selects."""
    query = quoted(_SELECT + text + "\n")
    answer = bank.sql(f"SELECT json_serialize_sql({query}) AS tree").column("tree")[0].as_py()
    try:
        tree = json.loads(answer)
    except RecursionError:
        raise UsageError("the filter is nested too deeply; write it flatter") from None
    if tree["error"]:
        raise UsageError(f"the filter is no SQL expression (syntax error{_where(tree)}); write a condition such as {EXAMPLE}")
    statements = tree["statements"]
    if len(statements) != 1:
        raise UsageError(f"the filter has {len(statements)} statements; expected one condition such as {EXAMPLE}")
    node = statements[0]["node"]
    items = node.get("select_list", [])
    plain = node["type"] == "SELECT_NODE" and node["from_table"]["type"] == "EMPTY" and not node["modifiers"] and not node["cte_map"]["map"]
    rest = [name for name in ("where_clause", "group_expressions", "group_sets", "having", "sample", "qualify") if node.get(name)]
    if not plain or rest:
        raise UsageError(f"the filter is more than an expression; expected a condition alone, such as {EXAMPLE}")
    if len(items) != 1:
        raise UsageError(f"the filter has {len(items)} expressions; expected one condition: join several with AND or OR")
    if items[0].get("alias"):
        raise UsageError(f"the filter gives its expression a name; expected a condition alone, such as {EXAMPLE}")
    return tree, items[0]


def _where(tree: Mapping[str, Any]) -> str:
    place = str(tree.get("position", ""))
    return f" at character {max(1, int(place) - len(_SELECT) + 1)}" if place.isdecimal() else ""


def _parts(node: Any) -> Iterator[dict[str, Any]]:
    """Every part of an expression. Without recursion: a tree may be deep."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if "class" in one:
                yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _column(part: Mapping[str, Any], by_lower: Mapping[str, str]) -> str:
    name = ".".join(part["column_names"])
    if name.lower() not in by_lower:
        raise UnknownNameError("column of a filter", name[:60], by_lower.values(), "Texts stand in single quotes")
    return by_lower[name.lower()]


def _in_words_of_the_bank(item: Any, worded: Mapping[str, str]) -> None:
    """Texts that columns are compared with, as the bank keeps such values. Changes the tree."""
    for part in _parts(item):
        sides = [part["left"], part["right"]] if part["class"] == "COMPARISON" else part.get("children", [])
        if part["class"] == "COMPARISON" or part["type"] in ("COMPARE_IN", "COMPARE_NOT_IN"):
            columns = [one["column_names"][0].lower() for one in sides if one["class"] == "COLUMN_REF"]
            if len(columns) == 1 and columns[0] in worded:
                for one in sides:
                    _reword(one, worded[columns[0]])


def _reword(part: dict[str, Any], column: str) -> None:
    held, key = (part["literal"], "text") if "literal" in part else (part.get("value"), "value")
    if part["class"] != "CONSTANT" or not isinstance(held, dict) or not isinstance(held.get(key), str):
        return
    kept = allow(column, held[key])
    if kept and kept != "other":
        held[key] = kept


def told(error: QueryError) -> UsageError:
    """Why a condition that parses does not run, without the values and the SQL that DuckDB tells of."""
    kind = type(error.__cause__).__name__
    why = {
        "ConversionException": "a text is compared with a number",
        "BinderException": "an operator or a function is given values of a type that it does not take",
        "OutOfRangeException": "a number is out of range",
    }.get(kind, "it cannot be worked out")
    return UsageError(f"the filter does not fit the columns: {why}; numbers stand alone, texts in single quotes, as in {EXAMPLE}")
