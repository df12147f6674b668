"""What is asked: all findings once, examples, the report between marks; and a digest of all of it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from chat_server import two_findings
from scanbank.eval.labels import BUNDLED, finding_set
from scanbank.eval.labels.llm_prompt import Prompt, corrected
from scanbank.eval.labels.llm_settings import Example, LlmSettings

SETTINGS = LlmSettings("http://localhost", "m")


def test_messages_take_turns() -> None:
    prompt = Prompt(two_findings(), (Example("A nodule.", frozenset({"nodule"})), Example("Clear.", frozenset())))
    messages = prompt.messages("Small effusion.")
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert "- nodule: Lung nodule. A small opacity." in messages[0]["content"]
    assert messages[1]["content"] == "<report>\nA nodule.\n</report>"
    assert json.loads(messages[2]["content"]) == {"nodule": "POS", "effusion": "NEG"}
    assert json.loads(messages[4]["content"]) == {"nodule": "NEG", "effusion": "NEG"}
    assert messages[-1]["content"] == "<report>\nSmall effusion.\n</report>"
    again = corrected(messages, "", "without nodule")
    assert [message["role"] for message in again[-3:]] == ["user", "assistant", "user"]
    assert again[-2]["content"] == "{}"
    assert "without nodule" in again[-1]["content"]


def test_lone_surrogates_are_replaced() -> None:
    assert Prompt(two_findings()).messages("a\ud800b")[-1]["content"] == "<report>\na?b\n</report>"


@pytest.mark.parametrize("name", BUNDLED)
def test_every_finding_stands_in_instructions_and_schema(name: str) -> None:
    prompt = Prompt(finding_set(name))
    for finding in prompt.findings.findings:
        assert f"\n- {finding.name}: " in prompt.instructions
        assert f'"{finding.name}": "NEG"' in prompt.instructions
    assert prompt.schema["required"] == list(prompt.findings.names)
    assert set(prompt.schema["properties"]) == set(prompt.findings.names)
    assert prompt.schema["additionalProperties"] is False


def test_the_digest_covers_what_changes_an_answer() -> None:
    findings = two_findings()
    first = Prompt(findings).digest(SETTINGS)
    others = [
        Prompt(findings, (Example("A nodule.", frozenset({"nodule"})),)).digest(SETTINGS),
        Prompt(finding_set("chest18")).digest(SETTINGS),
        *(
            Prompt(findings).digest(replace_(SETTINGS, **change))
            for change in ({"temperature": 0.5}, {"max_tokens": 99}, {"format": "text"})
        ),
    ]
    assert len({first, *others}) == 6
    alike = replace_(SETTINGS, concurrency=1, timeout_s=3.0, tries=1, send_text=True, endpoint="http://127.0.0.1:1")
    assert Prompt(two_findings()).digest(alike) == first


def replace_(settings: LlmSettings, **change: object) -> LlmSettings:
    return replace(settings, **change)  # pyright: ignore[reportArgumentType]
