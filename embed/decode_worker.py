"""A process that decodes: `python -m scanbank.embed.decode_worker FD`. Whatever a decoder does to it, the command that asked goes on."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import sys

from ..store.errors import ReadError, ScanbankError
from .decoding import Job, run_job
from .wire import PeerGoneError, job_from_dict, receive, send, send_decoded, send_error


def main(descriptor: int) -> None:
    """Answer jobs until the other side closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump of what it held would be a scan on a disk
    with socket.socket(fileno=descriptor) as connection, contextlib.suppress(PeerGoneError):
        send(connection, "ready")
        # decoders write what they think of a file, with its name
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        while True:
            message, _ = receive(connection)
            job = job_from_dict(message)
            if any(request.geometry.spacing_mm or request.geometry.size for request in job.requests):
                _one_thread()
            _answer(connection, job)


def _answer(connection: socket.socket, job: Job) -> None:
    try:
        decoded = run_job(job)
    except ScanbankError as error:
        return send_error(connection, error)
    except MemoryError:
        return send_error(connection, ReadError("not enough memory to decode it"))
    except Exception as error:  # noqa: BLE001 - a decoder may raise anything on hostile bytes, and must cost this scan only
        return send_error(connection, ReadError(f"decoding ended with {type(error).__name__}"))
    return send_decoded(connection, decoded)


def _one_thread() -> None:
    """There is a process for each core that may decode."""
    import torch

    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
