"""Text search over a bank, in a thread of its own; queries are encoded by the served models and stored nowhere."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, final

from ...embed.encoder import Encoder
from ...eval.indexes import Searchers
from ...eval.search import search
from ...eval.search_sets import foreign_window, searchable
from ...store import Bank
from ...store.errors import EncoderError, SnapshotGoneError, UsageError
from .limits import Limits
from .models import BatchedEncoder, Models
from .problems import Problem
from .schemas import SearchRequest
from .threads import Threads


@final
class Searching:
    """A bank, seen as it is at each search."""

    def __init__(self, bank: str, models: Models, limits: Limits) -> None:
        self._bank = Bank.open(bank)
        self._models = models
        self._threads = Threads("search", 1, limits.queue)
        self._searchers = Searchers()

    async def run(self, asked: SearchRequest) -> dict[str, Any]:
        """The hits as JSON values. Raises Problem."""
        return await self._threads.run(self._search, asked)

    def close(self) -> None:
        self._threads.close()

    def _search(self, asked: SearchRequest) -> dict[str, Any]:
        self._bank.refresh()
        try:
            return self._found(asked)
        except SnapshotGoneError:  # compacted between the two
            self._bank.refresh()
            return self._found(asked)
        except (UsageError, EncoderError) as error:
            # What is said of sets and encoders names the bank by its place on this machine.
            raise Problem(422, str(error).replace(str(self._bank.name), "the bank")) from None

    def _found(self, asked: SearchRequest) -> dict[str, Any]:
        features, encoder = searchable(self._bank, asked.query, encoder=asked.model or "", window=asked.window or "", opened_by=self._open)
        result = asdict(
            search(self._bank, encoder, features, asked.query, k=asked.k, all_series=asked.all_series, searchers=self._searchers)
        )
        del result["query"]
        notes = [note for note in (encoder.note, foreign_window(features.key.view, encoder)) if note]
        return {"model": encoder.spec.name, **result, "notes": notes}

    def _open(self, name: str) -> Encoder:
        for served in self._models:
            if served.name == name:
                return BatchedEncoder(served)
        raise EncoderError(f"encoder {name!r} made vectors of the bank and is not served here; start the service with --encoder {name}")
