"""Messages between processes, and what is left where one ends in the middle of one."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import numpy as np
import pytest

from scanbank.embed.decoding import Job
from scanbank.embed.wire import PeerGoneError, job_from_dict, job_to_dict, receive, send
from scanbank.store.declared import Calibration
from scanbank.store.local_map import Located
from scanbank.store.scan import Source


def test_a_peer_that_ends_in_the_middle_of_a_message_leaves_no_memory_behind() -> None:
    ours, theirs = socket.socketpair()
    memory = os.memfd_create("test")
    os.ftruncate(memory, 4096)
    socket.send_fds(theirs, [(1000).to_bytes(8, "little")], [memory])
    os.close(memory)
    theirs.close()
    before = len(list(Path("/proc/self/fd").iterdir()))
    with ours, pytest.raises(PeerGoneError):
        receive(ours)
    assert len(list(Path("/proc/self/fd").iterdir())) == before - 1  # ours alone


def test_a_peer_that_does_not_read_is_told_from_one_that_is_gone() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(0.05)
        with pytest.raises(TimeoutError):
            send(ours, "x" * 10_000_000)


def test_arrays_come_as_they_were_sent() -> None:
    ours, theirs = socket.socketpair()
    arrays = [np.arange(6, dtype=np.int16).reshape(2, 3), np.empty((0, 4), np.float32), np.arange(5.0)[::-1]]
    with ours, theirs:
        send(ours, {"a": [1, None]}, arrays)
        message, found = receive(theirs)
    assert message == {"a": [1, None]}
    for sent, got in zip(arrays, found, strict=True):
        assert got.dtype == sent.dtype
        np.testing.assert_array_equal(got, sent)


def test_a_job_keeps_what_a_layout_declared() -> None:
    source = Source(Path("/scans/a.nii.gz"), size=3, mtime_ns=4)
    calibration = Calibration(1.0, -8192.0, ((0.75, 0, 0, 1), (0, 0.75, 0, 2), (0, 0, 1.5, 3)))
    for one in (calibration, None):
        job = Job(Located("nifti", (source,), None, one), 5)
        assert job_from_dict(json.loads(json.dumps(job_to_dict(job)))) == job
