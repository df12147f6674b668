"""Scans decoded ahead, in order: by threads of this process, or where that is worth it or safer, by processes of their own."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from threading import Lock, local
from typing import final

from ..store.errors import BankAccessError, ReadError, ScanbankError
from .decode_process import READY_SECONDS, DecodeProcess
from .decoding import Decoded, Job, run_job
from .plan import Work

WORTH_SECONDS = 20.0
"""Decoding left, at the pace so far, from which on processes are started: several times what one needs for its imports."""
HURRY_SECONDS = 2.0
"""The same where an accelerator waits for scans."""
PATIENCE_SECONDS = 300.0
"""A scan that is not decoded after so long, and a second more for each megabyte of its files, never will be."""

Decode = Callable[[Work, Callable[[Job], Decoded]], Decoded]
"""Decodes a volume through a function that does a job, here or elsewhere."""


@final
class DecodePool:
    """`workers` threads, each of which decodes itself or has a process that does."""

    def __init__(self, decode: Decode, workers: int, isolated: Callable[[Work], bool], *, hurry: bool = False) -> None:
        """`isolated`: whether a scan goes to a process in any case, as a decoder of its kind may take its process down with it.
        `hurry`: whether processes are started for little.
        """
        self._hurry = hurry
        self._decode = decode
        self._workers = max(1, workers)
        self._isolated = isolated
        self._own = local()
        self._every: list[DecodeProcess] = []
        self._lock = Lock()
        self._spent, self._done, self._left = 0.0, 0, 0
        self._closed = False
        self.waiting = 0
        """Scans that are decoded and not taken yet."""

    def decoded(self, todo: Sequence[Work]) -> Generator[tuple[Work, Decoded | ScanbankError], None, None]:
        """What became of each, in order, decoded ahead by one more than `workers`: none of these waits for who takes them."""
        self._left = len(todo)
        queue: deque[tuple[Work, Future[Decoded | ScanbankError]]] = deque()
        threads = ThreadPoolExecutor(self._workers, thread_name_prefix="decode")
        try:
            rest = iter(todo)
            queue.extend((work, threads.submit(self._one, work)) for work in islice(rest, self._workers + 1))
            while queue:
                work, future = queue.popleft()
                found = future.result()
                queue.extend((following, threads.submit(self._one, following)) for following in islice(rest, 1))
                self.waiting = sum(other.done() for _, other in queue)
                yield work, found
                del found, future
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            self.stop()
            threads.shutdown(wait=True)

    def stop(self) -> None:
        """End the processes, whatever they do: who waits for one that hangs is told that it ended. From any thread."""
        with self._lock:
            self._closed = True
            for process in self._every:
                process.end()

    def _one(self, work: Work) -> Decoded | ScanbankError:
        started = time.monotonic()
        try:
            return self._decode(work, self._runner(work))
        except BankAccessError:  # of the local map: no scan's fault
            raise
        except ScanbankError as error:
            return error
        except MemoryError:
            return ReadError("not enough memory to decode it")
        except Exception as error:  # noqa: BLE001 - a decoder may raise anything on hostile bytes, and must cost this scan only
            return ReadError(f"decoding ended with {type(error).__name__}")
        finally:
            with self._lock:
                self._spent += time.monotonic() - started
                self._done += 1
                self._left -= 1

    def _runner(self, work: Work) -> Callable[[Job], Decoded]:
        isolated = self._isolated(work)
        if not isolated and not self._worth():
            return run_job
        process: DecodeProcess | None = getattr(self._own, "process", None)
        if process is None or process.ended:
            self._own.process = process = DecodeProcess()
            with self._lock:
                self._every.append(process)
                if self._closed:  # nobody would end it
                    process.end()
        if not isolated and not process.ready():
            return run_job
        return partial(_patiently, process)

    def _worth(self) -> bool:
        with self._lock:
            worth = HURRY_SECONDS if self._hurry else WORTH_SECONDS
            return self._done > 0 and self._spent / self._done * self._left > worth * self._workers


def _patiently(process: DecodeProcess, job: Job) -> Decoded:
    if not process.ready(READY_SECONDS):
        process.end()
        raise ReadError("the process that decodes could not be started; try again with more memory, or with --workers 1")
    size = sum({source.path: source.size for source in job.located.sources}.values())
    return process.run(job, PATIENCE_SECONDS + size / 1e6)
