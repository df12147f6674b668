"""Scans decoded ahead, in order: by threads of this process, or where that is worth it or safer, by processes of their own."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from threading import Lock, local
from typing import Any, final

from ..store.errors import BankAccessError, ReadError, ScanbankError
from .decoding import Decoded, Job, run_job
from .plan import Work
from .wire import PeerGoneError, decoded_of, job_to_dict, receive, send

WORTH_SECONDS = 20.0
"""Decoding left, at the pace so far, from which on processes are started: several times what one needs for its imports."""
HURRY_SECONDS = 2.0
"""The same where an accelerator waits for scans."""
PATIENCE_SECONDS = 300.0
"""A scan that is not decoded after so long, and a second more for each megabyte of its files, never will be."""
_READY_SECONDS = 120.0
_ENDING_SECONDS = 10.0

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
        self._every: list[_Process] = []
        self._lock = Lock()
        self._spent, self._done, self._left = 0.0, 0, 0
        self.waiting = 0
        """Scans that are decoded and not taken yet."""

    def decoded(self, todo: Sequence[Work]) -> Generator[tuple[Work, Decoded | ScanbankError], None, None]:
        """What became of each, in order, decoded ahead by at most `workers`."""
        self._left = len(todo)
        queue: deque[tuple[Work, Future[Decoded | ScanbankError]]] = deque()
        threads = ThreadPoolExecutor(self._workers, thread_name_prefix="decode")
        try:
            rest = iter(todo)
            queue.extend((work, threads.submit(self._one, work)) for work in islice(rest, self._workers))
            while queue:
                work, future = queue.popleft()
                found = future.result()
                queue.extend((following, threads.submit(self._one, following)) for following in islice(rest, 1))
                self.waiting = sum(other.done() for _, other in queue)
                yield work, found
                del found, future
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            with self._lock:
                for process in self._every:
                    process.end()
            threads.shutdown(wait=True)

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
        process: _Process | None = getattr(self._own, "process", None)
        if process is None or process.ended:
            self._own.process = process = _Process()
            with self._lock:
                self._every.append(process)
        return process.run if isolated or process.ready() else run_job

    def _worth(self) -> bool:
        with self._lock:
            worth = HURRY_SECONDS if self._hurry else WORTH_SECONDS
            return self._done > 0 and self._spent / self._done * self._left > worth * self._workers


@final
class _Process:
    """One that decodes, and its connection. Used by one thread."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-P", "-m", f"{__package__}.decode_worker", str(theirs.fileno())]
            # a session of its own: Ctrl-C at the terminal is for the command alone
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
            )
        self._is_ready = False
        self.ended = False

    def ready(self, seconds: float = 0.0) -> bool:
        """Whether it has started, waiting for that at most so long."""
        if not self._is_ready and not self.ended:
            self._ours.settimeout(max(seconds, 1e-3))
            try:
                receive(self._ours)
                self._is_ready = True
            except TimeoutError:
                pass
            except PeerGoneError:
                self.end()
        return self._is_ready

    def run(self, job: Job) -> Decoded:
        """Have the job done.

        Raises:
            ReadError: the process ended over it, or did not end at all; as `run_job` else.
        """
        if not self.ready(_READY_SECONDS):
            self.end()
            raise ReadError("the process that decodes could not be started; try again with more memory, or with --workers 1")
        patience = PATIENCE_SECONDS + sum({s.path: s.size for s in job.located.sources}.values()) / 1e6
        self._ours.settimeout(patience)
        try:
            send(self._ours, job_to_dict(job))
            answer: tuple[Any, list[Any]] = receive(self._ours)
        except TimeoutError as error:
            self.end()
            raise ReadError(f"decoding did not end within {patience:.0f} s") from error
        except PeerGoneError as error:
            with contextlib.suppress(subprocess.TimeoutExpired):  # it may have closed its side and be stuck
                self._process.wait(_ENDING_SECONDS)
            self.end()
            code = self._process.returncode
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise ReadError(f"decoding ended the process that did it ({how})") from error
        return decoded_of(*answer, job)

    def end(self) -> None:
        """Stop it, whatever it does."""
        self.ended, self._is_ready = True, False
        self._process.kill()
        self._process.wait()
        self._ours.close()
