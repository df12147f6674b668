"""The rate limit by a clock of its own."""

from __future__ import annotations

import threading
from itertools import pairwise

from scanbank.eval.labels.llm_rate import RateLimiter, Timer


class Clock:
    """Time passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 100.0
        self.lock = threading.Lock()

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        with self.lock:
            self.now += seconds


def test_no_minute_has_more_than_it_may() -> None:
    clock = Clock()
    limiter = RateLimiter(30, Timer(clock.time, clock.sleep))
    went = []
    for _ in range(100):
        limiter.wait()
        went.append(clock.now)
    assert went[0] == 100.0
    assert [later - sooner for sooner, later in pairwise(went)] == [2.0] * 99


def test_time_that_passed_is_not_saved_up() -> None:
    clock = Clock()
    limiter = RateLimiter(60, Timer(clock.time, clock.sleep))
    limiter.wait()
    clock.now += 1000
    went = []
    for _ in range(3):
        limiter.wait()
        went.append(clock.now - 1100)
    assert went == [0.0, 1.0, 2.0]


def test_a_pause_holds_everyone_and_the_rate_goes_on_after_it() -> None:
    clock = Clock()
    limiter = RateLimiter(60, Timer(clock.time, clock.sleep))
    limiter.wait()
    limiter.hold(10)
    limiter.hold(3)  # the longer counts
    went = []
    for _ in range(3):
        limiter.wait()
        went.append(clock.now - 100)
    assert went == [10.0, 11.0, 12.0]


def test_without_a_rate_only_pauses_hold() -> None:
    clock = Clock()
    limiter = RateLimiter(None, Timer(clock.time, clock.sleep))
    for _ in range(5):
        limiter.wait()
    assert clock.now == 100.0
    limiter.hold(7)
    limiter.wait()
    limiter.wait()
    assert clock.now == 107.0


def test_threads_share_the_rate() -> None:
    clock = Clock()
    limiter = RateLimiter(60, Timer(clock.time, clock.sleep))
    threads = [threading.Thread(target=lambda: [limiter.wait() for _ in range(25)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.now >= 199.0
