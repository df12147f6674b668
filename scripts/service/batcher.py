"""Dynamic batching: one thread owns a model, and requests that come while it works are run together.

A request that finds the device idle runs at once. While a batch runs, others gather; when it ends, the device waits a few
milliseconds at most for as many as were there lately, because clients that were just answered are about to ask again. A
lone client never waits: nobody else was there.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from ...embed.encoder import Encoded, Encoder, Side
from ...store.errors import EncoderError
from .limits import Limits
from .problems import Problem, too_busy
from .rows import joined, part

Rows = list[str] | NDArray[np.float32]
"""Texts, or pixels (n, C, Y, X), or voxels (n, C, Z, Y, X)."""

Observer = Callable[[Side, int, int, float], None]
"""Told of each batch: its side, rows and requests, and the seconds it took."""

MAX_VOLUMES = 4
"""At once: what a 3D network holds between its layers is many times its input."""


@final
class _Job:
    """One request's rows; its future is resolved when the last of them is encoded."""

    def __init__(self, side: Side, rows: Rows) -> None:
        self.side: Side = side
        self.rows = rows
        self.alike = (side, *(rows.shape[1:] if isinstance(rows, np.ndarray) else ()))
        self.bytes_a_row = rows[:1].nbytes if isinstance(rows, np.ndarray) else 0
        self.done = 0
        self.parts: list[Encoded] = []
        self.future: Future[Encoded] = Future()

    @property
    def left(self) -> int:
        return len(self.rows) - self.done


@final
class Batcher:
    """Rows in, vectors out, for one encoder. `start` it before use; `close` finishes what was accepted."""

    def __init__(self, encoder: Encoder, limits: Limits, observe: Observer) -> None:
        self._encoder = encoder
        self._limits = limits
        self._observe = observe
        self._queue: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._expected = 1
        self._ended = 0.0
        self._thread = threading.Thread(target=self._run, name=f"device {encoder.spec.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Accept nothing more, finish the rest, and end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._queue)

    async def encode(self, side: Side, rows: Rows) -> Encoded:
        """Vectors of one request's rows, at least one. Cancelling it drops what has not been run.

        Raises:
            Problem: 429 where the queue is full, 503 where the service is ending.
            EncoderError: the encoder failed on these rows.
        """
        return await asyncio.wrap_future(self.submit(side, rows))

    def submit(self, side: Side, rows: Rows) -> Future[Encoded]:
        """As `encode`, for callers without an event loop."""
        job = _Job(side, rows)
        with self._changed:
            if self._closing:
                raise Problem(503, "the service is ending", headers={"Retry-After": "5"})
            if len(self._queue) >= self._limits.queue:
                self._queue = deque(job for job in self._queue if not job.future.cancelled())
            if len(self._queue) >= self._limits.queue:
                raise too_busy(f"{self._limits.queue} requests wait for this model already")
            self._queue.append(job)
            self._changed.notify()
        return job.future

    def _run(self) -> None:
        while batch := self._next():
            self._encode(batch)
            with self._changed:
                self._ended = time.monotonic()
                self._expected = len(batch) + len(self._queue)

    def _next(self) -> list[tuple[_Job, int]]:
        """The jobs of the next batch and how many rows of each; empty at the end."""
        with self._changed:
            while True:
                while not self._drop_cancelled():
                    if self._closing:
                        return []
                    self._changed.wait()
                until = self._ended + self._limits.wait_ms / 1000
                while len(self._queue) < self._expected and not self._closing and (left := until - time.monotonic()) > 0:
                    self._changed.wait(left)
                if self._drop_cancelled():
                    return self._take()
                self._expected = 1  # all that waited was cancelled meanwhile

    def _drop_cancelled(self) -> bool:
        """Whether anything is left that somebody waits for."""
        if any(job.future.cancelled() for job in self._queue):
            self._queue = deque(job for job in self._queue if not job.future.cancelled())
        return bool(self._queue)

    def _take(self) -> list[tuple[_Job, int]]:
        """Of the oldest job and those like it, as many rows as one batch may have. What is left of a large job goes to the end."""
        first = self._queue[0]
        room = self._room(first)
        taken: list[tuple[_Job, int]] = []
        rest: deque[_Job] = deque()
        unfinished: list[_Job] = []
        for job in self._queue:
            if not room or job.alike != first.alike:
                rest.append(job)
                continue
            count = min(room, job.left)
            room -= count
            taken.append((job, count))
            if count < job.left:
                unfinished.append(job)
        rest.extend(unfinished)
        self._queue = rest
        return taken

    def _room(self, job: _Job) -> int:
        most = MAX_VOLUMES if job.side == "volume" else self._limits.max_batch
        return max(1, min(most, self._limits.max_batch_bytes // job.bytes_a_row)) if job.bytes_a_row else most

    def _encode(self, batch: Sequence[tuple[_Job, int]]) -> None:
        side = batch[0][0].side
        began = time.perf_counter()
        pieces = [job.rows[job.done : job.done + count] for job, count in batch]
        try:
            encoded = _encoded(self._encoder, side, pieces)
        except BaseException as error:  # noqa: BLE001 - whatever a model raises is told to who asked; the thread goes on
            if len(batch) > 1:  # one request's rows must not cost the others theirs
                for alone in batch:
                    self._encode([alone])
            else:
                _fail(batch[0][0], error)
                with self._changed:
                    self._queue = deque(job for job in self._queue if job is not batch[0][0])
            return
        self._observe(side, sum(count for _, count in batch), len(batch), time.perf_counter() - began)
        start = 0
        for job, count in batch:
            job.parts.append(part(encoded, start, start + count))
            job.done += count
            start += count
            if not job.left and job.future.set_running_or_notify_cancel():
                job.future.set_result(joined(job.parts))


def _encoded(encoder: Encoder, side: Side, pieces: Sequence[Any]) -> Encoded:
    match side:
        case "text":
            return encoder.encode_texts([text for piece in pieces for text in piece])
        case "slice":
            return encoder.encode_slices(np.concatenate(pieces))
        case "volume":
            return encoder.encode_volumes(np.concatenate(pieces))


def _fail(job: _Job, error: BaseException) -> None:
    if not isinstance(error, EncoderError | Problem):
        error = EncoderError(f"the encoder failed with {type(error).__name__}")  # its own words could hold anything
    if job.future.set_running_or_notify_cancel():
        job.future.set_exception(error)
