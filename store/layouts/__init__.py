"""Collections as their authors distribute them: what folders and tables mean. A new one is one file and a line in `LAYOUTS`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from ..errors import UnknownNameError
from .base import Layout, LayoutTable
from .finding import find_tables

__all__ = ["LAYOUTS", "Layout", "LayoutTable", "open_layout"]

LAYOUTS = {"cq500": ".cq500", "ct-rate": ".ct_rate"}
"""Name to the module whose `open_tables` makes it of the tables found."""


def open_layout(name: str, roots: Sequence[Path], tables: Sequence[Path] = ()) -> Layout:
    """A collection, with its tables read: a mistake in one of them should not cost the scans.

    Args:
        name: One of `LAYOUTS`.
        roots: Folders and files as given; tables are looked for among and below them.
        tables: Tables as given, wherever they are.

    Raises:
        UnknownNameError: there is no such layout.
        TableError: a table that is needed is missing, or one cannot be understood.
    """
    if name not in LAYOUTS:
        raise UnknownNameError("layout", name, LAYOUTS)
    return import_module(LAYOUTS[name], __package__).open_tables(find_tables(roots, tables), roots)
