"""Work that goes on in a thread while its results are used."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Condition, Event, Thread
from typing import Any, TypeVar, final

T = TypeVar("T")

_LOOK_SECONDS = 0.1


def ahead(items: Generator[T, Any, Any], most: int) -> Generator[T, None, None]:
    """The items, in order, made in a thread that is at most `most` of them ahead. What it raises is raised here."""
    queue: Queue[tuple[bool, T | BaseException | None]] = Queue(most)
    stop = Event()

    def put(last: bool, item: T | BaseException | None) -> None:
        while not stop.is_set():
            try:
                queue.put((last, item), timeout=_LOOK_SECONDS)
            except Full:
                continue
            return

    def make() -> None:
        try:
            for item in items:
                put(False, item)
                if stop.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - told where the items are used
            put(True, error)
        else:
            put(True, None)

    thread = Thread(target=make, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            last, item = queue.get()
            if last:
                if isinstance(item, BaseException):
                    raise item
                return
            yield item  # pyright: ignore[reportReturnType]
    finally:
        stop.set()
        thread.join()
        items.close()


@final
class InOrder:
    """Calls done one after the other in a thread. What one raises ends it, and is raised here.

    At most `most` of them wait, and with the exception of a single larger one, no more than `most_bytes` of what they hold.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self._queue: Queue[tuple[Callable[[], object], int] | None] = Queue(most)
        self._most_bytes, self._held = most_bytes, 0
        self._room = Condition()
        self._error: BaseException | None = None
        # and not the thread's own end: a `join` that Ctrl-C interrupts takes it for dead from then on (Python 3.11)
        self._ended = Event()
        self._thread = Thread(target=self._go, name="in-order", daemon=True)
        self._thread.start()

    def do(self, call: Callable[[], object], size: int = 0) -> None:
        """Have a call done that holds `size` bytes, after waiting for room. Raises what an earlier call raised."""
        with self._room:
            while self._error is None and self._held and self._held + size > self._most_bytes:
                self._room.wait(_LOOK_SECONDS)
            self._held += size
        while True:
            if self._error is not None:
                raise self._error
            try:
                return self._queue.put((call, size), timeout=_LOOK_SECONDS)
            except Full:
                continue

    def end(self) -> None:
        """Wait for all of them. Raises what one raised."""
        while not self._ended.is_set():
            try:
                self._queue.put(None, timeout=_LOOK_SECONDS)
                break
            except Full:
                continue
        self._ended.wait()
        if self._error is not None:
            raise self._error

    def _go(self) -> None:
        try:
            while (item := self._queue.get()) is not None:
                call, size = item
                call()
                del call, item
                with self._room:
                    self._held -= size
                    self._room.notify_all()
        except BaseException as error:  # noqa: BLE001 - told where the calls come from
            self._error = error
            with suppress(Empty):  # whoever waits for room goes on, and is told
                while True:
                    self._queue.get_nowait()
        finally:
            self._ended.set()
