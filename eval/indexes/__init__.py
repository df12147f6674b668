"""Indexes of vectors: exact, a graph of neighbours, or compressed lists. Derived from the bank, never the truth."""

from .card import KINDS, IndexCard, Plan
from .index import Found, VectorIndex
from .opening import RECALL, build_index, cards, drop_index, open_index
from .searcher import Searcher
from .searchers import Searchers
from .vectors import unit

__all__ = [
    "KINDS",
    "RECALL",
    "Found",
    "IndexCard",
    "Plan",
    "Searcher",
    "Searchers",
    "VectorIndex",
    "build_index",
    "cards",
    "drop_index",
    "open_index",
    "unit",
]
