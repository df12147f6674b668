"""Answers: JSON out of whatever stands around it, each key checked; reasons that quote nothing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_server import completion, two_findings
from scanbank.eval.labels.llm_answer import content_of, findings_of
from scanbank.eval.labels.llm_errors import AnswerError

GOOD = '{"nodule": "POS", "effusion": "NEG"}'
FOUND = {"nodule": True, "effusion": False}
TWO = two_findings()


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        f"\n  {GOOD}\n",
        f"```json\n{GOOD}\n```",
        f"Here you are:\n```\n{GOOD}\n```\nAnything else?",
        f'<think>Is {{nodule}} there? Draft: {{"nodule": "NEG", "effusion": "NEG"}}. No: it is.</think>{GOOD}',
        f'The form is {{"nodule": "POS" or "NEG"}}, so: {GOOD} {{end',
        '{"nodule": "pos", "effusion": " Neg "}',
        '{"nodule": "POS", "nodule": "POS", "effusion": "NEG"}',
    ],
)
def test_answers_that_do(content: str) -> None:
    assert findings_of(content, TWO) == FOUND


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("I cannot say.", "it holds no JSON object"),
        (GOOD[:-1], "it holds no JSON object"),
        ('["POS", "NEG"]', "it holds no JSON object"),
        ('{"nodule": "POS"}', "without effusion"),
        ("{}", "without nodule, effusion"),
        ('{"nodule": "POS", "effusion": "NEG", "secret mass": "POS"}', "1 key that is no finding"),
        ('{"nodule": "POS", "effusion": "maybe"}', "neither POS nor NEG: effusion"),
        ('{"nodule": true, "effusion": null}', "neither POS nor NEG: nodule, effusion"),
        ('{"nodule": ["POS"], "effusion": "NEG"}', "neither POS nor NEG: nodule"),
        ('{"nodule": "POS", "nodule": "NEG", "effusion": "NEG"}', "both: nodule"),
        ('{"findings": {"nodule": "POS", "effusion": "NEG"}}', "without nodule, effusion; 1 key that is no finding"),
        ('{"Nodule": "POS", "effusion": "NEG"}', "without nodule; 1 key that is no finding"),
        ('{"a": 1, "b": 2, "nodule": "x"}', "without effusion; neither POS nor NEG: nodule; 2 keys that are no finding"),
    ],
)
def test_answers_that_do_not(content: str, reason: str) -> None:
    with pytest.raises(AnswerError) as told:
        findings_of(content, TWO)
    assert str(told.value) == reason
    assert told.value.content == content


@given(st.text(alphabet='{}[]":,\\ POSNEGnoduleffusi', max_size=200))
def test_any_text_is_an_answer_or_an_answer_error(text: str) -> None:
    try:
        found = findings_of(text, TWO)
    except AnswerError:
        return
    assert set(found) == {"nodule", "effusion"}


@pytest.mark.parametrize("piece", ["{", '{"a":', "[", '{"', '{"nodule": "POS", ', '{"a":[', "\\", "{}"])
def test_long_hostile_answers_end(piece: str) -> None:
    content = (piece * 200_000)[:200_000]
    with pytest.raises(AnswerError):
        findings_of(content, TWO)


def test_the_text_of_a_completion() -> None:
    assert content_of(completion(GOOD).body, "application/json") == GOOD
    parts = [{"type": "text", "text": GOOD[:5]}, {"type": "image"}, {"type": "text", "text": GOOD[5:]}]
    assert content_of(completion(parts).body, "application/json") == GOOD


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>secret</html>", "the endpoint answered with text/html, and not in JSON"),
        (b"\xff\xfe{}", "and not in JSON"),
        (b"[" * 100_000, "and not in JSON"),
        (b"", "and not in JSON"),
        (b"{}", "JSON that is no chat completion"),
        (b"[]", "JSON that is no chat completion"),
        (b'{"choices": []}', "JSON that is no chat completion"),
        (b'{"choices": [{"message": "secret"}]}', "JSON that is no chat completion"),
        (b'{"choices": {"0": 1}}', "JSON that is no chat completion"),
        (completion(None).body, "the answer is empty"),
        (completion("  ").body, "the answer is empty"),
        (completion(7).body, "the answer is empty"),
        (completion([1, {"text": 2}]).body, "the answer is empty"),
        (completion(GOOD[:9], finish_reason="length").body, "longer than max_tokens"),
        (completion("", finish_reason="content_filter").body, "the model refused to answer"),
        (completion(None, message={"content": None, "refusal": "secret"}).body, "the model refused to answer"),
        (completion("x" * 200_001).body, "the answer has 200,001 characters"),
    ],
    ids=range(17),
)
def test_what_is_no_completion_is_told_without_a_quote(body: bytes, reason: str) -> None:
    with pytest.raises(AnswerError, match=reason) as told:
        content_of(body, "text/html")
    assert "secret" not in str(told.value)


def test_many_keys_are_counted_and_not_listed() -> None:
    content = json.dumps({f"k{i}": "POS" for i in range(5000)})
    with pytest.raises(AnswerError, match=r"^without nodule, effusion; 5000 keys that are no finding$"):
        findings_of(content, TWO)
