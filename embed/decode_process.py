"""A process that decodes, seen from the one that has it do so: whatever a decoder does to it, this one goes on."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from typing import Any, final

from ..store.errors import ReadError
from .decoding import Decoded, Job
from .wire import PeerGoneError, decoded_of, job_to_dict, receive, send

READY_SECONDS = 120.0
"""In which one has started, if it ever does."""

_ENDING_SECONDS = 10.0


@final
class DecodeProcess:
    """One that decodes, and its connection. Used by one thread at a time."""

    def __init__(self) -> None:
        """Begins to start it, without waiting for that."""
        self._ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-P", "-m", f"{__package__}.decode_worker", str(theirs.fileno())]
            # a session of its own: Ctrl-C at the terminal is for the command alone
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
            )
        self._is_ready = False
        self.ended = False

    @property
    def alive(self) -> bool:
        """Whether it runs: one that was killed while nobody asked it does not, and no job should learn of it."""
        return not self.ended and self._process.poll() is None

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

    def run(self, job: Job, patience: float) -> Decoded:
        """Have the job done by a process that is `ready`. After an error of its own it has `ended`.

        Args:
            job: Its files must be where the process can open them.
            patience: Seconds after which it is taken to hang, and stopped.

        Raises:
            ReadError: the process ended over it, or did not end at all; as `run_job` else.
        """
        self._ours.settimeout(patience)
        try:
            send(self._ours, job_to_dict(job))
            answer: tuple[Any, list[Any]] = receive(self._ours)
        except TimeoutError as error:
            self.end()
            raise ReadError(f"the scan could not be decoded: that did not end within {patience:.0f} s") from error
        except PeerGoneError as error:
            with contextlib.suppress(subprocess.TimeoutExpired):  # it may have closed its side and be stuck
                self._process.wait(_ENDING_SECONDS)
            self.end()
            code = self._process.returncode
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise ReadError(f"the scan could not be decoded: that ended the process that did it ({how})") from error
        return decoded_of(*answer, job)

    def end(self) -> None:
        """Stop it, whatever it does."""
        self.ended, self._is_ready = True, False
        self._process.kill()
        self._process.wait()
        self._ours.close()
