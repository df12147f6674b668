"""Clients of the service for its benchmark, in a process of their own: `python -m scanbank.scripts.serve_load URL SPEC`, SPEC as JSON.

One thread and one event loop for all of them, each with one connection that stays open: what they cost is taken from the
server's processor, where the two share one. Prints JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Load:
    """What is sent."""

    clients: int
    requests: int
    """In all."""
    rate: float = 0.0
    """Requests a second, evenly spaced, whatever comes back; 0: each client asks again as soon as it is answered."""
    path: str = "/v1/embed/text"
    texts: int = 1
    """In each request."""


@dataclass(frozen=True)
class Found:
    """What came back."""

    requests: int
    seconds: float
    """From the first request to the last answer."""
    latencies: list[float]
    """Seconds, of each request in the order of answers; of a paced load from when it was due."""
    failures: int


async def run(url: str, load: Load) -> Found:
    """Load a server, and see how it fares."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    latencies: list[float] = []
    failures = 0
    due: asyncio.Queue[tuple[int, float]] = asyncio.Queue()
    start = time.perf_counter()

    async def client() -> None:
        nonlocal failures
        reader = writer = None
        while True:
            number, at = await due.get()
            if number < 0:
                break
            asked = at if load.rate else time.perf_counter()
            if reader is None or writer is None or reader.at_eof():  # the server hangs up on who is silent for long
                reader, writer = await asyncio.open_connection(host, port)
            writer.write(_request(host, load, number))
            failures += await _answered(reader) != 200
            latencies.append(time.perf_counter() - asked)
        if writer is not None:
            writer.close()

    async def pace() -> None:
        for k in range(load.requests):
            at = start + k / load.rate if load.rate else 0.0
            if (early := at - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            due.put_nowait((k, at))
        for _ in range(load.clients):
            due.put_nowait((-1, 0.0))

    await asyncio.gather(pace(), *(client() for _ in range(load.clients)))
    return Found(len(latencies), time.perf_counter() - start, latencies, failures)


def _request(host: str, load: Load, number: int) -> bytes:
    texts = [f"nodule of {number % 90} mm in the left lower lobe, no effusion, {number}.{k}" for k in range(load.texts)]
    body = json.dumps({"texts": texts}).encode()
    head = f"POST {load.path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nAccept: application/octet-stream\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def _answered(reader: asyncio.StreamReader) -> int:
    """The status, after the whole answer was read."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:"))
    await reader.readexactly(length)
    return int(lines[0].split()[1])


def main() -> None:
    print(json.dumps(asdict(asyncio.run(run(sys.argv[1], Load(**json.loads(sys.argv[2])))))))


if __name__ == "__main__":
    main()
