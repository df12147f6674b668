"""An endpoint that hangs, drips, refuses, redirects or is not there costs what it has to, and no more."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from chat_server import Reply, as_json, by_words, chat_server
from llm_asking import REPORTS, STATUSES, TWO, Naps, ask, in_turn, told
from scanbank.eval.labels.llm import llm_labels
from scanbank.eval.labels.llm_cache import cache_file
from scanbank.eval.labels.llm_errors import EndpointError
from scanbank.eval.labels.llm_settings import LlmSettings


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SCANBANK_LLM_KEY", raising=False)


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
