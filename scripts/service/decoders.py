"""Processes that decode what libraries in C read, which damaged bytes can bring down: that costs the request, not the service."""

from __future__ import annotations

from contextlib import suppress
from threading import Lock
from typing import final

from ...embed.decode_process import READY_SECONDS, DecodeProcess
from ...embed.decoding import Decoded, Job
from .problems import Problem


@final
class Decoders:
    """As many processes as threads decode at once. One is started when none is free, and again after one has died."""

    def __init__(self, patience: float) -> None:
        self.patience = patience
        """Seconds after which a process that still decodes is taken to hang, and stopped."""
        self._lock = Lock()
        self._free: list[DecodeProcess] = []
        self.busy = 0
        """Processes that decode now."""

    def warm(self) -> None:
        """Begin to start one, so that the first request need not wait for that."""
        with suppress(OSError):  # the first request tells
            self._give_back(DecodeProcess())

    def run(self, job: Job) -> Decoded:
        """Have a job done.

        Raises:
            ReadError: as `embed.decoding.run_job`; or the process ended over it, or did not end.
            Problem: 503 where no process can be started.
        """
        process = self._take()
        try:
            if not process.ready(READY_SECONDS):
                process.end()
                raise Problem(503, "the process that decodes scans could not be started", headers={"Retry-After": "5"})
            with self._lock:
                self.busy += 1
            try:
                return process.run(job, self.patience)
            finally:
                with self._lock:
                    self.busy -= 1
        finally:
            self._give_back(process)

    def close(self) -> None:
        """End those that are free: call it when nothing runs any more."""
        with self._lock:
            free, self._free = self._free, []
        for process in free:
            process.end()

    def _take(self) -> DecodeProcess:
        with self._lock:
            while self._free:
                process = self._free.pop()
                if process.alive:
                    return process
                process.end()
        try:
            return DecodeProcess()
        except OSError:
            raise Problem(503, "the process that decodes scans could not be started", headers={"Retry-After": "5"}) from None

    def _give_back(self, process: DecodeProcess) -> None:
        if not process.ended:
            with self._lock:
                self._free.append(process)
