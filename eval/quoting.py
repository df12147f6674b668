"""Texts within the bank's own SQL."""

from __future__ import annotations


def quoted(value: str) -> str:
    """A text as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"
