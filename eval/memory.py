"""What searches of one snapshot share, so that a service works it out once: who is compared, what a filter keeps, counts of words."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, TypeVar, cast, final

from .indexes import Searchers

if TYPE_CHECKING:
    from ..store.bank import Bank

T = TypeVar("T")
_MOST = 64
"""Things that are kept; the one that was asked for longest ago goes first."""


@final
class Memory:
    """By key, of the snapshot that was asked of last: a bank that changed is never answered from what it was. For one thread."""

    def __init__(self) -> None:
        self.searchers = Searchers()
        """Indexes that stay open; of the newest snapshot too."""
        self._snapshot = ""
        self._held: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, bank: Bank, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, or gave for that key before."""
        if bank.snapshot.id != self._snapshot:
            self._held.clear()
            self._snapshot = bank.snapshot.id
        if key not in self._held:
            self._held[key] = make()
            while len(self._held) > _MOST:
                self._held.popitem(last=False)
        self._held.move_to_end(key)
        return cast("T", self._held[key])
