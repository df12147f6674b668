from __future__ import annotations

import threading
import time
from collections.abc import Generator

import pytest

from scanbank.embed.ahead import InOrder, ahead


def counted(log: list[int], stop: int = 100, fail_at: int | None = None) -> Generator[int, None, None]:
    try:
        for i in range(stop):
            if i == fail_at:
                raise ValueError(f"no {i}")
            log.append(i)
            yield i
    finally:
        log.append(-1)


def test_items_come_in_order_and_not_many_are_made_ahead() -> None:
    log: list[int] = []
    stream = ahead(counted(log), 2)
    assert [next(stream), next(stream)] == [0, 1]
    deadline = time.monotonic() + 5
    while len(log) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)
    assert log == [0, 1, 2, 3, 4]  # two used, two in the queue, one that waits for room
    assert list(stream) == list(range(2, 100))
    assert log[-1] == -1


def test_what_is_raised_is_raised_where_items_are_used() -> None:
    stream = ahead(counted([], fail_at=3), 2)
    assert [next(stream) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="no 3"):
        next(stream)


def test_whoever_stops_early_leaves_no_thread_and_the_source_is_closed() -> None:
    log: list[int] = []
    before = threading.active_count()
    stream = ahead(counted(log), 1)
    next(stream)
    stream.close()
    assert threading.active_count() == before
    assert log[-1] == -1


def test_calls_are_done_in_order_and_all_of_them() -> None:
    done: list[int] = []
    calls = InOrder(2, 100)
    for i in range(50):
        calls.do(lambda i=i: done.append(i))
    calls.end()
    assert done == list(range(50))


def test_what_a_call_raises_ends_it_and_is_told() -> None:
    done: list[int] = []
    calls = InOrder(1, 100)

    def fail() -> None:
        raise OSError("no space")

    def many() -> None:
        for i in range(1000):
            calls.do(lambda i=i: done.append(i))
            time.sleep(0.001)

    calls.do(fail)
    with pytest.raises(OSError, match="no space"):
        many()
    with pytest.raises(OSError, match="no space"):
        calls.end()
    assert len(done) < 1000


def test_no_more_waits_than_there_is_room_for_and_what_is_larger_goes_alone() -> None:
    gate, held = threading.Event(), [0]
    seen: list[int] = []
    calls = InOrder(50, 100)

    def work(size: int) -> None:
        gate.wait(10)
        seen.append(held[0])
        held[0] -= size

    def give() -> None:
        for size in (40, 40, 40, 300, 40):
            calls.do(lambda size=size: work(size), size)
            held[0] += size

    giver = threading.Thread(target=give)
    giver.start()
    time.sleep(0.4)
    assert held[0] == 80
    gate.set()
    giver.join()
    calls.end()
    assert len(seen) == 5
    assert held[0] == 0
