"""When what was added to an index is linked."""

from __future__ import annotations

import pytest

from scanbank.eval.indexes.card import IndexCard, Plan
from scanbank.eval.indexes.making import trails


@pytest.mark.parametrize(
    ("rows", "tail", "way", "expected"),
    [
        (2000, 512, "graph", False),
        (2000, 513, "graph", True),
        (2000, 513, "cells", True),
        (22_000, 2000, "lists", False),
        (22_001, 2001, "lists", True),
        (1_000_000, 4096, "graph", False),
        (1_000_000, 4097, "graph", True),
        (1_000_000, 4097, "lists", True),
        (1_000_000, 4097, "cells", False),
        (1_100_000, 100_000, "cells", False),
        (1_100_001, 100_001, "cells", True),
    ],
)
def test_a_tail_is_linked_when_it_costs_searches_much(rows: int, tail: int, way: str, expected: bool) -> None:
    card = IndexCard("d", "a set", "", "1", "s", "hnsw", 8, rows, 0, rows, tail, {}, Plan(way), 0.95)
    assert trails(card) == expected
