"""Asking an endpoint on this machine for labels, without waiting for pauses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chat_server import ChatServer, Reply, Seen, by_words, two_findings
from scanbank.eval.labels.llm import LlmLabels, llm_labels
from scanbank.eval.labels.llm_rate import Timer
from scanbank.eval.labels.llm_settings import LlmSettings

TWO = two_findings()
REPORTS = ["A nodule.", "An effusion.", "A nodule and an effusion.", "Clear."]
STATUSES = [("present", "absent"), ("absent", "present"), ("present", "present"), ("absent", "absent")]


class Naps:
    """Pauses, which are not waited for: time passes by them alone."""

    def __init__(self) -> None:
        self.made: list[float] = []
        self.timer = Timer(lambda: sum(self.made), self.nap)

    def nap(self, seconds: float) -> None:
        if seconds:
            self.made.append(seconds)


def ask(server: ChatServer, texts: list[str], naps: Naps | None = None, **options: Any) -> LlmLabels:
    settings = LlmSettings(server.url, "m", **{"send_text": True, "concurrency": 1, "timeout_s": 10.0, "tries": 3, **options})
    return llm_labels(texts, TWO, settings, timer=(naps or Naps()).timer)


def told(found: LlmLabels) -> list[tuple[str, str] | None]:
    return [None if one is None else (one["nodule"], one["effusion"]) for one in found.labels]


def in_turn(*replies: Reply) -> Callable[[Seen], Reply]:
    """These, and then as it should be."""
    left = iter(replies)
    return lambda seen: next(left, None) or by_words(seen)
