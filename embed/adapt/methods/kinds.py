"""The methods by name. A new one is a file and a line."""

from __future__ import annotations

from ....store.errors import UnknownNameError
from .adapters import BlockAdapters
from .base import Method
from .lora import Lora
from .partial import Full, Partial

METHODS: dict[str, Method] = {method.name: method for method in (Lora(), Partial(), BlockAdapters(), Full())}


def method_named(name: str) -> Method:
    """Raises UnknownNameError where there is none of that name."""
    if name not in METHODS:
        raise UnknownNameError("method", name, METHODS)
    return METHODS[name]
