"""Parameters that an endpoint refuses are left out one by one."""

from __future__ import annotations

import json

from chat_server import two_findings
from scanbank.eval.labels.llm_prompt import Prompt
from scanbank.eval.labels.llm_settings import LlmSettings
from scanbank.eval.labels.llm_shape import Shape

SETTINGS = LlmSettings("http://localhost", "m", temperature=0.25, max_tokens=77)


def body(shape: Shape) -> dict[str, object]:
    prompt = Prompt(two_findings())
    told = json.loads(shape.body(prompt, SETTINGS, prompt.messages("x")))
    assert told.pop("messages") == prompt.messages("x")
    return told


def test_bodies() -> None:
    schema = body(Shape("json_schema"))
    response = schema.pop("response_format")
    assert isinstance(response, dict)
    assert response["json_schema"] == {"name": "findings", "strict": True, "schema": Prompt(two_findings()).schema}
    assert schema == {"model": "m", "max_tokens": 77, "temperature": 0.25, "stream": False}
    assert body(Shape("json_object"))["response_format"] == {"type": "json_object"}
    assert body(Shape("text", temperature=False, tokens="max_completion_tokens")) == {
        "model": "m",
        "max_completion_tokens": 77,
        "stream": False,
    }


def refusal(**error: object) -> bytes:
    return json.dumps({"error": error}).encode()


def test_what_the_error_names_goes_first() -> None:
    first = Shape("json_schema")
    words = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    second = first.without(refusal(message=words, param="max_tokens"))
    assert second is not None
    assert second == Shape("json_schema", tokens="max_completion_tokens")
    third = second.without(refusal(message="Unsupported value", param="temperature"))
    assert third is not None
    assert third == Shape("json_schema", False, "max_completion_tokens")
    fourth = third.without(refusal(param="temperature"))
    assert fourth is not None
    assert fourth == Shape("json_object", False, "max_completion_tokens")
    assert third.differs(first) == "the temperature: it has its own"
    assert fourth.differs(first).startswith("answers in the form json_schema: they are asked for as JSON of any form and checked here and")


def test_otherwise_the_form_of_the_answer_is_asked_for_less_strictly() -> None:
    shape, seen = Shape("json_schema"), []
    for data in (b"<html>", b'{"detail": "temperature"}', b"[]"):
        seen.append(shape)
        after = shape.without(data)
        if after is None:
            break
        shape = after
    assert [one.format for one in seen] == ["json_schema", "json_object", "text"]
    assert shape.without(b"") is None


def test_words_far_behind_are_not_read() -> None:
    echo = refusal(message="bad request " + "x" * 400 + " temperature")
    assert Shape("json_schema").without(echo) == Shape("json_object")
