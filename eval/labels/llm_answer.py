"""What a model answered, taken out of what stands around it and checked. Reasons never quote it: it may quote the report."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from .finding import FindingSet
from .llm_errors import AnswerError
from .llm_prompt import NEGATIVE, POSITIVE

MOST_CHARACTERS = 200_000
"""Of an answer's text, reasoning included."""
_MOST_OBJECTS = 1000
"""Places where an object may begin that are tried."""


def content_of(data: bytes, kind: str) -> str:
    """The text of a chat completion.

    Args:
        data: the body.
        kind: its media type, for messages.

    Raises:
        AnswerError: it is no chat completion, was cut, or the model refused.
    """
    try:
        told: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise AnswerError(f"the endpoint answered with {kind}, and not in JSON") from error
    try:
        choice = told["choices"][0]
        message = choice["message"]
        content = message["content"]
        finish, refusal = choice.get("finish_reason"), message.get("refusal")
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise AnswerError("the endpoint answered with JSON that is no chat completion") from error
    if isinstance(content, list):  # parts, as newer interfaces have them
        content = "".join(part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str))
    content = content if isinstance(content, str) else ""
    if finish == "length":
        raise AnswerError("the answer was cut: it is longer than max_tokens")
    if refusal or finish == "content_filter":
        raise AnswerError("the model refused to answer")
    if len(content) > MOST_CHARACTERS:
        raise AnswerError(f"the answer has {len(content):,} characters; expected a JSON object")
    if not content.strip():
        raise AnswerError("the answer is empty")
    return content


def findings_of(content: str, findings: FindingSet) -> dict[str, bool]:
    """Whether each finding is present: the last object of the answer that has all of them, in a code fence or after reasoning or not.

    Raises:
        AnswerError: there is none; the reason is that of the last object.
    """
    found: dict[str, bool] | None = None
    wrong = "it holds no JSON object"
    for pairs in _objects(content):
        try:
            found = _checked(pairs, findings.names)
        except AnswerError as error:
            wrong = str(error)
    if found is None:
        raise AnswerError(wrong, content)
    return found


class _Pairs(list[tuple[str, Any]]):
    """An object as it is written: a key may stand twice."""


_DECODER = json.JSONDecoder(object_pairs_hook=_Pairs)


def _objects(content: str) -> Iterable[_Pairs]:
    """Objects of a text, from left to right, those within others left out."""
    at = content.find("{")
    for _ in range(_MOST_OBJECTS):
        if at < 0:
            return
        try:
            value, end = _DECODER.raw_decode(content, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield value
        at = content.find("{", end)


def _checked(pairs: _Pairs, names: tuple[str, ...]) -> dict[str, bool]:
    found: dict[str, bool] = {}
    extra, wrong, twice = 0, [], []
    for key, value in pairs:
        if key not in names:
            extra += 1
        elif not isinstance(value, str) or value.strip().upper() not in (POSITIVE, NEGATIVE):
            wrong.append(key)
        elif found.setdefault(key, value.strip().upper() == POSITIVE) != (value.strip().upper() == POSITIVE):
            twice.append(key)
    missing = [name for name in names if name not in found and name not in wrong]
    said = [f"{what} {_some(keys)}" for what, keys in (("without", missing), ("neither POS nor NEG:", wrong), ("both:", twice)) if keys]
    if extra:
        said.append(f"{extra} key{'s' * (extra > 1)} that {'are' if extra > 1 else 'is'} no finding")
    if said:
        raise AnswerError("; ".join(said))
    return found


def _some(keys: Iterable[str]) -> str:
    named = list(dict.fromkeys(keys))
    return ", ".join(named[:5]) + (f" and {len(named) - 5} more" if len(named) > 5 else "")
