"""What a run would send, and about what that costs; known before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

from .llm_cache import AnswerCache, report_digest
from .llm_prompt import Prompt
from .llm_settings import MOST_CHARACTERS, LlmSettings

_BYTES_PER_TOKEN = 4
"""About, in English and other languages of the Latin alphabet."""
_FRAME_TOKENS = 8
"""Around each message."""


@final
@dataclass(frozen=True)
class Plan:
    """Reports by digest of their text, each text once."""

    digests: tuple[str, ...]
    """(N,) of the reports; empty for those that are blank, which nobody is asked about."""
    answered: Mapping[str, Mapping[str, bool]]
    """Answers of earlier runs."""
    pending: Mapping[str, str]
    """Texts to be sent, in the order in which they come first."""
    too_long: frozenset[str]
    """Digests of those that are longer than is sent."""


@final
@dataclass(frozen=True)
class Estimate:
    """About what a run costs."""

    reports: int
    """All."""
    answered: int
    """Of these, answered in earlier runs."""
    requests: int
    """At least: equal texts are sent once."""
    tokens_in: int
    """About."""
    tokens_out: int
    """About, without reasoning."""

    def price(self, price_in: float, price_out: float) -> float:
        """In the currency of the prices, which are those of a million tokens."""
        return (self.tokens_in * price_in + self.tokens_out * price_out) / 1e6


def plan(texts: Sequence[str], prompt: Prompt, cache: AnswerCache) -> Plan:
    digests = tuple(report_digest(text) if text.strip() else "" for text in texts)
    of = {digest: text for digest, text in zip(digests, texts, strict=True) if digest}
    answered = cache.get(of, prompt.findings.names)
    too_long = frozenset(digest for digest, text in of.items() if len(text) > MOST_CHARACTERS)
    pending = {digest: text for digest, text in of.items() if digest not in answered and digest not in too_long}
    return Plan(digests, answered, pending, too_long)


def estimate(planned: Plan, prompt: Prompt) -> Estimate:
    fixed = sum(_tokens(message["content"]) for message in prompt.messages(""))
    answer = _tokens(prompt.answer(()))
    sent = sum(_tokens(text) for text in planned.pending.values())
    requests = len(planned.pending)
    answered = sum(digest in planned.answered for digest in planned.digests)
    return Estimate(len(planned.digests), answered, requests, fixed * requests + sent, answer * requests)


def what_is_sent(planned: Plan, prompt: Prompt, settings: LlmSettings) -> str:
    """For the user, before the word that it may be sent."""
    about = estimate(planned, prompt)
    lines = [
        f"{about.requests} report texts would be sent to {settings.url} (model {settings.model}), one request each",
        f"about {about.tokens_in:,} tokens in and {about.tokens_out:,} out; {about.answered} of {about.reports} are answered already",
    ]
    if settings.in_clear:
        lines.append(f"they would cross the network unencrypted: {settings.host} is not this machine, the address http:")
    lines += [f"{len(prompt.examples)} examples go with each" if prompt.examples else "no examples go with them", "instructions:", ""]
    return "\n".join([*lines, prompt.instructions])


def _tokens(text: str) -> int:
    return len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN + _FRAME_TOKENS
