"""Texts within the bank's own SQL."""

from __future__ import annotations

from collections.abc import Iterable


def quoted(value: str) -> str:
    """A text as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


def listed(values: Iterable[str]) -> str:
    """Texts as SQL has them after IN."""
    return f"({', '.join(map(quoted, values))})"
