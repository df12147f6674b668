"""What would be sent, and about what it costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat_server import two_findings
from scanbank.eval.labels.llm_cache import AnswerCache, report_digest
from scanbank.eval.labels.llm_plan import Plan, estimate, plan, what_is_sent
from scanbank.eval.labels.llm_prompt import Prompt
from scanbank.eval.labels.llm_settings import Example, LlmSettings

PROMPT = Prompt(two_findings())


@pytest.fixture
def planned(tmp_path: Path) -> Plan:
    texts = ["a" * 400, "b" * 400, "a" * 400, "", "c" * 800, "d" * 200_001]
    with AnswerCache.open("p", "m", tmp_path / "answers.sqlite") as cache:
        cache.put(report_digest("b" * 400), {"nodule": True, "effusion": False})
        return plan(texts, PROMPT, cache)


def test_each_text_is_sent_once_and_only_where_it_was_not_answered(planned: Plan) -> None:
    assert list(planned.pending.values()) == ["a" * 400, "c" * 800]
    assert planned.too_long == {report_digest("d" * 200_001)}
    assert planned.digests[3] == ""
    assert planned.digests[0] == planned.digests[2]


def test_the_estimate_grows_with_texts_and_examples(planned: Plan) -> None:
    about = estimate(planned, PROMPT)
    assert (about.reports, about.answered, about.requests) == (6, 1, 2)
    fixed = len(PROMPT.instructions) // 4
    assert about.tokens_in == pytest.approx(2 * fixed + 300, abs=100)
    assert about.tokens_out == pytest.approx(2 * len(PROMPT.answer(())) / 4, abs=20)
    longer = estimate(planned, Prompt(two_findings(), (Example("x" * 4000, frozenset()),)))
    assert longer.tokens_in - about.tokens_in == pytest.approx(2000, abs=100)
    assert about.price(2.0, 10.0) == pytest.approx((2 * about.tokens_in + 10 * about.tokens_out) / 1e6)


def test_the_user_reads_what_goes_where(planned: Plan) -> None:
    told = what_is_sent(planned, PROMPT, LlmSettings("https://host.example", "m"))
    assert told.startswith("2 report texts would be sent to https://host.example/v1/chat/completions (model m), one request each\n")
    assert "1 of 6 are answered already" in told
    assert "unencrypted" not in told
    assert PROMPT.instructions in told
    assert "aaaa" not in told
    assert "unencrypted: host.example is not this machine" in what_is_sent(planned, PROMPT, LlmSettings("http://host.example", "m"))
