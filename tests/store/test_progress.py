"""Listeners of progress."""

from __future__ import annotations

from scanbank.store.progress import Prefixed


class Told:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.said: list[tuple[object, ...]] = []

    def start(self, stage: str, total: int | None = None) -> None:
        self.said.append((stage, total))

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.said.append((steps, note))


def test_stages_say_what_they_are_part_of() -> None:
    told = Told()
    inner = Prefixed(Prefixed(told, "2/6 tiny, brain: "), "LoRA: ")
    inner.start("adapting", 15)
    inner.advance(3, "loss 0.5")
    assert told.said == [("2/6 tiny, brain: LoRA: adapting", 15), (3, "loss 0.5")]
