"""The encoders that a service offers, each behind its batcher."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, final

import numpy as np

from ...embed.encoder import Encoded, Encoder, Side
from ...store.errors import UsageError
from .batcher import Batcher, Observer, Rows
from .limits import Limits
from .problems import Problem


@final
class Served:
    """One encoder and the thread that runs it."""

    def __init__(self, encoder: Encoder, limits: Limits, observe: Observer) -> None:
        self.encoder = encoder
        self.limits = limits
        self.batcher = Batcher(encoder, limits, observe)

    @property
    def name(self) -> str:
        return self.encoder.spec.name

    def describe(self) -> dict[str, Any]:
        """All that a client needs to stand for this encoder: its spec, by whose digest vectors are the same set, and what it takes."""
        one = self.encoder
        return {
            "name": self.name,
            "digest": one.spec.digest,
            "spec": one.spec.to_dict(),
            "view": one.view.to_dict(),
            "offers": sorted(one.offers),
            "channels": sorted(one.channels),
            "size": None if one.size is None else list(one.size),
            "gives_depth": one.gives_depth,
            "note": one.note,
        }

    def require(self, side: Side) -> Served:
        """Itself. Raises Problem 422 where the encoder has no such side."""
        if side not in self.encoder.offers:
            raise Problem(422, f"model {self.name} has no {side} side; it takes: {', '.join(sorted(self.encoder.offers))}")
        return self

    async def encode(self, side: Side, rows: Rows) -> Encoded:
        """Vectors of rows that were checked. Raises Problem and EncoderError as `Batcher.encode`."""
        return await self.batcher.encode(side, rows)


@final
class BatchedEncoder(Encoder):
    """A served encoder as any other, for code that runs in a thread of its own: its calls wait their turn in the batcher."""

    def __init__(self, served: Served) -> None:
        one = served.encoder
        self.spec, self.view, self.offers, self.channels = one.spec, one.view, one.offers, one.channels
        self.size, self.note, self.gives_depth = one.size, one.note, one.gives_depth
        self._served = served

    def _encode(self, side: Side, batch: Any) -> Encoded:
        rows: Rows = batch if side == "text" else np.asarray(batch)
        return self._served.batcher.submit(side, rows).result(self._served.limits.timeout_s)


@final
class Models:
    """By name; the first one is what a request gets that names none."""

    def __init__(self, served: Sequence[Served]) -> None:
        """Raises UsageError where two have one name: clients could not tell them apart."""
        self._by_name = {one.name: one for one in served}
        if len(self._by_name) < len(served):
            name, times = Counter(one.name for one in served).most_common(1)[0]
            raise UsageError(
                f"{times} encoders are called {name!r}, by which clients ask for them; expected names that differ: "
                "rename one's file, name each once, or serve them by two services (--port)"
            )

    def __iter__(self) -> Iterator[Served]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def get(self, name: str | None, side: Side) -> Served:
        """The model of this name, `tiny` being any version of it; without a name, the first that has the side.

        Raises:
            Problem: 404 where there is no such model, 422 where it has no such side.
        """
        if name is None:
            return next((one for one in self if side in one.encoder.offers), next(iter(self))).require(side)
        found = self._by_name.get(name) or next((one for one in self if one.name.partition("@")[0] == name), None)
        if found is None:
            raise Problem(404, f"no model of that name is served; there are: {', '.join(self._by_name)}")
        return found.require(side)

    def start(self) -> None:
        for one in self:
            one.batcher.start()

    def close(self) -> None:
        """Ends the threads, after what they have accepted."""
        for one in self:
            one.batcher.close()
