"""How requests end: in time, with their client, and with the service."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx2
import numpy as np

from scanbank.scripts.service.limits import Limits
from service_servers import Gated, client_of, metric, npy_of, served_by_command, serving, url_of


def until(true: Callable[[], bool]) -> None:
    """Waits for something that must come."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def embed(url: str, text: str, timeout: float = 60) -> httpx2.Response:
    return httpx2.post(f"{url}/v1/embed/text", json={"texts": [text]}, timeout=timeout, trust_env=False)


def test_many_clients_get_their_own_vectors_from_shared_batches() -> None:
    encoder = Gated()
    with serving([encoder]) as server, client_of(server) as client, ThreadPoolExecutor(16) as pool:
        first = pool.submit(embed, url_of(server), "x")
        encoder.entered.acquire()
        rest = [pool.submit(embed, url_of(server), "x" * (k + 2)) for k in range(15)]
        until(lambda: server.guard.in_flight == 16)
        until(lambda: sum(metric(client, "scanbank_queue_requests{").values()) == 15)
        encoder.gate.set()
        found = [future.result().json()["vectors"] for future in (first, *rest)]
        batches = metric(client, "scanbank_batch_rows_")
        shared = metric(client, "scanbank_batch_requests_sum")
    assert found == [[[k + 1.0] * 2] for k in range(16)]
    assert [len(batch) for batch in encoder.batches] == [1, 15]
    labels = '{model="gated",side="text"}'
    assert (batches[f"scanbank_batch_rows_sum{labels}"], batches[f"scanbank_batch_rows_count{labels}"]) == (16, 2)
    assert shared == {f"scanbank_batch_requests_sum{labels}": 16}


def test_a_full_queue_gives_429() -> None:
    encoder = Gated()
    with serving([encoder], Limits(queue=1)) as server, ThreadPoolExecutor(2) as pool:
        running = pool.submit(embed, url_of(server), "a")
        encoder.entered.acquire()
        waiting = pool.submit(embed, url_of(server), "b")
        until(lambda: server.guard.in_flight == 2)
        refused = embed(url_of(server), "c")
        encoder.gate.set()
        assert (running.result().status_code, waiting.result().status_code) == (200, 200)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["detail"] == "1 requests wait for this model already"


def test_bodies_that_no_memory_is_given_to_are_told_to_come_again() -> None:
    """All requests together may hold four times what one may."""
    encoder = Gated()
    with serving([encoder], Limits(max_bytes=100, max_text=90)) as server, ThreadPoolExecutor(8) as pool:
        running = [pool.submit(embed, url_of(server), "a" * 70) for _ in range(4)]
        until(lambda: server.guard.in_flight == 4)
        encoder.entered.acquire()
        refused = embed(url_of(server), "b" * 70)
        encoder.gate.set()
        assert [one.result().status_code for one in running] == [200] * 4
        assert embed(url_of(server), "b" * 70).status_code == 200
    assert refused.status_code == 429


def test_what_takes_too_long_gives_504_and_is_not_run() -> None:
    encoder = Gated()
    with serving([encoder], Limits(timeout_s=0.3)) as server:
        assert embed(url_of(server), "running").status_code == 504
        waited = embed(url_of(server), "waiting")
        encoder.gate.set()
        assert embed(url_of(server), "after").status_code == 200
    assert (waited.status_code, waited.json()["title"]) == (504, "Took too long")
    assert encoder.batches == [["running"], ["after"]]


def test_a_client_that_hangs_up_is_not_worked_for() -> None:
    encoder = Gated()
    with serving([encoder]) as server, client_of(server) as client, ThreadPoolExecutor(1) as pool:
        running = pool.submit(embed, url_of(server), "running")
        encoder.entered.acquire()
        try:
            embed(url_of(server), "gone", timeout=0.3)
        except httpx2.ReadTimeout:
            pass
        else:
            raise AssertionError("it was answered, although the gate was shut")
        until(lambda: server.guard.in_flight == 1)
        encoder.gate.set()
        assert running.result().status_code == 200
        assert embed(url_of(server), "after").status_code == 200
        assert metric(client, 'scanbank_requests_total{route="/v1/embed/text",status="499"')
    assert encoder.batches == [["running"], ["after"]]


def test_at_the_end_what_was_accepted_is_answered_and_the_rest_refused() -> None:
    encoder = Gated()
    with serving([encoder]) as server, ThreadPoolExecutor(4) as pool:
        url = url_of(server)
        accepted = [pool.submit(embed, url, text) for text in ("a", "bb", "ccc")]
        encoder.entered.acquire()
        until(lambda: server.guard.in_flight == 3)
        server.end()
        late = embed(url, "late")
        health = httpx2.get(f"{url}/healthz", trust_env=False)
        assert server.started
        encoder.gate.set()
        assert sorted(one.result().json()["vectors"][0][0] for one in accepted) == [1, 2, 3]
    assert (late.status_code, late.headers["retry-after"]) == (503, "5")
    assert health.status_code == 503
    assert not [text for batch in encoder.batches for text in batch if text == "late"]


def test_sigterm_answers_what_was_accepted() -> None:
    """A whole process: signalled while it computes, it answers, and ends with 0."""
    with served_by_command("--encoder", "intensity", "--max-batch", "1") as (process, url):
        rows = npy_of(np.random.default_rng(0).random((40, 1, 512, 512), np.float32))
        answers: list[httpx2.Response] = []

        def ask() -> None:
            answers.append(httpx2.post(f"{url}/v1/encode/slice", content=rows, headers=NPY, timeout=120, trust_env=False))

        thread = threading.Thread(target=ask)
        thread.start()
        with httpx2.Client(base_url=url, trust_env=False) as client:
            until(lambda: sum(metric(client, "scanbank_batch_rows_count").values()) >= 1)
        process.send_signal(signal.SIGTERM)
        thread.join()
        _, told = process.communicate(timeout=60)
    assert [answer.status_code for answer in answers] == [200]
    assert process.returncode == 0
    assert told.splitlines()[-1] == "ended: everything that was accepted is answered"


NPY = {"Content-Type": "application/x-npy"}
