"""A real server on a free port of loopback, in a thread, for tests of the service and of its clients."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx2
import numpy as np
from PIL import Image

from scanbank.embed.encoder import Encoded, Encoder, Side
from scanbank.scripts.service.limits import Limits
from scanbank.scripts.service.server import Server
from scanbank.scripts.service.service import Service
from scanbank.store.specs import EncoderSpec, ViewSpec

MIB = 1 << 20


@contextmanager
def serving(encoders: Sequence[Encoder], limits: Limits | None = None, token: str = "", bank: str | None = None) -> Iterator[Server]:
    """A server that answers; it has ended when this is left."""
    server = Server(Service(encoders, limits, bank), "127.0.0.1", 0, token)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        yield server
    finally:
        server.end()
        thread.join()


def url_of(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"


@contextmanager
def client_of(server: Server, **options: Any) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=url_of(server), timeout=60.0, trust_env=False, **options) as client:
        yield client


class Gated(Encoder):
    """Texts whose vector is their length; it waits at a gate before each batch, and keeps the sizes of the batches it saw."""

    def __init__(self, *, name: str = "gated", dim: int = 2) -> None:
        self.spec = EncoderSpec(name, "1", dim, logit_scale=10.0)
        self.view = ViewSpec()
        self.offers = frozenset[Side]({"text"})
        self.channels = frozenset[int]()
        self.gate = threading.Event()
        self.entered = threading.Semaphore(0)
        self.batches: list[list[str]] = []

    def _encode(self, side: Side, batch: Any) -> Encoded:
        self.batches.append(list(batch))
        self.entered.release()
        assert self.gate.wait(60)
        if "bad" in batch:
            raise ValueError("a secret of the model")
        return Encoded(np.array([[len(text)] * self.spec.dim for text in batch], np.float32))


def png_of(values: Any) -> bytes:
    out = io.BytesIO()
    array = np.asarray(values)
    Image.fromarray(array.astype(np.uint8) if array.dtype == np.int64 else array).save(out, "PNG")
    return out.getvalue()


def zip_of(files: Sequence[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return out.getvalue()


def npy_of(array: Any, version: tuple[int, int] = (1, 0)) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, np.asarray(array), version=version)
    return out.getvalue()


def metric(client: httpx2.Client, name: str) -> dict[str, float]:
    """Samples of a metric by their labels."""
    lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith(name)]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


@contextmanager
def served_by_command(*arguments: str, code: Sequence[str] = ("-m", "scanbank.scripts.cli"), **options: Any) -> Iterator[tuple[Any, str]]:
    """`scanbank serve` as a process of its own, and its address; killed where the test has not ended it."""
    command = [sys.executable, *code, "serve", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            if process.poll() is None:
                process.kill()
