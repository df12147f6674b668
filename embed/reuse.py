"""Scans of equal content share the computation: the vector is copied, and each item keeps its own row."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..store.feature_rows import FeatureRows
from ..store.specs import FeatureKey
from .plan import Present, Work
from .wanted import is_of_content

if TYPE_CHECKING:
    from ..store.bank import Bank

_REUSE_BYTES = 64 * 2**20
"""Vectors of this run that are kept at hand; older ones are computed again."""


class Reusable:
    """Vectors by content digest, from this run or from the bank."""

    def __init__(self, bank: Bank, have: Mapping[str, Present], *, by_slice: bool) -> None:
        """`by_slice`: sets of kind `tokens` hold those of slices."""
        self._by_slice = by_slice
        self._sets = {s.digest: s for s in bank.feature_sets}
        self._have = have
        query = """SELECT c.content, v.volume, v.ordinal, v.slices, v.slice_ordinal
            FROM contents c JOIN volumes v USING (volume) ORDER BY v.ordinal"""
        rows = bank.sql(query).to_pylist()
        self._known = {row["volume"]: row["content"] for row in rows}
        self._embedded: dict[str, list[Work]] = {}
        for row in rows:
            if row["content"] is None:  # its files changed: what they hold now is yet to be seen
                continue
            self._embedded.setdefault(row["content"], []).append(Work(row["volume"], row["ordinal"], row["slices"], row["slice_ordinal"]))
        self._recent: OrderedDict[tuple[str, str], FeatureRows] = OrderedDict()
        self._bytes = 0

    def content_of(self, volume: str) -> str | None:
        """The content digest that was written down for a volume."""
        return self._known.get(volume)

    def is_new(self, work: Work, content: str) -> bool:
        """Whether the content digest of a volume is yet to be written down."""
        return self._known.get(work.volume) != content

    def find(self, key: FeatureKey, content: str) -> FeatureRows | None:
        """All items' vectors of a scan of this content, from this run or from the bank; none where the content does not settle them."""
        if not is_of_content(key.view):
            return None
        if (recent := self._recent.get((key.digest, content))) is not None:
            return recent
        for work in self._embedded.get(content, []):
            items = work.items_of(key, by_slice=self._by_slice)
            if len(items) and self._have[key.digest].mask(items).all():
                return self._sets[key.digest].rows_of(items)
        return None

    def keep(self, key: FeatureKey, content: str, vectors: FeatureRows) -> None:
        if (key.digest, content) in self._recent:
            return
        self._recent[key.digest, content] = vectors
        self._bytes += vectors.nbytes
        while self._bytes > _REUSE_BYTES:
            _, dropped = self._recent.popitem(last=False)
            self._bytes -= dropped.nbytes
