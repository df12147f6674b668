"""Labels by a model, against an endpoint on this machine that misbehaves in every usual way."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from chat_server import ChatServer, Reply, Seen, as_json, by_words, chat_server, completion, two_findings
from scanbank.eval.labels.llm import GIVE_UP, LlmLabels, llm_labels
from scanbank.eval.labels.llm_cache import AnswerCache, cache_file, report_digest
from scanbank.eval.labels.llm_errors import EndpointError
from scanbank.eval.labels.llm_prompt import Prompt
from scanbank.eval.labels.llm_rate import Timer
from scanbank.eval.labels.llm_settings import Example, LlmSettings
from scanbank.store.errors import UsageError

TWO = two_findings()
REPORTS = ["A nodule.", "An effusion.", "A nodule and an effusion.", "Clear."]
STATUSES = [("present", "absent"), ("absent", "present"), ("present", "present"), ("absent", "absent")]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SCANBANK_LLM_KEY", raising=False)


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


def test_what_hangs_is_given_up() -> None:
    never = threading.Event()
    try:
        with chat_server(lambda seen: Reply(hang=never) if seen.report == REPORTS[1] else by_words(seen)) as server:
            found = ask(server, REPORTS[:3], timeout_s=0.2, tries=2)
            assert told(found) == [STATUSES[0], None, STATUSES[2]]
            assert found.failures == {1: "the endpoint did not answer within 0.2 s"}
            assert server.reports.count(REPORTS[1]) == 2
            never.set()
    finally:
        never.set()


def test_what_drips_is_given_up() -> None:
    drip = Reply(200, b"", {"Content-Length": "1000000"}, drips=True)
    with chat_server(lambda seen: drip if seen.report == REPORTS[1] else by_words(seen)) as server:
        found = ask(server, REPORTS[:3], timeout_s=0.2, tries=1)
    assert told(found) == [STATUSES[0], None, STATUSES[2]]
    assert found.failures == {1: "the endpoint did not answer within 0.2 s"}


@pytest.mark.parametrize(
    ("first", "again"),
    [(b"HTTP/1.1 200 OK\r\nX: ", b"a"), (b"", b"HTTP/1.1 102 Processing\r\n\r\n"), (b"HTTP/1.1 200 OK\r\n\r\n", b" ")],
    ids=["headers", "processing", "body without a length"],
)
def test_what_drips_before_there_is_an_answer_is_given_up(first: bytes, again: bytes) -> None:
    done = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.sendall(first)
            while not done.wait(0.02):
                connection.sendall(again)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        dripping = threading.Thread(target=lambda: drip(listening.accept()[0]))
        dripping.start()
        try:
            settings = LlmSettings(f"http://127.0.0.1:{listening.getsockname()[1]}", "m", send_text=True, timeout_s=0.2, tries=1)
            found = llm_labels(REPORTS[:1], TWO, settings)
        finally:
            done.set()
            dripping.join()
    assert found.failures == {0: "the endpoint did not answer within 0.2 s"}


def test_a_wait_that_the_endpoint_asks_for_is_no_longer_than_five_minutes() -> None:
    naps = Naps()
    with chat_server(in_turn(as_json({}, 429, **{"Retry-After": "99999999999"}), as_json({}, 503, **{"Retry-After": "soon"}))) as server:
        ask(server, REPORTS[:1], naps, tries=4)
    assert naps.made == [pytest.approx(300.0, abs=0.5), 1.0]


REFUSALS = {
    "key": (
        as_json({"error": {"message": "Incorrect key: hunter2"}}, 401),
        r"127\.0\.0\.1 wants an API key: put it into \$SCANBANK_LLM_KEY",
    ),
    "model": (as_json({"error": {"message": "no such model"}}, 404), r"has no model 'm', or is no such address \(status 404\)"),
    "paid": (as_json({"error": {"code": "insufficient_quota"}}, 429), r"answers no more until it is paid \(status 429\)"),
    "redirect to no address": (Reply(302, b"", {"Location": "http://[::1/"}), r"sends on to another address \(status 302\)"),
    "redirect": (Reply(307, b"", {"Location": "http://elsewhere.example/v1"}), r"sends on to elsewhere\.example \(status 307\)"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_refuses_everything_ends_the_run_at_once(name: str) -> None:
    reply, message = REFUSALS[name]
    with chat_server(lambda _: reply) as server, pytest.raises(EndpointError, match=message) as error:
        ask(server, REPORTS)
    assert len(server.seen) == 1
    assert "hunter2" not in str(error.value)


def test_a_redirect_leads_nowhere() -> None:
    with chat_server() as other:
        to = Reply(308, b"", {"Location": f"{other.url}/v1/chat/completions"})
        with chat_server(lambda _: to) as server, pytest.raises(EndpointError, match="sends on to 127"):
            ask(server, REPORTS)
        assert other.seen == []


def test_the_key_is_sent_and_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "hunter2")
    with chat_server() as server:
        ask(server, REPORTS[:1], key_variable="MY_KEY")
        assert server.seen[0].headers["Authorization"] == "Bearer hunter2"
    with chat_server(lambda _: as_json({}, 403)) as server, pytest.raises(EndpointError, match=r"refuses the API key in \$MY_KEY") as error:
        ask(server, REPORTS, key_variable="MY_KEY")
    assert "hunter2" not in str(error.value)
    assert b"hunter2" not in cache_file().read_bytes()


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with chat_server() as proxy, chat_server() as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert told(ask(server, REPORTS)) == STATUSES
        assert proxy.seen == []


def test_nobody_there_is_told_at_once() -> None:
    with chat_server() as server:
        pass
    naps = Naps()
    with pytest.raises(EndpointError, match=r"cannot be reached \(Connection refused\); does the model's server run there"):
        ask(server, REPORTS, naps)
    assert naps.made == []


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
