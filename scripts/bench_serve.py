"""The service beside the model alone: throughput with many clients, latencies at half of it, and memory over time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median

import numpy as np

from scanbank.embed import open_encoder

from .bench_figures import Figure, Sizes
from .serve_load import Found, Load


def serve(folder: Path, sizes: Sizes) -> list[Figure]:
    """`scanbank serve` with the text side of a ViT-B/32 CLIP of random weights: the model is what takes the time, as with real ones.

    Batch and forward rate are measured in turns, the server being idle while the model runs alone.
    """
    del folder
    clients, uri = sizes.clients, sizes.serve_encoder
    encoder = open_encoder(uri, device=sizes.serve_device)
    texts = [f"nodule of {k} mm in the left lower lobe, no effusion" for k in range(clients)]
    alone: list[float] = []
    served: list[Found] = []
    with _server(uri, sizes) as (url, pid):
        for number in range(sizes.repeats + 1):
            rate = _forward_rate(encoder, texts, sizes.serve_seconds)
            found = _load(url, Load(clients, _count(rate, sizes.serve_seconds, clients)))
            if number:  # the first round is not counted
                alone.append(rate)
                served.append(found)
        rates = [one.requests / one.seconds for one in served]
        rate = median(rates)
        half = [
            _load(url, Load(4 * clients, _count(rate / 2, 2 * sizes.serve_seconds, clients), rate=rate / 2))
            for _ in range(max(1, sizes.repeats // 2))
        ]
        grown = _soak(url, pid, clients, _count(rate, sizes.soak_seconds, clients))
    ratios = [mine / theirs for mine, theirs in zip(rates, alone, strict=True)]
    spreads = [float(np.percentile(one.latencies, 99) / np.percentile(one.latencies, 50)) for one in half]
    p99, p50 = (median(1000 * float(np.percentile(one.latencies, q)) for one in half) for q in (99, 50))
    failures = sum(one.failures for one in (*served, *half)) + grown.failures
    if failures:
        raise RuntimeError(f"{failures} requests were not answered with 200: there is no speed to be told")
    named = f"serve, {uri}"
    ratio, spread = median(ratios), median(spreads)
    batch = f"forward only, batches of {clients}"
    return [
        Figure(
            f"{named}: texts of {clients} clients, one a request",
            median(rates),
            "texts/s",
            median(alone),
            batch,
            ratio,
            min(ratios),
            max(ratios),
            "ratio >= 0.7",
            ratio >= 0.7,
        ),
        Figure(
            f"{named}: p99 latency at half that load", p99, "ms", p50, "p50", spread, min(spreads), max(spreads), "ratio < 3", spread < 3
        ),
        Figure(
            f"{named}: resident memory after {sizes.soak_seconds:g} s under load",
            grown.after,
            "MB",
            grown.before,
            "after a tenth of it",
            grown.after / grown.before,
            wanted="ratio <= 1.05",
            met=grown.after <= 1.05 * grown.before,
        ),
    ]


class _Grown:
    def __init__(self, before: float, after: float, failures: int) -> None:
        self.before, self.after, self.failures = before, after, failures


def _count(rate: float, seconds: float, clients: int) -> int:
    """Requests that take so long, at least three of each client."""
    return max(3 * clients, int(rate * seconds))


def _soak(url: str, pid: int, clients: int, requests: int) -> _Grown:
    first = _load(url, Load(clients, max(clients, requests // 10)))
    before = _resident(pid)
    rest = _load(url, Load(clients, requests))
    return _Grown(before, _resident(pid), first.failures + rest.failures)


def _resident(pid: int) -> float:
    """MB."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) * 1024 / 1e6


def _forward_rate(encoder: object, texts: list[str], seconds: float) -> float:
    """Texts a second of the model alone, in full batches."""
    from scanbank.embed.encoder import Encoder

    assert isinstance(encoder, Encoder)
    encoder.encode_texts(texts)
    start, done = time.perf_counter(), 0
    while (taken := time.perf_counter() - start) < seconds or not done:
        encoder.encode_texts(texts)
        done += len(texts)
    return done / max(taken, time.perf_counter() - start)


def _load(url: str, load: Load) -> Found:
    command = (sys.executable, "-m", "scanbank.scripts.serve_load", url, json.dumps(asdict(load)))
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
    return Found(**json.loads(done.stdout))


@contextmanager
def _server(uri: str, sizes: Sizes) -> Iterator[tuple[str, int]]:
    options = ("--encoder", uri, "--port", "0", "--max-batch", str(sizes.clients), "--device", sizes.serve_device, "--timeout", "600")
    command = (sys.executable, "-m", "scanbank.scripts.cli", "serve", *options)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip(), process.pid
        finally:
            process.send_signal(signal.SIGTERM)
