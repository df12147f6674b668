"""Search over a bank, in a thread of its own; queries are encoded by the served models and stored nowhere."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, final

from ...embed.encoder import Encoder
from ...eval.like import require_item
from ...eval.memory import Memory
from ...eval.search import Asked, answer
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
        self._memory = Memory()
        self._threads = Threads("search", 1, limits.queue)

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
            raise Problem(422, self._plain(str(error))) from None

    def _found(self, asked: SearchRequest) -> dict[str, Any]:
        if asked.query is None and asked.like is None:
            raise UsageError("the request has neither a query nor what hits should be like; give one of them")
        models = [asked.model] if isinstance(asked.model, str) else asked.model or []
        sets = [asked.features] if isinstance(asked.features, str) else asked.features or []
        given = answer(
            self._bank,
            Asked(
                asked.query or "",
                like=None if asked.like is None else require_item(self._bank, asked.like),
                find=asked.find,
                per=asked.per,
                where=asked.where or "",
                encoders=tuple(models),
                features=tuple(sets),
                window=asked.window or "",
                bm25=asked.bm25,
                k=asked.k,
                all_series=asked.all_series,
            ),
            opened_by=self._open,
            memory=self._memory,
        )
        result = asdict(given.result)
        del result["query"]
        result["notes"] = [self._plain(note) for note in given.result.notes]
        return {"model": " + ".join(one.features.key.encoder.name for one in given.chosen) or "bm25", **result}

    def _plain(self, text: str) -> str:
        """Without the bank's place on this machine, by which what is said of sets and encoders names it."""
        return text.replace(str(self._bank.name), "the bank")

    def _open(self, name: str) -> Encoder:
        for served in self._models:
            if served.name == name:
                return BatchedEncoder(served)
        raise EncoderError(f"encoder {name!r} made vectors of the bank and is not served here; start the service with --encoder {name}")
