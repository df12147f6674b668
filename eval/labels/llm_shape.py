"""The parameters that a request has: endpoints and models refuse some of them, each others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, final

from .llm_prompt import Prompt
from .llm_settings import FORMATS, Format, LlmSettings

_READ = 300
"""Characters of an error's text that are looked at."""


@final
@dataclass(frozen=True)
class Shape:
    """What is asked beside the messages."""

    format: Format
    temperature: bool = True
    """Whether the temperature is sent: reasoning models have their own."""
    tokens: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the limit is called."""

    def body(self, prompt: Prompt, settings: LlmSettings, messages: Sequence[Mapping[str, str]]) -> bytes:
        asked: dict[str, Any] = {"model": settings.model, "messages": list(messages), self.tokens: settings.max_tokens, "stream": False}
        if self.temperature:
            asked["temperature"] = settings.temperature
        if self.format == "json_schema":
            named = {"name": "findings", "strict": True, "schema": prompt.schema}
            asked["response_format"] = {"type": "json_schema", "json_schema": named}
        elif self.format == "json_object":
            asked["response_format"] = {"type": "json_object"}
        return json.dumps(asked).encode()

    def without(self, refusal: bytes) -> Shape | None:
        """What to try after status 400 with this body; None where nothing is left to leave out."""
        said = _named(refusal)
        if "max_completion_tokens" in said and self.tokens == "max_tokens":
            return replace(self, tokens="max_completion_tokens")
        if "temperature" in said and self.temperature:
            return replace(self, temperature=False)
        place = FORMATS.index(self.format) + 1
        return replace(self, format=FORMATS[place]) if place < len(FORMATS) else None

    def differs(self, other: Shape) -> str:
        """What this leaves out of the other, for people."""
        said = []
        if self.format != other.format:
            how = "as JSON of any form" if self.format == "json_object" else "by the prompt alone"
            said.append(f"answers in the form {other.format}: they are asked for {how} and checked here")
        if self.temperature != other.temperature:
            said.append("the temperature: it has its own")
        return " and ".join(said)


def _named(refusal: bytes) -> str:
    """The parameter that an error names, and the beginning of its words."""
    try:
        told = json.loads(refusal)
        told = told.get("error", told)
        return f"{told.get('param') or ''} {str(told.get('message') or '')[:_READ]}".lower()
    except (ValueError, AttributeError, RecursionError):
        return ""
