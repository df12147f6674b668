"""The card of an index: all that is known of it, as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, final

import faiss

from ...store.index_folder import FORMAT

KINDS = ("exact", "hnsw", "ivfpq")
"""Every vector compared; a graph of neighbours (Malkov and Yashunin, 2018); compressed vectors in lists (Jegou et al., 2011)."""
K = 10
"""Answers of which recall counts how many are found."""


@final
@dataclass(frozen=True)
class Plan:
    """How a search is done."""

    way: str
    """`exact` compares every row; `cells` those in the cells nearest to the query; `graph` walks; `lists` reads compressed rows."""
    width: int = 0
    """Cells or lists to look into, or the candidates that a walk keeps (efSearch)."""
    recall: float = 1.0
    """recall@10 against exact search, over the index's sample of queries."""
    cost: float = 0.0
    """About how many rows of vectors a query reads."""
    floor: float = -1.0
    """The lowest score of a tenth answer to these queries. A query that finds less is unlike them: it is asked again, exactly."""
    sure: float = 1.0
    """The recall that as many other queries would have with a certainty of 99%."""


@final
@dataclass(frozen=True)
class Part:
    """Rows that were appended to the file of vectors at once."""

    rows: int
    crc32c: int


@final
@dataclass(frozen=True)
class IndexCard:
    """What an index is of, how it was made, how well it finds."""

    set: str
    """Digest of the feature set's key: an index of another encoder or view is another's."""
    name: str
    """Of the feature set, with its pooling."""
    pooling: str
    """`mean` where slice vectors were pooled into one of a volume; else empty."""
    version: str
    """Of the set's rows."""
    snapshot: str
    """At which it was made or brought up to date."""
    kind: str
    dim: int
    rows: int
    """Vectors in it, those that are no longer searched too."""
    tombstones: int
    """Rows of what the set no longer holds: they are passed over."""
    built_rows: int
    """Rows when it was last made as a whole."""
    tail: int
    """Of the rows the last that no graph or list holds: they are compared one by one."""
    settings: dict[str, int]
    """With which it was made."""
    plan: Plan
    """How all of it is searched, with the recall that was measured."""
    recall_asked: float
    parts: tuple[Part, ...] = ()
    files: dict[str, str] = field(default_factory=dict[str, str])
    """Names of its files, by what they hold."""
    sha256: dict[str, str] = field(default_factory=dict[str, str])
    """Digests of these, by what they hold."""
    format: int = FORMAT
    faiss: str = faiss.__version__

    @property
    def linked(self) -> int:
        """Rows before the tail."""
        return self.rows - self.tail

    @property
    def reaches(self) -> bool:
        """Whether the recall that was measured is what was asked."""
        return self.plan.recall >= self.recall_asked

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def card_of(about: dict[str, Any]) -> IndexCard:
    """The card that `to_dict` gave. Raises ValueError or TypeError where it is none, or of another format or version of FAISS."""
    card = IndexCard(**{**about, "plan": Plan(**about["plan"]), "parts": tuple(Part(**part) for part in about["parts"])})
    if card.format != FORMAT or card.faiss.split(".")[:2] != faiss.__version__.split(".")[:2] or card.kind not in KINDS:
        raise ValueError(f"an index of format {card.format} and FAISS {card.faiss}")
    return card
