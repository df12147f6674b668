"""Where a bank lies: a folder, or a prefix in an object store. Everything but vectors is read and written through this."""

from .base import Entry, Place
from .finding import place_of
from .local import LocalPlace

__all__ = ["Entry", "LocalPlace", "Place", "place_of"]
