"""Labels by a model, against an endpoint on this machine that misbehaves in every usual way."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from itertools import count
from pathlib import Path

import pytest

from chat_server import Reply, Seen, as_json, by_words, chat_server, completion
from llm_asking import REPORTS, STATUSES, TWO, Naps, ask, in_turn, told
from scanbank.eval.labels.llm import GIVE_UP, llm_labels
from scanbank.eval.labels.llm_cache import AnswerCache, cache_file, report_digest
from scanbank.eval.labels.llm_prompt import Prompt
from scanbank.eval.labels.llm_settings import Example, LlmSettings
from scanbank.store.errors import UsageError


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SCANBANK_LLM_KEY", raising=False)


def test_each_report_is_asked_once_and_labelled() -> None:
    with chat_server() as server:
        found = ask(server, REPORTS)
        assert told(found) == STATUSES
        assert server.reports == REPORTS
        assert (found.asked, found.answered_before, found.failures, found.notes) == (4, 0, {}, ())
        assert found.source == f"llm:m@{Prompt(TWO).digest(LlmSettings(server.url, 'm'))[:8]}"
        first = server.seen[0]
        assert first.path == "/v1/chat/completions"
        assert first.body["model"] == "m"
        assert first.body["temperature"] == 0
        assert first.body["response_format"]["type"] == "json_schema"
        assert "Authorization" not in first.headers


def test_nothing_is_sent_without_the_users_word() -> None:
    with chat_server() as server:
        with pytest.raises(UsageError, match=r"nothing was sent: 4 report texts would be sent to http://127.*allow it with send_text=True"):
            ask(server, REPORTS, send_text=False)
        assert server.seen == []
        ask(server, REPORTS)
        assert told(ask(server, REPORTS, send_text=False)) == STATUSES  # all of it is there
        assert len(server.seen) == 4


def test_equal_texts_are_sent_once_and_blank_or_huge_ones_never() -> None:
    texts = ["A nodule.", " \n", "A nodule.", "nodule " * 40_000, ""]
    with chat_server() as server:
        found = ask(server, texts)
        assert server.reports == ["A nodule."]
    assert told(found) == [STATUSES[0], ("unmentioned",) * 2, STATUSES[0], None, ("unmentioned",) * 2]
    assert found.failures == {3: "it has more than 200,000 characters"}


@pytest.mark.parametrize("texts", [[], [""]])
def test_nothing_to_ask_needs_no_endpoint(texts: list[str]) -> None:
    found = llm_labels(texts, TWO, LlmSettings("http://127.0.0.1:9", "m"))
    assert len(found.labels) == len(texts)


def test_answers_that_came_are_not_asked_again_and_others_are() -> None:
    with chat_server() as server:
        ask(server, REPORTS[:2])
        found = ask(server, REPORTS)
        assert (found.asked, found.answered_before) == (2, 2)
        assert told(found) == STATUSES
        assert server.reports == REPORTS
        assert ask(server, REPORTS, examples=(Example("x", frozenset()),)).asked == 4
        assert llm_labels(REPORTS, TWO, LlmSettings(server.url, "other", send_text=True)).asked == 4
        found = ask(server, REPORTS)
        assert (found.asked, found.answered_before) == (0, 4)
        assert len(server.seen) == 12


def test_the_cache_holds_no_text() -> None:
    with chat_server() as server:
        ask(server, ["Herr Mustermann has a nodule."], examples=(Example("Frau Beispiel has none.", frozenset()),))
    data = cache_file().read_bytes()
    assert b"nodule" in data  # the finding's name
    assert b"Mustermann" not in data
    assert b"Beispiel" not in data


BAD = '{"nodule": "POS"}'
ODD = {
    "bad json": (completion('{"nodule": "POS", '), "it holds no JSON object"),
    "prose": (completion("There is a nodule in Mustermann."), "it holds no JSON object"),
    "missing keys": (completion(BAD), "without effusion"),
    "extra keys": (completion('{"nodule": "POS", "effusion": "NEG", "Mustermann": "POS"}'), "1 key that is no finding"),
    "wrong values": (completion('{"nodule": "POS", "effusion": "Mustermann"}'), "neither POS nor NEG: effusion"),
    "cut": (completion(BAD, finish_reason="length"), "the answer was cut"),
    "no completion": (as_json({"Mustermann": 1}), "JSON that is no chat completion"),
    "wrong type": (Reply(200, b"<html>Mustermann", {"Content-Type": "text/html"}), "answered with text/html, and not in JSON"),
    "no type": (Reply(200, b""), "answered with nothing of a known type, and not in JSON"),
    "huge": (Reply(200, b" " * (5 << 20)), "the endpoint answered with more than 4 MB"),
    "compressed": (Reply(200, b"\x1f\x8b", {"Content-Encoding": "gzip"}), "answered compressed"),
    "busy": (as_json({}, 429), r"the endpoint is too busy \(status 429\)"),
    "busy for a time": (as_json({}, 429, **{"Retry-After": "7"}), "is too busy"),
    "broken": (as_json({"error": {"message": "Mustermann"}}, 500), r"the endpoint failed \(status 500\)"),
    "overloaded": (Reply(529), r"the endpoint failed \(status 529\)"),
    "late": (as_json({}, 408), r"failed \(status 408\)"),
    "reset": (Reply(None), r"the endpoint broke the connection \((ReadError|RemoteProtocolError)\)"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_goes_wrong_is_asked_again_and_costs_itself_only(name: str) -> None:
    reply, reason = ODD[name]
    naps, numbers = Naps(), count()

    def answer(seen: Seen) -> Reply:
        """The first report's third answer is right, the second report's never is."""
        return reply if next(numbers) < 2 or seen.report == REPORTS[1] else by_words(seen)

    with chat_server(answer) as server:
        found = ask(server, REPORTS[:3], naps)
        assert told(found) == [STATUSES[0], None, STATUSES[2]]
        assert server.reports == [REPORTS[0]] * 3 + [REPORTS[1]] * 3 + [REPORTS[2]]
    assert list(found.failures) == [1]
    assert found.asked == 2
    assert re.search(reason, found.failures[1])
    assert "Mustermann" not in found.failures[1]
    assert "\n" not in found.failures[1]
    pauses = {"busy": [2.0, 4.0] * 2, "busy for a time": pytest.approx([7.0] * 5, abs=0.5)}
    assert naps.made == pauses.get(name, [0.5, 1.0] * 2)


def test_the_model_is_told_what_was_wrong() -> None:
    with chat_server(in_turn(completion(BAD))) as server:
        ask(server, REPORTS[:1])
    again = server.seen[1].body["messages"]
    assert [message["role"] for message in again] == ["system", "user", "assistant", "user"]
    assert again[2]["content"] == BAD
    assert "without effusion" in again[3]["content"]


def test_formats_that_an_endpoint_refuses_are_left_out_with_a_note() -> None:
    def picky(seen: Seen) -> Reply:
        return (
            as_json({"error": {"message": "response_format is not supported"}}, 400) if "response_format" in seen.body else by_words(seen)
        )

    with chat_server(picky) as server:
        found = ask(server, REPORTS)
        assert told(found) == STATUSES
        kinds = [seen.body.get("response_format", {}).get("type") for seen in server.seen]
    assert kinds == ["json_schema", "json_object", None, None, None, None]
    assert found.notes == ("127.0.0.1 refuses answers in the form json_schema: they are asked for by the prompt alone and checked here",)


def test_a_report_that_is_refused_changes_nothing_for_others() -> None:
    refused = as_json({"error": {"message": "context length: Mustermann", "code": "context_length_exceeded"}}, 400)
    with chat_server(lambda seen: refused if seen.report == REPORTS[0] else by_words(seen)) as server:
        found = ask(server, REPORTS)
        assert told(found) == [None, *STATUSES[1:]]
        assert [seen.body["response_format"]["type"] for seen in server.seen[3:]] == ["json_schema"] * 3
    assert found.failures == {0: "the endpoint refused it with status 400 (context_length_exceeded)"}
    assert found.notes == ()


def test_where_nothing_works_the_rest_is_not_asked() -> None:
    texts = [f"Report {i}." for i in range(30)]
    with chat_server(lambda seen: completion("no") if seen.report != "Report 0." else by_words(seen)) as server:
        found = ask(server, texts, tries=1)
        assert GIVE_UP < len(server.seen) <= GIVE_UP + 2
    assert len(found.failures) == 29
    assert found.failures[1] == "it holds no JSON object"
    assert found.failures[29] == "it was not asked, as the reports before it failed"
    assert found.notes == (f"{GIVE_UP} reports failed one after the other: the rest was not asked; run it again when the cause is gone",)


def test_never_more_at_the_same_time_than_was_asked_for() -> None:
    four, gate = threading.Semaphore(0), threading.Event()
    numbers = count()

    def slow(seen: Seen) -> Reply:
        if next(numbers) < 4:  # the first four wait for each other: so many there are
            four.release()
            gate.wait(20)
        return by_words(seen)

    def open_gate() -> None:
        for _ in range(4):
            four.acquire(timeout=20)
        gate.set()

    opener = threading.Thread(target=open_gate)
    opener.start()
    with chat_server(slow) as server:
        texts = [f"Report {i} of a nodule." for i in range(40)]
        found = ask(server, texts, concurrency=4)
        assert server.most_in_flight == 4
        assert sorted(server.reports) == sorted(texts)
    opener.join()
    assert told(found) == [("present", "absent")] * 40


def test_the_rate_is_kept_by_a_clock_of_its_own() -> None:
    naps = Naps()
    sent: list[float] = []

    def answer(seen: Seen) -> Reply:
        sent.append(sum(naps.made))
        return completion(BAD) if len(sent) == 2 else by_words(seen)

    with chat_server(answer) as server:
        settings = LlmSettings(server.url, "m", send_text=True, concurrency=1, requests_per_minute=20)
        llm_labels(REPORTS, TWO, settings, timer=naps.timer)
    assert sent == pytest.approx([0.0, 3.0, 6.0, 9.0, 12.0])  # asking again counts too


CHILD = """
import sys
from chat_server import two_findings
from scanbank.eval.labels.llm import llm_labels
from scanbank.eval.labels.llm_settings import LlmSettings
llm_labels([f"Report {i} of a nodule." for i in range(8)], two_findings(), LlmSettings(sys.argv[1], "m", send_text=True, concurrency=2))
"""


def test_a_run_that_was_killed_goes_on_where_it_was() -> None:
    reached, never = threading.Event(), threading.Event()
    killed = threading.Event()
    texts = [f"Report {i} of a nodule." for i in range(8)]

    def answer(seen: Seen) -> Reply:
        number = texts.index(seen.report)
        if number < 5 or killed.is_set():
            return by_words(seen)
        reached.set()
        return Reply(hang=never)

    with chat_server(answer) as server:
        child = subprocess.Popen([sys.executable, "-c", CHILD, server.url], cwd=Path(__file__).parents[2])
        try:
            assert reached.wait(60)
            settings = LlmSettings(server.url, "m")
            digests = answered_soon(settings, 5)
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
            never.set()
        killed.set()
        assert len(digests) == 5
        before = len(server.seen)
        found = ask(server, texts)
        assert sorted(server.reports[before:]) == texts[5:]
    assert (found.asked, found.answered_before) == (3, 5)
    assert told(found) == [("present", "absent")] * 8


def answered_soon(settings: LlmSettings, wanted: int) -> set[str]:
    """Digests in the cache, once there are so many."""
    digests = [report_digest(f"Report {i} of a nodule.") for i in range(8)]
    found: set[str] = set()
    for _ in range(600):
        with AnswerCache.open(Prompt(TWO).digest(settings), "m") as cache:
            found = set(cache.get(digests, TWO.names))
        if len(found) >= wanted:
            break
        time.sleep(0.05)
    return found
