"""Messages between processes, and what is left where one ends in the middle of one."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import numpy as np
import pytest

from scanbank.embed.wire import PeerGoneError, receive, send


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
