"""How long jobs tell that they go on, without knowing who listens."""

from __future__ import annotations

from typing import Protocol, final


class Progress(Protocol):
    """A listener. `start` opens a stage, with the number of steps where it is known."""

    def start(self, stage: str, total: int | None = None) -> None: ...

    def advance(self, steps: int = 1, note: str = "") -> None: ...


class Silent:
    """The listener that shows nothing."""

    def start(self, stage: str, total: int | None = None) -> None:
        del stage, total

    def advance(self, steps: int = 1, note: str = "") -> None:
        del steps, note


@final
class Prefixed:
    """Tells another listener, with words before each stage: which part of a longer job it is of."""

    def __init__(self, listener: Progress, words: str) -> None:
        self._listener, self._words = listener, words

    def start(self, stage: str, total: int | None = None) -> None:
        self._listener.start(self._words + stage, total)

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._listener.advance(steps, note)
